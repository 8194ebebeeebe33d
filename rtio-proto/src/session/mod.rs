//! Both ends of one device link as plain structs: bytes, commands and time go in; bytes, events and the next deadline come
//! out. No socket, lock, channel or clock inside, so a test can join the two ends in memory.
//!
//! # The contract
//!
//! * Feed: `handle_bytes`, `handle_timeout` and their like say what arrived; verbs such as `start_call` say what our side
//!   wants.
//! * Drain: after **each** of them call `poll_event` until it returns `None`, then `poll_transmit` likewise, before the next
//!   one. One mutation, then drain.
//! * Sleep until `poll_timeout`; the timers are named in [`Timer`].
//! * `handle_bytes` takes at most one frame from the front of its input and returns how much it took; call it again with the
//!   rest after draining.
//! * Once `close_reason` returns something, send what `poll_transmit` still gives, then close the connection.
//!
//! [`HubSession`] (feature `alloc`) keeps its tables on the heap and empty while nothing happens, because a hub has a million
//! idle ones. [`DeviceSession`] has tables and buffers of a fixed size and never allocates.

#[cfg(feature = "alloc")]
mod call;
mod device_event;
mod device_link;
mod device_observations;
mod device_reports;
mod device_session;
#[cfg(test)]
mod device_tests;
#[cfg(feature = "alloc")]
mod heartbeat;
#[cfg(feature = "alloc")]
mod hub_endings;
#[cfg(feature = "alloc")]
mod hub_event;
#[cfg(feature = "alloc")]
mod hub_link;
#[cfg(feature = "alloc")]
mod hub_session;
#[cfg(feature = "alloc")]
mod observation;
#[cfg(feature = "alloc")]
mod observers;
#[cfg(feature = "alloc")]
mod outbox;
#[cfg(feature = "alloc")]
mod pending;
mod ping_clock;
#[cfg(feature = "alloc")]
mod retired;

#[cfg(feature = "alloc")]
pub use call::{CallId, CallOutcome, CallRequest, Refusal};
pub use device_event::{DeviceEvent, DeviceRefusal, ReportOutcome, StopCause};
pub use device_session::{DeviceConfig, DeviceSession};
#[cfg(feature = "alloc")]
pub use hub_event::{HubEvent, Verdict};
#[cfg(feature = "alloc")]
pub use hub_session::{HubSession, SessionLimits};
#[cfg(feature = "alloc")]
pub use observation::{ObservationEnd, ObservationId};

use crate::error::ProtocolError;
use crate::header::FrameCode;

/// What a deadline of a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Timer {
    /// The device must be verified by then (§2).
    Verify,
    /// The peer must have been heard by then (§3).
    Silence,
    /// A request of ours must have been answered by then (§5).
    Answer,
    /// Hub only: the caller of an observation must have made room by then (§4).
    Room,
    /// Device only: the next ping is due (§3).
    Ping,
}

/// How far a request got on its way to the peer, when no answer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Not a byte of it left; it never will.
    NotSent,
    /// It was handed to the transport; the peer may or may not have acted on it.
    Sent,
}

/// Why a session ends, and thereby whose doing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer broke the protocol.
    Protocol(ProtocolError),
    /// The device did not verify itself in time (§2).
    VerifyTimeout,
    /// The device was refused with this code (§2).
    Refused(FrameCode),
    /// A verified device verified itself again (§2).
    VerifiedTwice,
    /// Nothing came for 1.5 intervals (§3).
    Silent,
    /// A newer connection of the same device took over (§2).
    Replaced,
    /// Our side ended this session alone.
    Disconnected,
    /// The device may not connect any more.
    Revoked,
    /// Our side ends.
    Shutdown,
    /// The peer closed the connection, or the transport failed.
    PeerGone,
    /// The peer's transport acknowledged nothing any more: it is gone without a goodbye, or cannot be reached.
    Vanished,
}

impl CloseReason {
    /// Name of the reason, for counters and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Protocol(error) => error.cause(),
            Self::VerifyTimeout => "verify_timeout",
            Self::Refused(_) => "refused",
            Self::VerifiedTwice => "verified_twice",
            Self::Silent => "silent",
            Self::Replaced => "replaced",
            Self::Disconnected => "disconnected",
            Self::Revoked => "revoked",
            Self::Shutdown => "shutdown",
            Self::PeerGone => "peer_gone",
            Self::Vanished => "vanished",
        }
    }
}
