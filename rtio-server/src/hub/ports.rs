//! What the hub needs from outside, as traits that it owns. `backend` implements them, and so do the tests' fakes.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use super::{DeviceId, ReportAnswer};

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
    /// They do not, or the device is unknown.
    Refused,
    /// The question could not be asked, or was not understood.
    Unavailable,
}

/// Answers what devices send to one URI.
pub trait DeviceService: Debug + Send + Sync {
    /// Handles one CoPOST of a device. The hub waits for 5 s at most.
    fn post<'a>(&'a self, device: &'a DeviceId, data: Vec<u8>) -> BoxFuture<'a, ReportAnswer>;
}
