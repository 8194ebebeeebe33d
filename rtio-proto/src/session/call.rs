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

impl CallId {
    /// Names a call of a session that speaks another protocol and numbers its calls itself. Numbers below 2^48 − 2^32 have names
    /// of their own.
    pub const fn numbered(number: u64) -> Self {
        let (high, serial) = split(number);
        let message_id = match MessageId::new(high) {
            Some(message_id) => message_id,
            None => MessageId::FIRST,
        };
        Self { message_id, serial }
    }

    /// The number that [`numbered`](Self::numbered) has named.
    pub const fn number(self) -> u64 {
        join(self.message_id.to_wire(), self.serial)
    }
}

/// A number as what names a call or an observation: an id, which is never 0, and a serial number.
pub(super) const fn split(number: u64) -> (u16, u32) {
    let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
    (u16::from_be_bytes([a, b]).saturating_add(1), u32::from_be_bytes([c, d, e, f]))
}

/// The number that `split` has taken apart.
pub(super) const fn join(id: u16, serial: u32) -> u64 {
    let ([a, b], [c, d, e, f]) = ((id - 1).to_be_bytes(), serial.to_be_bytes());
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::ObservationId;

    #[test]
    fn numbers_name_calls_and_observations_and_come_back() {
        for number in [0, 1, u64::from(u32::MAX), 1 << 32, 1 << 47, (1 << 48) - (1 << 32) - 1] {
            assert_eq!(CallId::numbered(number).number(), number);
            assert_eq!(ObservationId::numbered(number).number(), number);
        }
        assert_ne!(CallId::numbered(0), CallId::numbered(1 << 32));
    }
}
