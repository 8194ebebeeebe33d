//! What the runtime needs of a store, as a trait that it owns. Every operation is whole: it happens all at once, or not at all, and a
//! change is durable once its future has ended well. What an item or a wish does is decided by the runtime's pure rules
//! ([`decide`](super::accept::decide), [`set`](super::wish::set)), which a store calls inside its transaction: so a second store needs rows, and no rules.

use std::error::Error;
use std::fmt::Debug;

use super::accept::Now;
use super::catalog::{Catalog, Command, Resource, Sensor};
use super::desired::{DesiredState, NewDesired};
use super::device::{ControlDevice, DeviceSettings};
use super::record::{AdoptionRecord, FeedRecord, State};
use super::refusal::Refusal;
use super::{CommandId, DesiredId, Item, ResourceId, Retention, Scopes, SensorId, SourceId, Warnings};
use crate::hub::ports::BoxFuture;
use crate::hub::{Credential, DeviceId, DeviceSecret};

/// What an operation gives.
pub type Stored<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// Keeps what the runtime must not forget.
pub trait Store: Debug + Send + Sync {
    /// With which of its live secrets a control device that may connect proves itself. `None`: it does not.
    fn authenticate<'a>(&'a self, client: &'a DeviceId, secret: &'a [u8]) -> Stored<'a, Option<Credential>>;

    /// Keeps an access token, as a digest. A device has [`MAX_TOKENS`] at most: one more ends the oldest.
    fn add_token(&self, token: NewToken) -> Stored<'_, ()>;

    /// Whose token this is, unless it is unknown, revoked, or expired. One that was issued for a secret that counts no more, or whose
    /// device may not connect any more, is as revoked.
    fn token<'a>(&'a self, token: &'a str, now_ms: i64) -> Stored<'a, Option<TokenHolder>>;

    /// Ends a token of this device; another's is left alone.
    fn revoke_token<'a>(&'a self, device: &'a DeviceId, token: &'a str) -> Stored<'a, ()>;

    /// Keeps an MQTT credential, as a digest, with the same cap as tokens.
    fn add_mqtt_credential(&self, credential: NewToken) -> Stored<'_, ()>;

    /// What an MQTT credential of this device gives, unless it is unknown or expired, or counts no more as a token would.
    fn mqtt_credential<'a>(
        &'a self,
        device: &'a DeviceId,
        credential: &'a str,
        now_ms: i64,
    ) -> Stored<'a, Option<TokenHolder>>;

    /// At most `max` control devices in the order of their ids, from the first one after `after`.
    fn control_devices<'a>(&'a self, after: Option<&'a DeviceId>, max: usize) -> Stored<'a, Vec<ControlDevice>>;

    /// One control device.
    fn control_device<'a>(&'a self, device: &'a DeviceId) -> Stored<'a, Option<ControlDevice>>;

    /// A control device with its commands and sensors.
    fn catalog<'a>(&'a self, device: &'a DeviceId) -> Stored<'a, Option<Catalog>>;

    /// At most `max` resources in the order of their ids, from the first one after `after`.
    fn resources<'a>(&'a self, after: Option<&'a ResourceId>, max: usize) -> Stored<'a, Vec<Resource>>;

    /// Makes all of these changes, or none. A change of what firmware sees raises the revision of its device. Which devices stand
    /// otherwise now, also by what only belongs to them; not those that were removed.
    fn change_catalog(
        &self,
        changes: Vec<CatalogChange>,
        now_ms: i64,
    ) -> BoxFuture<'_, Result<Vec<DeviceId>, CatalogError>>;

    /// Takes items of a device, one after the other; each is accepted or refused by itself.
    fn accept<'a>(
        &'a self,
        device: &'a DeviceId,
        items: Vec<Item>,
        now: Now,
    ) -> Stored<'a, Vec<Result<Accepted, Refusal>>>;

    /// At most `max` records of a device in the order of their numbers, from the first one after `after`.
    fn feed_data<'a>(&'a self, device: &'a DeviceId, after: u64, max: usize) -> Stored<'a, Vec<FeedRecord>>;

    /// The number of the device's newest record; 0 if it never had one.
    fn last_feed_data<'a>(&'a self, device: &'a DeviceId) -> Stored<'a, u64>;

    /// Sets a desired state; an open one of the same context is superseded.
    fn set_desired<'a>(&'a self, device: &'a DeviceId, wish: NewDesired) -> Stored<'a, Result<DesiredState, Refusal>>;

    /// The open desired states of a device, by the time of their issue, then by number. Those whose time is over are left out.
    fn open_desired<'a>(&'a self, device: &'a DeviceId, now_ms: i64) -> Stored<'a, Vec<DesiredState>>;

    /// One desired state of a device.
    fn desired_state<'a>(&'a self, device: &'a DeviceId, id: &'a DesiredId) -> Stored<'a, Option<DesiredState>>;

    /// At most `max` desired states of a device in the order in which they were set, from the first one after `after`.
    fn desired_states<'a>(
        &'a self,
        device: &'a DeviceId,
        after: Option<&'a DesiredId>,
        max: usize,
    ) -> Stored<'a, Vec<DesiredState>>;

    /// How the sources of a device stand that changed after `after`; 0: all. `None`: there is no such device.
    fn state<'a>(&'a self, device: &'a DeviceId, after: u64) -> Stored<'a, Option<State>>;

    /// At most `max` adoptions of a device in the order of their numbers, from the first one after `after`.
    fn adoptions<'a>(&'a self, device: &'a DeviceId, after: u64, max: usize) -> Stored<'a, Vec<AdoptionRecord>>;

    /// Closes at most `max` desired states whose time is over. Whose they were.
    fn expire(&self, now_ms: i64, max: usize) -> Stored<'_, Vec<DeviceId>>;

    /// Forgets a bounded number of things that were kept long enough. Whether there may be more.
    fn forget(&self, retention: Retention, now_ms: i64) -> Stored<'_, Forgotten>;
}

/// An access token or MQTT credential that is to be kept.
#[derive(Debug)]
pub struct NewToken {
    /// Whose it is.
    pub device: DeviceId,
    /// The secret that it was issued for.
    pub credential: Credential,
    /// The token itself; never kept.
    pub token: DeviceSecret,
    /// What it is for.
    pub scopes: Scopes,
    /// When it was issued, in milliseconds since 1970.
    pub issued_ms: i64,
    /// From when on it counts no more, in milliseconds since 1970.
    pub expires_ms: i64,
}

/// Who holds a live token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenHolder {
    /// A control device.
    Device {
        /// As it is now.
        device: Box<ControlDevice>,
        /// The secret that the token was issued for.
        credential: Credential,
        /// What the token is for.
        scopes: Scopes,
        /// From when on the token counts no more, in milliseconds since 1970.
        expires_ms: i64,
    },
    /// A device that is there no more.
    Removed,
}

/// What became of an item that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// It is new.
    Created {
        /// Its number.
        feed_data: u64,
        /// What was odd about it.
        warnings: Warnings,
    },
    /// It was there already.
    Replayed {
        /// Its number.
        feed_data: u64,
        /// What was odd about it when it came first.
        warnings: Warnings,
    },
}

/// Whether a bounded clean-up came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// All that was old enough.
    All,
    /// As much as one step may.
    Some,
}

/// One change of what operators say.
#[derive(Debug, Clone)]
pub enum CatalogChange {
    /// A new control device, which is a new device of the registry as well.
    AddDevice {
        /// Its name.
        id: DeviceId,
        /// What proves it.
        secret: DeviceSecret,
        /// What is agreed with it.
        settings: DeviceSettings,
    },
    /// Other settings.
    ChangeDevice {
        /// Whose.
        id: DeviceId,
        /// All of them.
        settings: DeviceSettings,
    },
    /// A control device that is no more, with all that it told and was told; it is no device of the registry any more, either.
    RemoveDevice(DeviceId),
    /// A resource, new or changed.
    PutResource(Resource),
    /// A resource that is no more; what belonged to it stays.
    RemoveResource(ResourceId),
    /// A command, new or changed.
    PutCommand {
        /// Of which device.
        device: DeviceId,
        /// All of it; the value counts only for a new one, because that of another may change meanwhile.
        command: Command,
    },
    /// A command that is no more, with all that it told and was told.
    RemoveCommand {
        /// Of which device.
        device: DeviceId,
        /// Which.
        id: CommandId,
    },
    /// A sensor, new or changed.
    PutSensor {
        /// Of which device.
        device: DeviceId,
        /// All of it.
        sensor: Sensor,
    },
    /// A sensor that is no more, with all that it told.
    RemoveSensor {
        /// Of which device.
        device: DeviceId,
        /// Which.
        id: SensorId,
    },
}

/// The store cannot do it now, such as on a full disk; nothing has changed.
#[derive(Debug, thiserror::Error)]
#[error("the store cannot be read or written")]
pub struct StoreError(#[source] pub Box<dyn Error + Send + Sync>);

/// A change of the catalog was not made; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such control device.
    #[error("there is no control device {0}")]
    UnknownDevice(DeviceId),
    /// The device has no such command or sensor.
    #[error("{device} has no {}", id.as_str())]
    UnknownSource {
        /// Which device.
        device: DeviceId,
        /// What it has not.
        id: SourceId,
    },
    /// There is no such resource.
    #[error("there is no resource {0}")]
    UnknownResource(ResourceId),
    /// Something else has this name or label already.
    #[error("there is a {what} {name} already")]
    Exists {
        /// A kind of thing.
        what: &'static str,
        /// Its name or label.
        name: String,
    },
    /// As many as there may be.
    #[error("{device} has {max} {what} already, and no room for more")]
    Full {
        /// Which device.
        device: DeviceId,
        /// Commands or sensors.
        what: &'static str,
        /// How many may be.
        max: usize,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Live tokens of a device: a device that starts again and again asks for one each time.
pub const MAX_TOKENS: usize = 64;
