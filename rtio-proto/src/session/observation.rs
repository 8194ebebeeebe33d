//! An observation as the hub's session sees it: how it is named, how it ends.

use super::Delivery;
use crate::rest::{ObserverId, StatusCode};

/// Names one observation of one session; never names another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObservationId {
    pub(super) observer: ObserverId,
    pub(super) serial: u32,
}

/// How an observation ended, before it began or later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObservationEnd {
    /// The device refused it with this status.
    Refused(StatusCode),
    /// The device answered the establishment with something that is no answer to it.
    Malformed,
    /// The device did not answer the establishment in time.
    TimedOut(Delivery),
    /// The device said that this was the last frame.
    Terminated,
    /// The device ended it with an error of its own.
    Failed(StatusCode),
    /// The device sent a frame before the last one was answered.
    Overrun,
    /// Its caller did not take what was there for [`STALL_TIMEOUT`](crate::limits::STALL_TIMEOUT).
    Stalled,
    /// The session ended first.
    Gone(Delivery),
    /// The session ended before the device answered, because the device cannot be reached.
    Vanished(Delivery),
}
