//! What the runtime answers, as JSON objects: one type per document of the contract, whichever transport carries it. They are made
//! of the domain's own types and read nothing. Fields are public so that a transport with short messages can cut one into pages.

mod ack;
mod bootstrap;
mod catalog;
mod credential;
mod desired;
mod error;
mod mqtt;
mod result;
mod time;

pub use ack::{AckDocument, AckError};
pub use bootstrap::{
    BackoffItem, BootstrapDocument, CadenceItem, DeviceItem, DeviceName, Endpoints, HttpsEndpoints, IntervalItem,
    LimitsItem, MqttEndpoints, RtioEndpoints,
};
pub use catalog::{CommandItem, CommandsDocument, SensorItem, SensorsDocument, Unsupported, UnsupportedError};
pub use credential::CredentialDocument;
pub use desired::{DesiredDocument, DesiredItem, DesiredStatesDocument};
pub use error::{DetailItem, ErrorDocument, ErrorItem};
pub use mqtt::{CredentialRequest, MqttDocument, MqttLimits, MqttRoute};
pub use result::{BatchDocument, BatchResult, ResultDocument, WarningItem};
pub use time::utc;

pub(super) use credential::revealed;

/// The pattern's code of something that was read. (§1.6)
pub const OK: u16 = 2000;

/// The pattern's code of something that was made. (§1.6)
pub const CREATED: u16 = 2001;

/// The label of something that was made. (§6.2)
const CREATED_LABEL: &str = "created";
