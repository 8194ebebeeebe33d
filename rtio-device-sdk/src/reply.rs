//! What the tasks of handlers tell the connection that started them.

use bytes::Bytes;
use rtio_proto::{MessageId, ObserverId, StatusCode};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::error::{HandlerError, SinkError};

/// Names a call on its connection, and never another, whatever ids the hub reuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallKey {
    pub(crate) message_id: MessageId,
    pub(crate) serial: u64,
}

/// Names an observation on its connection, and never another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ObservationKey {
    pub(crate) observer: ObserverId,
    pub(crate) serial: u64,
}

#[derive(Debug)]
pub(crate) enum Reply {
    /// A call's handler is done.
    Answer { key: CallKey, result: Result<Bytes, Failure> },
    /// An observation's handler has not failed for a while: the caller need not wait for the first frame.
    Accept { key: ObservationKey },
    /// A frame of an observation.
    Notify { key: ObservationKey, data: Bytes, answered: oneshot::Sender<Result<(), SinkError>> },
    /// An observation's handler is done.
    Finish { key: ObservationKey, result: Result<(), Failure> },
}

/// Sends a reply when it is dropped, which is also when its handler panics.
pub(crate) struct LastWord {
    reply: Option<Reply>,
    replies: UnboundedSender<Reply>,
}

impl LastWord {
    /// To be changed with [`set`](Self::set) once the handler has returned.
    pub(crate) fn new(reply_of_panic: Reply, replies: UnboundedSender<Reply>) -> Self {
        Self { reply: Some(reply_of_panic), replies }
    }

    pub(crate) fn set(&mut self, reply: Reply) {
        self.reply = Some(reply);
    }
}

impl Drop for LastWord {
    fn drop(&mut self) {
        if let Some(reply) = self.reply.take() {
            // Without a connection there is nobody to answer.
            let _ = self.replies.send(reply);
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the caller learns.
    pub(crate) status: StatusCode,
    /// What the log learns, if anything.
    pub(crate) detail: Option<String>,
}

impl Failure {
    /// What a handler that panicked is taken to have returned.
    pub(crate) fn panicked() -> Self {
        Self::from(HandlerError::Internal("handler panicked".into()))
    }
}

impl From<HandlerError> for Failure {
    fn from(error: HandlerError) -> Self {
        let status = error.status();
        match error {
            HandlerError::Internal(detail) => Self { status, detail: Some(detail) },
            HandlerError::NotFound | HandlerError::BadRequest | HandlerError::TooManyRequests => Self::from(status),
        }
    }
}

impl From<StatusCode> for Failure {
    fn from(status: StatusCode) -> Self {
        Self { status, detail: None }
    }
}
