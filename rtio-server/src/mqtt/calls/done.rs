//! What comes of a request, on its way to its caller.

use std::sync::Arc;

use crate::hub::{CallError, CallReply, Feed, FeedEnd};

/// What a caller is to be told. Kept until the session's lock is free, because telling wakes the caller's task.
///
/// No more are kept than are bounded already: a call has one, an observation its beginning, the frames of its window and its end.
#[derive(Debug)]
pub(in crate::mqtt) enum Done {
    /// The call is over.
    Call(CallReply, Result<Vec<u8>, CallError>),
    /// Its caller waits no more. To drop the reply wakes, too.
    Cancelled(CallReply),
    /// The observation begins.
    Begun(Arc<Feed>),
    /// It goes on.
    Frame(Arc<Feed>, Vec<u8>),
    /// It is over.
    Ended(Arc<Feed>, FeedEnd),
}

impl Done {
    /// Tells it. Those of one session are told in their order, one at a time, and under no lock.
    pub(in crate::mqtt) fn deliver(self) {
        match self {
            // Its caller may have left in this moment; then nobody wants the outcome.
            Self::Call(reply, outcome) => drop(reply.send(outcome)),
            Self::Cancelled(reply) => drop(reply),
            Self::Begun(feed) => feed.start(),
            Self::Frame(feed, data) => feed.push(data),
            Self::Ended(feed, end) => feed.end(end),
        }
    }
}
