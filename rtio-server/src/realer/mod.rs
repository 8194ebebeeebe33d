//! The control-device runtime (docs/realer.md): who a control device is, what it may be told to do and what it tells, over whichever
//! transport. The edges `http` and `admin` call [`Realer`]; the device session and callers come by the hub's own ports.
//!
//! The rules are pure: [`accept`] and what it stands on know no clock, no IO and no lock. It owns the port [`ports::Store`]. It knows
//! no HTTP, no socket and no SQL.

pub mod accept;
pub mod apply;
pub mod document;
pub mod fields;
pub mod ports;
pub mod shadow;
pub mod spacing;
pub mod value;
pub mod wish;

mod administration;
mod admission;
mod bootstrap;
mod broker;
mod catalog;
mod changes;
mod clock;
mod config;
mod connected_spacing;
mod credential;
mod desired;
mod device;
mod feed;
mod ids;
mod item;
mod oauth;
mod oauth_limits;
mod push;
mod read;
mod record;
mod refusal;
mod runtime;
mod scope;
mod session;
mod topic;
mod upkeep;
mod verifier;
mod wishes;

#[cfg(test)]
pub(crate) mod fake_store;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod use_cases;

pub use admission::{Admitted, Errand};
pub use broker::{Ack, AckOutcome, MqttGrant, Published};
pub use catalog::{Adoption, Catalog, Command, MAX_RESOURCES, MAX_SOURCES, Resource, Sensor};
pub use changes::{Changes, Watcher};
pub use clock::{Clock, SteadyClock};
pub use config::{Backoff, Cadence, Codes, Config, Interval, Limits, Retention};
pub use desired::{DesiredState, Lifecycle, NewDesired};
pub use device::{ControlDevice, DeviceSettings, Plan, Protocols, Revisions, Subscription};
pub use ids::{CommandId, DesiredId, InvalidId, ResourceId, SensorId, SourceId, is_control_device, new_control_device};
pub use item::{Answer, Item, MessageId, ReportStatus, Text, Warning, Warnings};
pub use oauth::{Client, ClientCredentials, OauthErrorDocument, OauthRefusal, TokenDocument};
pub use push::Pusher;
pub use record::{AdoptionRecord, FeedRecord, Latest, SourceState, State};
pub use refusal::{Detail, ErrorType, Refusal, whole_seconds};
pub use runtime::Realer;
pub use scope::{Scope, Scopes};
pub use session::services;
pub use shadow::Shadow;
pub use spacing::Family;
pub use topic::{Route, Topic};
pub use verifier::ControlDeviceVerifier;
