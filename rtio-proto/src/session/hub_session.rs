//! The hub's end of one device link: what its driver may say and ask. What the frames do is in `hub_link`.

use alloc::vec::Vec;

use super::call::{CallId, CallRequest, Refusal};
use super::heartbeat::Heartbeat;
use super::hub_event::{HubEvent, Verdict};
use super::hub_link::{Expiry, HubLink, State};
use super::observation::ObservationId;
use super::observers::Observation;
use super::outbox::Outbox;
use super::pending::{Awaited, Entry, Pending};
use super::{CloseReason, Timer};
use crate::decoder::FrameDecoder;
use crate::error::{DecodeError, ProtocolError};
use crate::header::{FrameCode, FrameKind, MessageId};
use crate::limits::{DEFAULT_PAYLOAD_BYTES, MAX_OBSERVATIONS, MAX_VERIFY_BODY_BYTES};
use crate::rest::{CoPostRequest, Establish, ObserverId, StatusCode};
use crate::time::{Duration, Instant};
use crate::verify::Capacity;

/// Hub side of one device link. Pure: no socket, no clock. The [contract](super) says in which order to call what.
///
/// ```text
///  Unverified ──verify──► Verifying ──accepted──► Verified
///      │                      │ refused               │ protocol error, silence, second verify, take-over
///      └──────────────────────┴───────────────────────┴──► Closed(reason)
/// ```
///
/// * feed: [`handle_bytes`](Self::handle_bytes), [`handle_timeout`](Self::handle_timeout),
///   [`handle_unsent`](Self::handle_unsent)
/// * verbs: [`answer_verify`](Self::answer_verify), [`start_call`](Self::start_call), [`cancel_call`](Self::cancel_call),
///   [`start_observation`](Self::start_observation), [`grant_frame`](Self::grant_frame),
///   [`leave_observation`](Self::leave_observation), [`answer_report`](Self::answer_report), [`close`](Self::close)
/// * drain: [`poll_event`](Self::poll_event), [`poll_transmit`](Self::poll_transmit), [`poll_timeout`](Self::poll_timeout)
///
/// `C` and `O` are the driver's tokens for a call and for an observation: they come back in the events.
#[derive(Debug)]
pub struct HubSession<C, O> {
    decoder: FrameDecoder<Vec<u8>>,
    link: HubLink<C, O>,
}

/// Caps of one session. Each is a number that a peer could otherwise make grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLimits {
    /// Requests of the hub in flight, 1..=32768; one more is refused.
    pub max_calls: u16,
    /// CoPOSTs of the device in flight; one more is answered with [`StatusCode::TooManyRequests`].
    pub max_reports: u16,
    /// Bytes of data towards the device in one message; the agreed capacity − 8 where that is less.
    pub max_payload_bytes: u16,
    /// Live observations of the device, at most [`MAX_OBSERVATIONS`]; one more is refused.
    pub max_observations: u16,
    /// Bytes that may wait for a device that does not read; then requests are refused, and nothing more is read from it.
    pub max_outbox_bytes: u32,
    /// Frames of one observation that may wait for its caller, at least 1; then the device's notifications go unanswered.
    pub observation_window: u16,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            max_calls: 1024,
            max_reports: 64,
            max_payload_bytes: DEFAULT_PAYLOAD_BYTES,
            max_observations: MAX_OBSERVATIONS,
            max_outbox_bytes: 64 * 1024,
            observation_window: 8,
        }
    }
}

impl<C, O: Clone> HubSession<C, O> {
    /// A session of a connection that was accepted at `now`.
    pub fn new(limits: SessionLimits, now: Instant) -> Self {
        Self {
            decoder: FrameDecoder::new(MAX_VERIFY_BODY_BYTES),
            link: HubLink {
                state: State::Unverified { accepted_at: now },
                limits,
                heartbeat: Heartbeat::new(now),
                outbox: Outbox::default(),
                pending: Pending::new(),
                observers: None,
                next_observer: ObserverId::FIRST,
                started: None,
                reports_in_flight: 0,
                event: None,
                expiry: None,
            },
        }
    }

    /// Takes bytes from the front of `input`, up to the end of one frame; returns how many. A closed session takes all.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`]: the session is closed for that reason, and it is the answer of [`close_reason`](Self::close_reason).
    pub fn handle_bytes(&mut self, now: Instant, input: &[u8]) -> Result<usize, ProtocolError> {
        if matches!(self.link.state, State::Closed { .. }) {
            return Ok(input.len());
        }
        let result = match self.decoder.decode(input) {
            Ok((taken, None)) => return Ok(taken),
            Ok((taken, Some(frame))) => self.link.handle_frame(now, frame).map(|()| taken),
            Err(DecodeError::BodyTooLong { raw, .. }) if self.link.refuse_long_verify(raw) => Ok(input.len()),
            Err(error) => Err(error.into()),
        };
        self.decoder.finish();
        result.inspect_err(|error| self.link.close(CloseReason::Protocol(*error)))
    }

    /// Acts on every deadline that has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.link.state {
            State::Unverified { .. } | State::Verifying { .. } => {
                if self.link.verify_deadline().is_some_and(|deadline| deadline <= now) {
                    self.link.close(CloseReason::VerifyTimeout);
                }
            }
            State::Verified { .. } if self.link.heartbeat.deadline() <= now => self.link.close(CloseReason::Silent),
            State::Verified { .. } => self.link.expiry = Some(Expiry { now, after: None }),
            State::Closed { .. } => {}
        }
    }

    /// Takes back the end of what `poll_transmit` gave, because the transport has no room for it now.
    pub fn handle_unsent(&mut self, unsent: Vec<u8>) {
        self.link.outbox.put_back(unsent);
    }

    /// Answers the device's verification; closes without an answer if it comes too late. Does nothing unless the session
    /// waits for that.
    pub fn answer_verify(&mut self, now: Instant, verdict: Verdict) {
        let State::Verifying { raw_message_id, capacity, .. } = self.link.state else { return };
        if self.link.verify_deadline().is_some_and(|deadline| deadline <= now) {
            self.link.close(CloseReason::VerifyTimeout);
            return;
        }
        let code = match verdict {
            Verdict::Accepted => FrameCode::Success,
            Verdict::Refused => FrameCode::VerificationFailed,
            Verdict::Malformed => FrameCode::InvalidParameter,
            Verdict::Unavailable => FrameCode::Unknown,
        };
        self.link.respond(FrameKind::DeviceVerifyResp, code, raw_message_id, &[]);
        if verdict == Verdict::Accepted {
            self.link.state = State::Verified { capacity };
            self.decoder.set_max_body_bytes(capacity.body_bytes());
        } else {
            self.link.close(CloseReason::Refused(code));
        }
    }

    /// Sends a CoPOST. Its end comes as [`HubEvent::CallDone`].
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing was sent, no event will come.
    pub fn start_call(&mut self, now: Instant, call: CallRequest<'_>, token: C) -> Result<CallId, Refusal> {
        let (message_id, serial) = self.link.admit(now, CoPostRequest::MIN_BYTES, call.data)?;
        let head = CoPostRequest::head(call.digest);
        let span = self.link.request(message_id, &[&head, call.data])?;
        let entry = Entry { serial, deadline: call.deadline, span, what: Awaited::Call(token) };
        self.link.pending.insert(message_id, entry);
        Ok(CallId { message_id, serial })
    }

    /// Nobody waits for the call any more: no event will come for it. Does nothing for a call that has ended.
    pub fn cancel_call(&mut self, now: Instant, call: CallId) {
        if let Some(entry) = self.link.pending.remove_use(call.message_id, call.serial) {
            self.link.abandon(now, call.message_id, entry.span);
        }
    }

    /// Asks the device to begin an observation. Its course comes as events that carry `token`.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing was sent, no event will come.
    pub fn start_observation(
        &mut self,
        now: Instant,
        request: CallRequest<'_>,
        token: O,
    ) -> Result<ObservationId, Refusal> {
        self.link.check_open()?;
        let max = self.link.limits.max_observations.min(MAX_OBSERVATIONS).into();
        if !self.link.observers.as_ref().map_or(max > 0, |observers| observers.has_room(max)) {
            return Err(Refusal::TooManyObservations { max });
        }
        let (message_id, serial) = self.link.admit(now, Establish::MIN_BYTES, request.data)?;
        let observer = self.link.observers(now).allocate();
        let head = Establish::head(observer, request.digest);
        let span = self.link.request(message_id, &[&head, request.data])?;
        let entry = Entry { serial, deadline: request.deadline, span, what: Awaited::Establish(observer) };
        self.link.pending.insert(message_id, entry);
        let room = self.link.limits.observation_window;
        let observation =
            Observation { serial, token, establishing: Some(message_id), started: false, room, owed: None };
        self.link.observers(now).insert(observer, observation);
        Ok(ObservationId { observer, serial })
    }

    /// The caller's side has room for one more frame, up to the whole window. Answers the notification that waits for it.
    pub fn grant_frame(&mut self, observation: ObservationId) {
        let window = self.link.limits.observation_window;
        let Some(live) = self.link.observation(observation) else { return };
        live.room = live.room.saturating_add(1).min(window);
        if let Some(owed) = live.owed.take() {
            self.link.answer_notify(owed.message_id, StatusCode::Continue, observation.observer.to_wire());
        }
    }

    /// The caller has left: no event will come for the observation, and the device learns of it with its next
    /// notification, or at once if one waits. Does nothing for an observation that has ended.
    pub fn leave_observation(&mut self, now: Instant, observation: ObservationId) {
        if self.link.observation(observation).is_some() {
            self.link.drop_observation(now, observation.observer);
        }
    }

    /// Answers the device's CoPOST. Data that does not fit one message makes it an internal error; data goes out with
    /// [`StatusCode::Ok`] only. Call it once for each [`HubEvent::Report`].
    pub fn answer_report(&mut self, message_id: MessageId, status: StatusCode, data: &[u8]) {
        if !matches!(self.link.state, State::Verified { .. }) {
            return;
        }
        self.link.reports_in_flight = self.link.reports_in_flight.saturating_sub(1);
        let (status, data) = if status != StatusCode::Ok {
            (status, &[][..])
        } else if data.len() > self.link.max_data_bytes() {
            (StatusCode::InternalError, &[][..])
        } else {
            (status, data)
        };
        self.link.answer_copost(message_id, status, data);
    }

    /// Ends the session. Calls and observations end with events; the first reason stays.
    pub fn close(&mut self, reason: CloseReason) {
        self.link.close(reason);
    }

    /// What the driver must know, in order.
    pub fn poll_event(&mut self) -> Option<HubEvent<C, O>> {
        if let Some(event) = self.link.pop_event() {
            return Some(event);
        }
        if matches!(self.link.state, State::Closed { .. }) {
            return self.link.pop_gone();
        }
        self.link.pop_expired()
    }

    /// Bytes for the transport, all that wait. What it has no room for goes back with [`handle_unsent`](Self::handle_unsent).
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.link.outbox.take()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest, and for which timer. Costs a walk over the calls
    /// in flight.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        match self.link.state {
            State::Unverified { .. } | State::Verifying { .. } => {
                self.link.verify_deadline().map(|deadline| (deadline, Timer::Verify))
            }
            State::Verified { .. } => {
                let silence = Some((self.link.heartbeat.deadline(), Timer::Silence));
                let answer = self.link.pending.next_deadline().map(|deadline| (deadline, Timer::Answer));
                let stalled = self.link.observers.as_ref().and_then(|observers| observers.next_deadline());
                let room = stalled.map(|deadline| (deadline, Timer::Room));
                [silence, answer, room].into_iter().flatten().min_by_key(|(deadline, _)| *deadline)
            }
            State::Closed { .. } => None,
        }
    }

    /// When the device counts as silent; cheap, for a driver that looks at many sessions.
    pub fn silence_deadline(&self) -> Instant {
        self.link.heartbeat.deadline()
    }

    /// Whether a verified device has sent nothing after `asked`, when something was sent that it should answer: then the
    /// driver may ask its transport whether the device is there at all. A device that is only slow answers later.
    pub fn is_silent_since(&self, asked: Instant) -> bool {
        matches!(self.link.state, State::Verified { .. }) && self.link.heartbeat.is_silent_since(asked)
    }

    /// Whether the driver should read from the device: not while more waits for it than it reads.
    pub fn wants_bytes(&self) -> bool {
        self.link.outbox.len() <= self.link.limits.max_outbox_bytes as usize
    }

    /// Why the session is over, if it is.
    pub fn close_reason(&self) -> Option<CloseReason> {
        match self.link.state {
            State::Closed { reason } => Some(reason),
            State::Unverified { .. } | State::Verifying { .. } | State::Verified { .. } => None,
        }
    }

    /// When the last whole frame came; when the session began, before the first.
    pub fn last_heard(&self) -> Instant {
        self.link.heartbeat.last_heard()
    }

    /// The heartbeat interval that the device asked for, or the default.
    pub fn heartbeat(&self) -> Duration {
        self.link.heartbeat.interval()
    }

    /// The agreed capacity; `None` unless the session is verified.
    pub fn capacity(&self) -> Option<Capacity> {
        match self.link.state {
            State::Verified { capacity } => Some(capacity),
            State::Unverified { .. } | State::Verifying { .. } | State::Closed { .. } => None,
        }
    }

    /// Most bytes of data towards the device in one message; 0 unless the session is verified (§4).
    pub fn max_data_bytes(&self) -> usize {
        self.link.max_data_bytes()
    }

    /// Live observations, those that are not accepted yet among them.
    pub fn observations(&self) -> usize {
        self.link.observers.as_ref().map_or(0, |observers| observers.len())
    }

    /// Requests in flight.
    pub fn calls_in_flight(&self) -> usize {
        self.link.pending.len()
    }
}
