//! The call of each device of a group: whether the caller may, when, and what is written down about it.

use std::future::ready;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;
use tracing::Instrument;

use super::line::Answer;
use super::request::What;
use super::turn::Turn;
use crate::http::Callers;
use crate::http::access::Denied;
use crate::http::caller_limits::Place;
use crate::http::trail::Trail;
use crate::hub::ports::BoxFuture;
use crate::hub::{CallRequest, DeviceId, GroupCaller};
use crate::token::{Caller, Lacking, Method};

/// What one group call asks of each device, in whose name.
#[derive(Debug)]
pub(super) struct EachCall {
    callers: Arc<Callers>,
    caller: Caller,
    trail: Trail,
    what: Arc<What>,
    turn: Turn,
    /// How many refusals may still be written down.
    refusals_left: u32,
}

impl EachCall {
    pub(super) fn new(callers: Arc<Callers>, caller: Caller, trail: Trail, what: What) -> Self {
        // As long as a call may take: whatever had the place when the device's turn came has ended by then, but for observations.
        let patience = callers.config.max_wait.max(callers.config.call_timeout);
        let (what, turn, refusals_left) = (Arc::new(what), Turn::new(patience), MAX_REFUSALS_WRITTEN);
        Self { callers, caller, trail, what, turn, refusals_left }
    }

    fn may_call(&self, device: &DeviceId) -> Result<(), Lacking> {
        self.caller.allow(device.as_str(), Method::CoPost, &self.what.uri)
    }

    fn refused(&mut self, device: &DeviceId, denied: Denied) -> BoxFuture<'static, Answer> {
        if let Some(left) = self.refusals_left.checked_sub(1) {
            self.refusals_left = left;
            self.trail.is_refused(device, Some((Method::CoPost, &self.what.uri)), denied);
        }
        let missing = match denied {
            Denied::Right(lacking) => Some(lacking),
            Denied::Token(_) | Denied::Pace(_) | Denied::Key(_) | Denied::OtherRequest => None,
        };
        let (code, _) = denied.outcome();
        Box::pin(ready(Answer::not_called(device.clone(), code, missing)))
    }
}

impl GroupCaller for EachCall {
    type Outcome = Answer;

    fn may_know(&self, device: &DeviceId) -> bool {
        self.may_call(device).is_ok()
    }

    fn poll_begin(&mut self, device: &DeviceId, cx: &mut Context<'_>) -> Poll<BoxFuture<'static, Answer>> {
        if let Err(lacking) = self.may_call(device) {
            return Poll::Ready(self.refused(device, Denied::Right(lacking)));
        }
        self.turn.poll_place(self.callers.access.limits(), &self.caller, cx).map(|place| match place {
            Ok(place) => {
                let (callers, what, trail) = (Arc::clone(&self.callers), Arc::clone(&self.what), self.trail.clone());
                Box::pin(call(callers, what, device.clone(), (trail, place)))
            }
            Err(exceeded) => self.refused(device, Denied::Pace(exceeded)),
        })
    }
}

async fn call(callers: Arc<Callers>, what: Arc<What>, device: DeviceId, (trail, place): (Trail, Place)) -> Answer {
    let begun = Instant::now();
    let doing = trail.calls_in_group(&device, &what.uri);
    let request = CallRequest::new(&what.uri, &what.data, what.asked_wait, callers.config.call_timeout);
    let result = callers.hub.call(&device, request).instrument(doing.span()).await;
    doing.ended(&result);
    drop(place);
    Answer { device, result: result.map(|answered| answered.data).map_err(Into::into), took: begun.elapsed() }
}

/// Entries of the audit log about refusals in one group call: who wants to know is told by the first, and a request of 10,000 names that a
/// token does not grant, which costs its caller nothing, leaves the log's queue to others.
const MAX_REFUSALS_WRITTEN: u32 = 64;
