//! A call with a key: made once, in a task of its own, and answered to all who ask for it.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use super::keys::{Job, Turn, heard};
use super::scope::{Fingerprint, Scope};
use super::{Key, Keys, Outcome, Wish};
use crate::http::Callers;
use crate::http::access::Denied;
use crate::http::caller_limits::{Exceeded, Place};
use crate::http::service::Visit;
use crate::http::trail::Doing;
use crate::hub::{CallRequest, DeviceId};
use crate::token::Method;

/// What a caller is to hear.
#[derive(Debug)]
pub(in crate::http) struct Answer {
    pub(in crate::http) outcome: Outcome,
    pub(in crate::http) source: Source,
}

/// Whose call the outcome is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Source {
    /// Of the request's own.
    Own,
    /// Of another one with the same key.
    Earlier,
}

/// The key of a request, where keys mean anything.
#[derive(Debug)]
pub(in crate::http) struct Keyed<'a> {
    keys: &'a Arc<Keys>,
    key: Key,
}

impl<'a> Keyed<'a> {
    /// Reads the key that a visitor brings to a call of `uri`, if any.
    ///
    /// # Errors
    ///
    /// [`Denied::Key`].
    pub(in crate::http) fn read(visit: &Visit<'a>, uri: &str) -> Result<Option<Self>, Denied> {
        let Some(keys) = &visit.callers.keys else { return Ok(None) };
        let key = Key::of(visit.asked.headers).map_err(|error| refused(visit, uri, Denied::Key(error)))?;
        Ok(key.map(|key| Self { keys, key }))
    }
}

/// Calls the device unless that was done for this key. `place` is the caller's as long as the call is in flight.
///
/// # Errors
///
/// [`Denied::OtherRequest`], [`Denied::Pace`].
///
/// # Cancel safety
///
/// The call goes on to its end when the future is dropped: a caller that lost its connection asks again and gets the answer.
pub(in crate::http) async fn once(
    visit: &Visit<'_>,
    Keyed { keys, key }: Keyed<'_>,
    wish: Wish<'_>,
    place: Place,
) -> Result<Answer, Denied> {
    let scope = Scope::new(&visit.caller, visit.device, key);
    let outcome = match keys.begin(scope, Fingerprint::of(&wish)) {
        Turn::First(job, waiting) => {
            let call = Call::new(visit, wish, place);
            visit.callers.tasks.spawn(call.make(job));
            return Ok(Answer { outcome: heard(waiting).await, source: Source::Own });
        }
        Turn::Shared(waiting) => {
            let doing = visit.asked.trail.replays(visit.device, wish.uri);
            let outcome = heard(waiting).await;
            doing.ended(&outcome);
            outcome
        }
        Turn::Replay(outcome) => {
            visit.asked.trail.replays(visit.device, wish.uri).ended(&outcome);
            outcome
        }
        Turn::Conflict => return Err(refused(visit, wish.uri, Denied::OtherRequest)),
        Turn::Full => return Err(refused(visit, wish.uri, Denied::Pace(Exceeded::Keys))),
    };
    Ok(Answer { outcome, source: Source::Earlier })
}

fn refused(visit: &Visit<'_>, uri: &str, denied: Denied) -> Denied {
    visit.asked.trail.is_refused(visit.device, Some((Method::CoPost, uri)), denied);
    denied
}

/// A call that needs its caller no more.
struct Call {
    callers: Arc<Callers>,
    device: DeviceId,
    uri: String,
    data: Vec<u8>,
    asked_wait: Option<Duration>,
    doing: Doing,
    place: Place,
}

impl Call {
    fn new(visit: &Visit<'_>, wish: Wish<'_>, place: Place) -> Self {
        Self {
            callers: Arc::clone(visit.callers),
            device: visit.device.clone(),
            uri: wish.uri.to_owned(),
            data: wish.data.to_vec(),
            asked_wait: visit.asked.wait,
            doing: visit.asked.trail.calls(visit.device, wish.uri),
            place,
        }
    }

    async fn make(self, job: Job) {
        let Self { callers, uri, data, asked_wait, .. } = &self;
        let request = CallRequest::new(uri, data, *asked_wait, callers.config.call_timeout);
        let outcome = callers.hub.call(&self.device, request).instrument(self.doing.span()).await;
        self.doing.ended(&outcome);
        // Before the caller hears of it, which may call again at once.
        drop(self.place);
        job.ended(outcome);
    }
}
