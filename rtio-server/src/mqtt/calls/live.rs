//! One request that is not over.

use std::sync::Arc;

use tokio::time::Instant;

use super::done::Done;
use super::request::Request;
use crate::hub::{CallError, CallReply, Delivery, Feed, RequestParts, Stage};

/// A call without its answer, or an observation without its end.
#[derive(Debug)]
pub(super) struct Live {
    started: Instant,
    deadline: Instant,
    /// What is to be sent, until it is.
    pub(super) unsent: Option<Box<Request>>,
    pub(super) who: Who,
}

/// Who waits, and for what.
#[derive(Debug)]
pub(super) enum Who {
    Call(CallReply),
    Observer(Observer),
}

#[derive(Debug)]
pub(super) struct Observer {
    pub(super) feed: Arc<Feed>,
    /// The device has accepted it.
    pub(super) has_begun: bool,
    /// Frames that its caller's side still takes.
    pub(super) room: u8,
}

impl Who {
    pub(super) const fn observer(feed: Arc<Feed>) -> Self {
        Self::Observer(Observer { feed, has_begun: false, room: WINDOW })
    }
}

/// Frames of one observation that may wait for its caller. The protocol has no word to ask for the next one, so one more ends it.
pub(super) const WINDOW: u8 = 16;

impl Live {
    pub(super) fn new(parts: RequestParts<'_>, request: Request, who: Who) -> Self {
        Self { started: parts.started, deadline: parts.deadline, unsent: Some(Box::new(request)), who }
    }

    /// It ends without what was hoped for.
    pub(super) fn fail(self, error: CallError) -> Done {
        match self.who {
            Who::Call(reply) => Done::Call(reply, Err(error)),
            Who::Observer(observer) => Done::Ended(observer.feed, Err(error)),
        }
    }

    /// What it failed of, if its time is over.
    pub(super) fn silence(&self, now: Instant) -> Option<CallError> {
        let stage = match &self.who {
            Who::Call(_) => Stage::Call,
            Who::Observer(observer) if observer.has_begun => return None,
            Who::Observer(_) => Stage::Establish,
        };
        let waited = now.saturating_duration_since(self.started);
        (self.deadline <= now).then(|| CallError::DeviceSilent { stage, waited, delivery: self.delivery() })
    }

    pub(super) const fn delivery(&self) -> Delivery {
        if self.unsent.is_some() { Delivery::NotSent } else { Delivery::SentUnanswered }
    }

    pub(super) const fn is_observation(&self) -> bool {
        matches!(self.who, Who::Observer(_))
    }

    pub(super) const fn has_begun(&self) -> bool {
        matches!(self.who, Who::Observer(Observer { has_begun: true, .. }))
    }
}
