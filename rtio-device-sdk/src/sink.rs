//! What an observation's handler holds: the way to send frames. The other end is in `connection`.

use bytes::Bytes;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use crate::error::SinkError;
use crate::reply::{ObservationKey, Reply};

/// Sends the frames of one observation.
#[derive(Debug)]
pub struct ObservationSink {
    pub(crate) key: ObservationKey,
    pub(crate) replies: UnboundedSender<Reply>,
}

impl ObservationSink {
    /// Sends one frame and waits until the hub asks for the next, so a slow caller slows its handler and nothing else.
    ///
    /// # Errors
    ///
    /// [`SinkError::Closed`] when the caller has left or the connection is lost; [`SinkError::TooLarge`] for more than
    /// capacity − 3 bytes, where the observation goes on.
    ///
    /// # Cancel safety
    ///
    /// A dropped call may or may not have sent its frame. The next call sends its own after it, in place of one that could not
    /// be sent yet.
    pub async fn send(&mut self, frame: impl Into<Bytes>) -> Result<(), SinkError> {
        let (answered, answer) = oneshot::channel();
        let frame = Reply::Notify { key: self.key, data: frame.into(), answered };
        self.replies.send(frame).map_err(|_| SinkError::Closed)?;
        answer.await.unwrap_or(Err(SinkError::Closed))
    }
}
