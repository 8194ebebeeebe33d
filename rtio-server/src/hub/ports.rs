//! What the hub needs from outside, as traits that it owns. `backend` implements them, and so do the tests' fakes.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use super::{
    Access, BackendInfo, Credential, DeviceId, DeviceRecord, DeviceSecret, NewDevice, OldSecret, RegistryError, Report,
    ReportAnswer,
};

/// A future behind a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Says whether a device may connect.
pub trait Verifier: Debug + Send + Sync {
    /// Asks about one device. Must end by itself; a device that waits longer than 15 s in all is dropped.
    fn verify<'a>(&'a self, device: &'a DeviceId, secret: &'a [u8]) -> BoxFuture<'a, Verification>;
}

/// A verifier's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Id and secret match.
    Accepted,
    /// They match, and this is the secret: once it counts no more, the session that it began ends.
    AcceptedBy(Credential),
    /// They do not, or the device is unknown.
    Refused,
    /// The question could not be asked, or was not understood.
    Unavailable,
}

/// Keeps who may connect. Every change is durable once its future has ended well, and has not happened where it failed.
pub trait DeviceRegistry: Debug + Send + Sync {
    /// Adds devices: all of them, or, if one is there already, none.
    fn add(&self, devices: Vec<NewDevice>) -> BoxFuture<'_, Result<(), RegistryError>>;

    /// One device.
    fn device<'a>(&'a self, device: &'a DeviceId) -> BoxFuture<'a, Result<DeviceRecord, RegistryError>>;

    /// At most `max` devices in the order of their ids, from the first one after `after`.
    fn devices<'a>(
        &'a self,
        after: Option<&'a DeviceId>,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<DeviceRecord>, RegistryError>>;

    /// Lets a device connect, or not.
    fn set_access<'a>(
        &'a self,
        device: &'a DeviceId,
        access: Access,
    ) -> BoxFuture<'a, Result<DeviceRecord, RegistryError>>;

    /// Gives a device a further secret. At most two are live: those before count no more, nor does the last one if `old` says so.
    fn rotate<'a>(
        &'a self,
        device: &'a DeviceId,
        secret: DeviceSecret,
        old: OldSecret,
    ) -> BoxFuture<'a, Result<DeviceRecord, RegistryError>>;

    /// Forgets a device.
    fn remove<'a>(&'a self, device: &'a DeviceId) -> BoxFuture<'a, Result<(), RegistryError>>;
}

/// Answers what devices send to one URI.
pub trait DeviceService: Debug + Send + Sync {
    /// Handles one CoPOST of a device. The hub waits for 5 s at most.
    fn post<'a>(&'a self, report: Report<'a>) -> BoxFuture<'a, ReportAnswer>;

    /// Whom it asks, and how that one does now; none where it answers by itself.
    fn backend(&self) -> Option<BackendInfo> {
        None
    }
}
