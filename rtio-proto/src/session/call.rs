//! A call as the hub's session sees it: what it asks, how it is named, how it ends.

use alloc::vec::Vec;

use super::Delivery;
use crate::header::MessageId;
use crate::rest::{StatusCode, UriDigest};
use crate::time::Instant;

/// What a verb of the hub sends to a device: a CoPOST, or the establishment of an ObGET.
#[derive(Debug, Clone, Copy)]
pub struct CallRequest<'a> {
    /// Which URI.
    pub digest: UriDigest,
    /// What for it.
    pub data: &'a [u8],
    /// From then on [`handle_timeout`](super::HubSession::handle_timeout) ends the wait.
    pub deadline: Instant,
}

/// Names one call of one session; never names another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId {
    pub(super) message_id: MessageId,
    pub(super) serial: u32,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallOutcome {
    /// The device answered.
    Answered {
        /// The device's own status.
        status: StatusCode,
        /// Its data; empty unless the status is [`StatusCode::Ok`].
        data: Vec<u8>,
    },
    /// The device answered with something that is no answer to this request.
    Malformed,
    /// No answer came in time.
    TimedOut(Delivery),
    /// The session ended first.
    Gone(Delivery),
    /// The session ended first, because the device cannot be reached ([`Vanished`](super::CloseReason::Vanished)).
    Vanished(Delivery),
}

/// Why a session did not take a call or an observation. Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The device is not verified, or the session is ending.
    NotOpen,
    /// More data than this device may be sent.
    TooLarge {
        /// Bytes of data.
        len: usize,
        /// Most that are allowed.
        max: usize,
    },
    /// As many calls are in flight as are allowed, or no message id is free.
    TooManyCalls {
        /// Most that are allowed.
        max: u16,
    },
    /// The device does not read: too much waits to be sent to it.
    OutboxFull {
        /// Most bytes that may wait.
        max: u32,
    },
    /// As many observations are live as are allowed.
    TooManyObservations {
        /// Most that are allowed.
        max: usize,
    },
}
