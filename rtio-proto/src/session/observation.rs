//! An observation as the hub's session sees it: how it is named, how it ends.

use super::Delivery;
use super::call::{join, split};
use crate::rest::{ObserverId, StatusCode};

/// Names one observation of one session; never names another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObservationId {
    pub(super) observer: ObserverId,
    pub(super) serial: u32,
}

impl ObservationId {
    /// Names an observation of a session that speaks another protocol, as [`CallId::numbered`](super::CallId::numbered) does a
    /// call.
    pub const fn numbered(number: u64) -> Self {
        let (high, serial) = split(number);
        let observer = match ObserverId::new(high) {
            Some(observer) => observer,
            None => ObserverId::FIRST,
        };
        Self { observer, serial }
    }

    /// The number that [`numbered`](Self::numbered) has named.
    pub const fn number(self) -> u64 {
        join(self.observer.to_wire(), self.serial)
    }
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
