//! What callers ask a device over MQTT: all calls and observations of one session, and the messages they are (docs/mqtt.md).
//!
//! The session calls it, under its lock. It knows no socket, no clock and no subscription: whoever asks has looked whether the device
//! listens, and how much data it takes. It does for MQTT what `rtio_proto::session` does for this project's own protocol.

mod answer;
mod correlation;
mod done;
mod live;
#[cfg(test)]
mod properties;
mod request;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::time::Instant;

use crate::hub::{
    CallError, CallId, CallReply, Delivery, Feed, ObservationId, RequestParts, ShadowRefusal, StatusCode,
};

pub(super) use answer::Answer;
pub(super) use done::Done;
pub(super) use request::Request;

use correlation::Correlation;
use live::{Live, Who};
use request::Method;
use table::Table;

/// All calls and observations of one session. While there are none it owns nothing on the heap.
///
/// * verbs: [`start_call`](Self::start_call), [`cancel_call`](Self::cancel_call), [`start_observation`](Self::start_observation),
///   [`leave_observation`](Self::leave_observation), [`grant_frame`](Self::grant_frame), [`refuse`](Self::refuse), [`end`](Self::end)
/// * what arrived: [`handle_answer`](Self::handle_answer), [`handle_timeout`](Self::handle_timeout)
/// * what must leave: [`next_request`](Self::next_request), as long as the device reads
/// * what callers must hear: [`take_done`](Self::take_done), after each of those above
///
/// What comes of a request goes where its caller said, once.
#[derive(Debug)]
pub(super) struct Calls {
    limits: CallLimits,
    /// What the next request is named; drawn with the first.
    next: Option<Correlation>,
    table: Option<Box<Table>>,
}

/// How much callers may ask of one device at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallLimits {
    /// Calls, and observations that the device has not accepted yet; one more is refused.
    pub(super) max_calls: u16,
    /// Observations, accepted or not; one more is refused.
    pub(super) max_observations: u16,
}

/// Whether an answer was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Match {
    /// It was: its caller has it.
    Awaited,
    /// It is late, or doubled, or none of ours, and is dropped. Who goes on with an observation that is gone is told to stop.
    Unknown,
}

/// How the connection under the requests has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gone {
    /// By either side.
    Closed,
    /// The device cannot be reached any more.
    Vanished,
}

impl Calls {
    pub(super) const fn new(limits: CallLimits) -> Self {
        Self { limits, next: None, table: None }
    }

    /// Queues a call. `reply` gets its outcome, unless it is cancelled.
    ///
    /// # Errors
    ///
    /// Nothing was queued and `reply` is dropped, for which nobody waits yet: the URI is none that a message can carry, or a cap is reached.
    pub(super) fn start_call(&mut self, parts: RequestParts<'_>, reply: CallReply) -> Result<CallId, CallError> {
        let correlation = self.start(Method::CoPost, parts, Who::Call(reply))?;
        Ok(CallId::numbered(correlation.number()))
    }

    /// Nobody waits for the call any more: if it has not been sent it never is. Does nothing for a call that has ended.
    pub(super) fn cancel_call(&mut self, id: CallId) {
        let call = Correlation::numbered(id.number());
        self.change(|table| {
            if table.has_call(call) {
                table.forget(call);
            }
        });
    }

    /// Queues the wish to observe. `feed` gets what comes of it.
    ///
    /// # Errors
    ///
    /// As [`start_call`](Self::start_call).
    pub(super) fn start_observation(
        &mut self,
        parts: RequestParts<'_>,
        feed: Arc<Feed>,
    ) -> Result<ObservationId, CallError> {
        let correlation = self.start(Method::ObGet, parts, Who::observer(feed))?;
        Ok(ObservationId::numbered(correlation.number()))
    }

    /// The caller has left. A device that has been asked is told to stop. Does nothing for an observation that has ended.
    pub(super) fn leave_observation(&mut self, id: ObservationId) {
        let observation = Correlation::numbered(id.number());
        self.change(|table| {
            if table.has_observation(observation) {
                table.forget(observation);
            }
        });
    }

    /// The caller's side has taken a frame.
    pub(super) fn grant_frame(&mut self, id: ObservationId) {
        self.change(|table| table.grant_frame(Correlation::numbered(id.number())));
    }

    /// The next that is to be written; from now on it counts as sent.
    pub(super) fn next_request(&mut self) -> Option<Request> {
        let request = self.table.as_mut()?.next_request();
        self.tidy();
        request
    }

    /// A request that [`next_request`](Self::next_request) gave cannot be written, so that its caller is told why instead.
    pub(super) fn refuse(&mut self, request: &Request, why: CallError) {
        self.change(|table| table.refuse(request.correlation(), why));
    }

    /// Takes what the device has published as an answer.
    pub(super) fn handle_answer(&mut self, answer: Answer) -> Match {
        if self.table.is_none() && !answer.goes_on() {
            return Match::Unknown;
        }
        let matched = self.table().handle_answer(answer);
        self.tidy();
        matched
    }

    /// Ends each request whose deadline has come. An observation that has begun has none.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.change(|table| table.handle_timeout(now));
    }

    /// The connection has ended, and all requests with it. What comes later is of the next connection.
    pub(super) fn end(&mut self, gone: Gone) {
        self.change(|table| table.end(gone));
    }

    /// What callers are to be told, in this order.
    pub(super) fn take_done(&mut self) -> Vec<Done> {
        let done = self.table.as_mut().map(|table| table.take_done());
        self.tidy();
        done.unwrap_or_default()
    }

    /// Calls, and observations that the device has not accepted yet.
    pub(super) fn calls(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.calls())
    }

    /// Observations, accepted or not.
    pub(super) fn observations(&self) -> usize {
        self.table.as_ref().map_or(0, |table| table.observations())
    }

    /// Whether there is anything to write.
    pub(super) fn has_requests(&self) -> bool {
        self.table.as_ref().is_some_and(|table| table.has_requests())
    }

    fn start(&mut self, method: Method, parts: RequestParts<'_>, who: Who) -> Result<Correlation, CallError> {
        if !request::can_carry(parts.uri) {
            let why = "a message to this device cannot carry the URI";
            return Err(ShadowRefusal { status: StatusCode::BadRequest, why }.into());
        }
        let limits = self.limits;
        let correlation = self.next();
        let table = self.table();
        let admitted = table.admit(limits, method, parts.uri.len() + parts.data.len());
        if admitted.is_ok() {
            let request = Request::new(correlation, method, parts.uri, parts.data);
            table.insert(correlation, Live::new(parts, request, who));
            self.next = Some(correlation.next());
        }
        self.tidy();
        admitted.map(|()| correlation)
    }

    fn change(&mut self, change: impl FnOnce(&mut Table)) {
        if let Some(table) = &mut self.table {
            change(table);
        }
        self.tidy();
    }

    fn next(&mut self) -> Correlation {
        *self.next.get_or_insert_with(Correlation::random)
    }

    fn table(&mut self) -> &mut Table {
        let next = self.next();
        self.table.get_or_insert_with(|| Box::new(Table::new(next)))
    }

    fn tidy(&mut self) {
        if self.table.as_ref().is_some_and(|table| table.is_empty()) {
            self.table = None;
        }
    }
}

impl Gone {
    /// What callers are told whose requests had got as far as `delivery`.
    const fn error(self, delivery: Delivery) -> CallError {
        match self {
            Self::Closed => CallError::DeviceGone { delivery },
            Self::Vanished => CallError::DeviceVanished { delivery },
        }
    }
}
