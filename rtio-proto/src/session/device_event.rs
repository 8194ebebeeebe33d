//! What a device's session and its driver tell each other. Events lend their data from the frame that brought it.

use crate::header::{FrameCode, MessageId};
use crate::rest::{CoPostRequest, CoPostResponse, Establish, ObserverId, StatusCode, UriDigest};

/// What a session tells its driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceEvent<'a> {
    /// The hub let the device in.
    Verified,
    /// The hub refused the device with this code (§2); the session is over.
    VerifyRefused(FrameCode),
    /// The hub calls the device. Call [`answer_call`](super::DeviceSession::answer_call).
    Call {
        /// Names the request.
        message_id: MessageId,
        /// Which URI.
        digest: UriDigest,
        /// What for it.
        data: &'a [u8],
    },
    /// Somebody wants to observe the device. Call [`accept_observation`](super::DeviceSession::accept_observation) or
    /// [`refuse_observation`](super::DeviceSession::refuse_observation).
    ObserveRequested {
        /// Names the observation for as long as it lives.
        observer: ObserverId,
        /// Which URI.
        digest: UriDigest,
        /// What for it.
        data: &'a [u8],
    },
    /// The hub took the last notification: the next may be sent.
    NotifyAnswered {
        /// Whose.
        observer: ObserverId,
    },
    /// An observation ended, and not because our side ended it.
    ObservationStopped {
        /// Which; the name is free for another from now on.
        observer: ObserverId,
        /// By whom.
        cause: StopCause,
    },
    /// A report ended.
    ReportAnswered {
        /// What [`start_report`](super::DeviceSession::start_report) returned.
        report: MessageId,
        /// How.
        outcome: ReportOutcome<'a>,
    },
    /// The hub answered a ping, ours or the session's own. Any code but [`FrameCode::Success`] leaves the interval unchanged.
    PingAnswered(FrameCode),
}

/// How a report ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportOutcome<'a> {
    /// The hub answered.
    Answered {
        /// With this status.
        status: StatusCode,
        /// And this data; empty unless the status is [`StatusCode::Ok`].
        data: &'a [u8],
    },
    /// The hub answered with something that is no answer to a report.
    Malformed,
    /// No answer came in time.
    TimedOut,
    /// The session ended first.
    Gone,
}

/// Who ended an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopCause {
    /// The caller left (§4).
    CallerLeft,
    /// The hub answered a notification with something that is no answer to it.
    Malformed,
    /// The session ended.
    Gone,
}

/// Why a verb did nothing. Nothing was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceRefusal {
    /// The session is not in the state for it: not verified yet, verified already, or over.
    NotOpen,
    /// The driver broke the contract: what the last mutation gave is not drained.
    Undrained,
    /// More data than a message may carry.
    TooLarge {
        /// Bytes of data.
        len: usize,
        /// Most that are allowed.
        max: usize,
    },
    /// As many reports as there are slots wait for their answers, or were not answered and keep their ids out of use.
    TooManyReports {
        /// How many slots there are.
        max: usize,
    },
    /// No observation of this name is at a step that allows it.
    UnknownObserver,
    /// The last notification of this observation is not answered (§4).
    NotifyUnanswered,
    /// The last ping is not answered.
    PingUnanswered,
}

impl core::fmt::Display for DeviceRefusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotOpen => write!(f, "session is not in the state for it"),
            Self::Undrained => write!(f, "session is not drained"),
            Self::TooLarge { len, max } => write!(f, "{len} bytes of data, at most {max} allowed"),
            Self::TooManyReports { max } => write!(f, "{max} reports are unanswered, more are not allowed"),
            Self::UnknownObserver => write!(f, "no such observation"),
            Self::NotifyUnanswered => write!(f, "the last notification is not answered"),
            Self::PingUnanswered => write!(f, "the last ping is not answered"),
        }
    }
}

impl core::error::Error for DeviceRefusal {}

/// An event without the data that it lends.
#[derive(Debug, Clone, Copy)]
pub(super) enum StoredEvent {
    /// One that lends nothing.
    Whole(DeviceEvent<'static>),
    Call {
        message_id: MessageId,
        digest: UriDigest,
    },
    ObserveRequested {
        observer: ObserverId,
        digest: UriDigest,
    },
    ReportAnswered {
        report: MessageId,
        status: StatusCode,
    },
}

impl StoredEvent {
    /// The event, with its data from the body of the frame that brought it.
    pub(super) fn with_body(self, body: &[u8]) -> DeviceEvent<'_> {
        let after = |head: usize| body.get(head..).unwrap_or_default();
        match self {
            Self::Whole(event) => event,
            Self::Call { message_id, digest } => {
                DeviceEvent::Call { message_id, digest, data: after(CoPostRequest::MIN_BYTES) }
            }
            Self::ObserveRequested { observer, digest } => {
                DeviceEvent::ObserveRequested { observer, digest, data: after(Establish::MIN_BYTES) }
            }
            Self::ReportAnswered { report, status } => {
                let data = if status == StatusCode::Ok { after(CoPostResponse::HEAD_BYTES) } else { &[] };
                DeviceEvent::ReportAnswered { report, outcome: ReportOutcome::Answered { status, data } }
            }
        }
    }
}
