//! What can go wrong, for the program that runs a device ([`ClientError`]) and for its handlers ([`HandlerError`],
//! [`SinkError`]).

use std::time::Duration;

use rtio_proto::{FrameCode, StatusCode, UriDigest};

/// Why a device could not be built, was given up, or a report of it has no answer.
///
/// Lost connections are not here: [`run`](crate::Runner::run) makes new ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Our misuse: no device can have this id.
    #[error("device id {id:?} is not 1 to 64 of A-Z a-z 0-9 . _ ~ -")]
    InvalidDeviceId {
        /// The id.
        id: String,
    },
    /// Our misuse: the secret is too long.
    #[error("secret of {len} bytes, at most {max} allowed")]
    SecretTooLong {
        /// Bytes of the secret.
        len: usize,
        /// Most that are allowed.
        max: usize,
    },
    /// Our misuse: two URIs that look the same on the wire. Rename one.
    #[error("{first:?} and {second:?} have the same digest {digest}")]
    DigestCollision {
        /// Registered first.
        first: String,
        /// Registered then.
        second: String,
        /// The CRC-32 of both.
        digest: UriDigest,
    },
    /// Our misuse: a URI has two handlers for one method.
    #[error("{uri:?} has a handler for this method already")]
    RegisteredTwice {
        /// The URI.
        uri: String,
    },
    /// The hub refused the device for good: [`FrameCode::VerificationFailed`] for a wrong id or secret,
    /// [`FrameCode::InvalidParameter`] for an id that it does not take.
    #[error("hub refused the device: {code:?}")]
    Refused {
        /// The hub's answer.
        code: FrameCode,
    },
    /// The device does not run any more.
    #[error("device is stopped")]
    Stopped,
    /// No connection within the time given; the report was not sent.
    #[error("no connection to the hub within {waited:?}")]
    Offline {
        /// The time given.
        waited: Duration,
    },
    /// No answer within the time given; the hub may or may not have acted on the report.
    #[error("no answer within {waited:?}")]
    TimedOut {
        /// The time given.
        waited: Duration,
    },
    /// The connection was lost before the answer came; the hub may or may not have acted on the report.
    #[error("connection lost before the answer came")]
    ConnectionLost,
    /// The report was not sent: it does not fit a message of the agreed capacity.
    #[error("{len} bytes of data, at most {max} allowed")]
    TooLarge {
        /// Bytes of data.
        len: usize,
        /// Most that are allowed.
        max: usize,
    },
    /// The report was not sent: as many as are allowed have no answer.
    #[error("{max} reports are unanswered")]
    TooManyReports {
        /// Most that are allowed.
        max: usize,
    },
    /// The hub, or the service behind it, answered the report with an error of its own.
    #[error("report answered with {status:?}")]
    ReportRefused {
        /// The answer.
        status: StatusCode,
    },
    /// The hub answered the report with something that is no answer to it.
    #[error("report answered with something that is no answer")]
    MalformedAnswer,
}

/// What a handler's caller gets instead of an answer.
///
/// Made from any error by `?`, as [`HandlerError::Internal`]. It is no `Error` itself, because that would forbid this.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandlerError {
    /// The handler failed. The text goes to the log of this device, never to the caller.
    Internal(String),
    /// There is nothing under this URI now.
    NotFound,
    /// The request makes no sense to the handler.
    BadRequest,
    /// The handler is busy; the caller may try again.
    TooManyRequests,
}

impl HandlerError {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Internal(_) => StatusCode::InternalError,
            Self::NotFound => StatusCode::NotFound,
            Self::BadRequest => StatusCode::BadRequest,
            Self::TooManyRequests => StatusCode::TooManyRequests,
        }
    }
}

impl<E: std::error::Error> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self::Internal(chain(&error))
    }
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Why a frame of an observation was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The caller left, or the connection was lost: the observation is over.
    #[error("the caller left")]
    Closed,
    /// The frame does not fit a message of the agreed capacity; the observation goes on.
    #[error("{len} bytes of data, at most {max} allowed")]
    TooLarge {
        /// Bytes of data.
        len: usize,
        /// Most that are allowed.
        max: usize,
    },
}
