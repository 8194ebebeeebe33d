//! What a hub's session and its driver tell each other, beside calls and observations.

use alloc::string::String;
use alloc::vec::Vec;

use super::call::CallOutcome;
use super::observation::ObservationEnd;
use crate::header::MessageId;
use crate::rest::UriDigest;
use crate::verify::Secret;

/// What became of asking whether a device may connect (§2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Let it in.
    Accepted,
    /// Wrong id or secret.
    Refused,
    /// No device can have this id.
    Malformed,
    /// Nobody could be asked.
    Unavailable,
}

/// What a session tells its driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HubEvent<C, O> {
    /// Ask whether this device may connect, then call [`answer_verify`](super::HubSession::answer_verify).
    VerifyRequested {
        /// Its id.
        id: String,
        /// Its secret.
        secret: Secret,
    },
    /// A call ended.
    CallDone {
        /// Whose.
        token: C,
        /// How.
        outcome: CallOutcome,
    },
    /// The device began the observation; comes before all its frames.
    ObservationStarted {
        /// Whose.
        token: O,
    },
    /// A frame of an observation. Call [`grant_frame`](super::HubSession::grant_frame) once the caller's side has taken it.
    Notified {
        /// Whose.
        token: O,
        /// The frame's data.
        data: Vec<u8>,
    },
    /// An observation ended, or did not begin.
    ObservationEnded {
        /// Whose.
        token: O,
        /// How.
        end: ObservationEnd,
    },
    /// The device calls the hub. Call [`answer_report`](super::HubSession::answer_report).
    Report {
        /// Names the request.
        message_id: MessageId,
        /// Which URI.
        digest: UriDigest,
        /// What for it.
        data: Vec<u8>,
    },
    /// An answer came that nobody waits for any more; it was dropped.
    AnswerDropped,
}
