//! What the hub needs from outside, as traits that it owns. `backend` implements them, and so do the tests' fakes.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{
    Access, Answered, BackendInfo, CallRequest, Credential, DeviceId, DeviceRecord, DeviceSecret, NewDevice,
    ObservationItem, OldSecret, RegistryError, Report, ReportAnswer, ShadowRefusal,
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

/// Answers what callers ask of some URIs of some devices, on the devices' behalf, whether they are online or not.
pub trait Shadow: Debug + Send + Sync {
    /// Whether it answers for this URI of this device. Asked at each call of any device: must be cheap.
    fn has(&self, device: &DeviceId, uri: &str) -> bool;

    /// Answers a call. Must end by itself, within the request's wait or soon.
    fn call<'a>(&'a self, device: &'a DeviceId, request: CallRequest<'a>) -> BoxFuture<'a, Answered>;

    /// Begins an observation, from the place that the request names or from now on.
    fn observe<'a>(
        &'a self,
        device: &'a DeviceId,
        request: CallRequest<'a>,
    ) -> BoxFuture<'a, Result<Box<dyn ShadowFeed>, ShadowRefusal>>;

    /// The registry has forgotten the device: whoever observes it is to hear of that.
    fn is_removed(&self, device: &DeviceId);
}

/// The frames of an observation that the hub answers. Dropping it is the end of it.
pub trait ShadowFeed: Debug + Send {
    /// The next frame or the end; asked only when there is room for it.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<ObservationItem>;
}
