//! Inside a [`HubSession`](super::HubSession): what each frame does, and what our side's wishes do to the tables.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::CloseReason;
use super::call::{CallOutcome, Refusal};
use super::heartbeat::Heartbeat;
use super::hub_event::HubEvent;
use super::hub_session::SessionLimits;
use super::observation::{ObservationEnd, ObservationId};
use super::observers::{Observation, Observers, Owed};
use super::outbox::{Outbox, Span};
use super::pending::{Awaited, Pending};
use crate::decoder::Frame;
use crate::error::ProtocolError;
use crate::header::{FrameCode, FrameKind, Header, MessageId};
use crate::limits::{DATA_RESERVE_BYTES, HEADER_BYTES, MAX_BODY_BYTES, STALL_TIMEOUT, VERIFY_TIMEOUT};
use crate::ping::Ping;
use crate::rest::{
    CoPostRequest, CoPostResponse, EstablishResponse, Method, Notify, NotifyResponse, ObserverId, StatusCode,
    split_first_byte,
};
use crate::time::Instant;
use crate::verify::{Capacity, Verify};

/// All but the decoder, so that a frame may borrow from that while this changes.
#[derive(Debug)]
pub(super) struct HubLink<C, O> {
    pub(super) state: State,
    pub(super) limits: SessionLimits,
    pub(super) heartbeat: Heartbeat,
    pub(super) outbox: Outbox,
    pub(super) pending: Pending<C>,
    /// Made with the first observation, dropped when nothing of it needs to be remembered.
    pub(super) observers: Option<Box<Observers<O>>>,
    /// Where observer ids go on when the table is made again, so that an id comes back as late as it can.
    pub(super) next_observer: ObserverId,
    /// An observation that began with its first notification: told before `event`.
    pub(super) started: Option<O>,
    /// CoPOSTs of the device that our side has not answered.
    pub(super) reports_in_flight: u16,
    /// What the last mutation gave, at most one.
    pub(super) event: Option<HubEvent<C, O>>,
    /// A walk over the expired requests that `poll_event` has to finish.
    pub(super) expiry: Option<Expiry>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    Unverified { accepted_at: Instant },
    Verifying { accepted_at: Instant, raw_message_id: u16, capacity: Capacity },
    Verified { capacity: Capacity },
    Closed { reason: CloseReason },
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Expiry {
    pub(super) now: Instant,
    pub(super) after: Option<MessageId>,
}

// What arrived.
impl<C, O: Clone> HubLink<C, O> {
    pub(super) fn handle_frame(&mut self, now: Instant, frame: Frame<'_>) -> Result<(), ProtocolError> {
        match self.state {
            State::Unverified { accepted_at } if frame.header.kind == FrameKind::DeviceVerifyReq => {
                self.handle_verify(accepted_at, frame);
                self.heartbeat.heard(now);
                Ok(())
            }
            State::Unverified { .. } => Err(unexpected("unverified", frame)),
            State::Verifying { .. } => Err(unexpected("verifying", frame)),
            State::Verified { .. } => self.handle_verified_frame(now, frame),
            State::Closed { .. } => Ok(()),
        }
    }

    fn handle_verify(&mut self, accepted_at: Instant, frame: Frame<'_>) {
        let raw_message_id = frame.header.raw_message_id;
        let Some(verify) = Verify::decode(frame.body) else {
            self.refuse_malformed_verify(raw_message_id);
            return;
        };
        self.state = State::Verifying { accepted_at, raw_message_id, capacity: verify.capacity };
        let (id, secret) = (verify.id.as_str().into(), verify.secret.into());
        self.event = Some(HubEvent::VerifyRequested { id, secret });
    }

    /// A DeviceVerifyReq that is longer than one may be is malformed rather than a protocol error. Says whether it was one.
    pub(super) fn refuse_long_verify(&mut self, raw: [u8; HEADER_BYTES]) -> bool {
        let Ok(header) = Header::decode(raw) else { return false };
        let long_verify = header.kind == FrameKind::DeviceVerifyReq && matches!(self.state, State::Unverified { .. });
        if long_verify {
            self.refuse_malformed_verify(header.raw_message_id);
        }
        long_verify
    }

    fn refuse_malformed_verify(&mut self, raw_message_id: u16) {
        let code = FrameCode::InvalidParameter;
        self.respond(FrameKind::DeviceVerifyResp, code, raw_message_id, &[]);
        self.close(CloseReason::Refused(code));
    }

    fn handle_verified_frame(&mut self, now: Instant, frame: Frame<'_>) -> Result<(), ProtocolError> {
        match frame.header.kind {
            FrameKind::DeviceVerifyReq => {
                let raw_message_id = frame.header.raw_message_id;
                self.respond(FrameKind::DeviceVerifyResp, FrameCode::MessageType, raw_message_id, &[]);
                self.close(CloseReason::VerifiedTwice);
            }
            FrameKind::DevicePingReq => {
                let message_id = message_id(frame)?;
                self.handle_ping(message_id, frame.body);
            }
            FrameKind::DeviceSendReq => self.handle_send(now, frame)?,
            FrameKind::ServerSendResp => {
                let message_id = message_id(frame)?;
                self.handle_answer(now, message_id, frame.body);
            }
            FrameKind::DeviceVerifyResp
            | FrameKind::DevicePingResp
            | FrameKind::DeviceSendResp
            | FrameKind::ServerSendReq => return Err(unexpected("verified", frame)),
        }
        self.heartbeat.heard(now);
        Ok(())
    }

    fn handle_ping(&mut self, message_id: MessageId, body: &[u8]) {
        let code = match Ping::decode(body) {
            Ok(Ping::Keep) => FrameCode::Success,
            Ok(Ping::SetInterval(interval)) => {
                self.heartbeat.set_interval(interval);
                FrameCode::Success
            }
            Err(code) => code,
        };
        self.respond(FrameKind::DevicePingResp, code, message_id.to_wire(), &[]);
    }

    fn handle_send(&mut self, now: Instant, frame: Frame<'_>) -> Result<(), ProtocolError> {
        let message_id = message_id(frame)?;
        let too_short = |need| ProtocolError::BodyTooShort { raw: frame.raw, need };
        let &first = frame.body.first().ok_or_else(|| too_short(1))?;
        let (method, _) = split_first_byte(first);
        if method == Method::CoPost as u8 {
            let request = CoPostRequest::decode(frame.body).ok_or_else(|| too_short(CoPostRequest::MIN_BYTES))?;
            self.handle_report(message_id, request);
        } else if method == Method::ObGet as u8 {
            let notify = Notify::decode(frame.body).ok_or_else(|| too_short(Notify::MIN_BYTES))?;
            self.handle_notify(now, message_id, notify);
        } else {
            let body = [method << 4 | StatusCode::MethodNotAllowed.to_wire()];
            self.respond(FrameKind::DeviceSendResp, FrameCode::Success, message_id.to_wire(), &[&body]);
        }
        Ok(())
    }

    fn handle_report(&mut self, message_id: MessageId, request: CoPostRequest<'_>) {
        if self.reports_in_flight >= self.limits.max_reports {
            self.answer_copost(message_id, StatusCode::TooManyRequests, &[]);
            return;
        }
        self.reports_in_flight += 1;
        let (digest, data) = (request.digest, request.data.into());
        self.event = Some(HubEvent::Report { message_id, digest, data });
    }

    fn handle_notify(&mut self, now: Instant, message_id: MessageId, notify: Notify<'_>) {
        let observer = ObserverId::new(notify.raw_observer_id);
        let live = observer.and_then(|id| Some((id, self.observers.as_mut()?.get_mut(id)?)));
        let Some((observer, live)) = live else {
            self.answer_notify(message_id, StatusCode::Terminate, notify.raw_observer_id);
            self.forget_observer(observer);
            return;
        };
        // The Go SDK starts to notify before it answers the establishment, so the first frame may come first.
        if !core::mem::replace(&mut live.started, true) {
            self.started = Some(live.token.clone());
        }
        let end = match notify.status {
            StatusCode::Continue if live.owed.is_none() => {
                self.handle_frame_of(now, observer, message_id, notify.data);
                return;
            }
            StatusCode::Continue => ObservationEnd::Overrun,
            StatusCode::Terminate => ObservationEnd::Terminated,
            StatusCode::Unknown
            | StatusCode::InternalError
            | StatusCode::Ok
            | StatusCode::NotFound
            | StatusCode::BadRequest
            | StatusCode::MethodNotAllowed
            | StatusCode::TooManyRequests
            | StatusCode::TooManyObservers => ObservationEnd::Failed(notify.status),
        };
        let token = live.token.clone();
        self.answer_notify(message_id, StatusCode::Terminate, notify.raw_observer_id);
        self.drop_observation(now, observer);
        self.forget_observer(Some(observer));
        self.event = Some(HubEvent::ObservationEnded { token, end });
    }

    /// One frame that its observation has room for. The answer is what asks for the next, so the last that fits goes
    /// unanswered until the caller's side has taken one.
    fn handle_frame_of(&mut self, now: Instant, observer: ObserverId, message_id: MessageId, data: &[u8]) {
        let Some(live) = self.observers.as_mut().and_then(|all| all.get_mut(observer)) else { return };
        live.room = live.room.saturating_sub(1);
        self.event = Some(HubEvent::Notified { token: live.token.clone(), data: data.into() });
        if live.room == 0 {
            live.owed = Some(Owed { message_id, deadline: now.after(STALL_TIMEOUT) });
        } else {
            self.answer_notify(message_id, StatusCode::Continue, observer.to_wire());
        }
    }

    fn handle_answer(&mut self, now: Instant, message_id: MessageId, body: &[u8]) {
        let Some(entry) = self.pending.remove(message_id) else {
            self.pending.release(message_id);
            self.event = Some(HubEvent::AnswerDropped);
            return;
        };
        match entry.what {
            Awaited::Call(token) => {
                self.event = Some(HubEvent::CallDone { token, outcome: call_outcome(body) });
            }
            Awaited::Establish(observer) => self.handle_establish_answer(now, observer, body),
        }
    }

    fn handle_establish_answer(&mut self, now: Instant, observer: ObserverId, body: &[u8]) {
        let Some(live) = self.observers.as_mut().and_then(|observers| observers.get_mut(observer)) else { return };
        live.establishing = None;
        let was_started = core::mem::replace(&mut live.started, true);
        let token = live.token.clone();
        let answer = EstablishResponse::decode(body).filter(|answer| answer.raw_observer_id == observer.to_wire());
        let (end, device_knows) = match answer.map(|answer| answer.status) {
            Some(StatusCode::Continue) => {
                self.event = (!was_started).then_some(HubEvent::ObservationStarted { token });
                return;
            }
            Some(refused) => (ObservationEnd::Refused(refused), true),
            None => (ObservationEnd::Malformed, false),
        };
        self.drop_observation(now, observer);
        if device_knows {
            self.forget_observer(Some(observer));
        }
        self.event = Some(HubEvent::ObservationEnded { token, end });
    }
}

// What our side wants.
impl<C, O: Clone> HubLink<C, O> {
    /// Whether one more request may go out, and under which id.
    pub(super) fn admit(&mut self, now: Instant, head_bytes: usize, data: &[u8]) -> Result<(MessageId, u32), Refusal> {
        self.check_open()?;
        let max = self.max_data_bytes();
        if data.len() > max {
            return Err(Refusal::TooLarge { len: data.len(), max });
        }
        let too_many = Refusal::TooManyCalls { max: self.limits.max_calls };
        if self.pending.len() >= usize::from(self.limits.max_calls) {
            return Err(too_many);
        }
        let max = self.limits.max_outbox_bytes;
        if self.outbox.len() + HEADER_BYTES + head_bytes + data.len() > max as usize {
            return Err(Refusal::OutboxFull { max });
        }
        self.pending.allocate(now).map_err(|_| too_many)
    }

    pub(super) fn check_open(&self) -> Result<(), Refusal> {
        if matches!(self.state, State::Verified { .. }) { Ok(()) } else { Err(Refusal::NotOpen) }
    }

    pub(super) fn request(&mut self, message_id: MessageId, body: &[&[u8]]) -> Result<Span, Refusal> {
        let sent = self.outbox.push(FrameKind::ServerSendReq, FrameCode::Unknown, message_id.to_wire(), body);
        sent.map_err(|_| Refusal::TooLarge { len: body.iter().map(|part| part.len()).sum(), max: MAX_BODY_BYTES })
    }

    pub(super) fn answer_notify(&mut self, message_id: MessageId, status: StatusCode, raw_observer_id: u16) {
        let body = NotifyResponse { status, raw_observer_id }.encode();
        self.respond(FrameKind::DeviceSendResp, FrameCode::Success, message_id.to_wire(), &[&body]);
    }

    pub(super) fn answer_copost(&mut self, message_id: MessageId, status: StatusCode, data: &[u8]) {
        let head = CoPostResponse::head(status);
        self.respond(FrameKind::DeviceSendResp, FrameCode::Success, message_id.to_wire(), &[&head, data]);
    }

    pub(super) fn respond(&mut self, kind: FrameKind, code: FrameCode, raw_message_id: u16, body: &[&[u8]]) {
        self.outbox.push(kind, code, raw_message_id, body).expect("answers of the hub are within the capacity");
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        if !matches!(self.state, State::Closed { .. }) {
            self.state = State::Closed { reason };
        }
    }

    /// What the last mutation gave.
    pub(super) fn pop_event(&mut self) -> Option<HubEvent<C, O>> {
        let started = self.started.take().map(|token| HubEvent::ObservationStarted { token });
        started.or_else(|| self.event.take())
    }

    pub(super) fn observers(&mut self, now: Instant) -> &mut Observers<O> {
        let next_id = self.next_observer;
        self.observers.get_or_insert_with(|| Box::new(Observers::new(now, next_id)))
    }

    pub(super) fn observation(&mut self, id: ObservationId) -> Option<&mut Observation<O>> {
        self.observers.as_mut()?.get_mut(id.observer).filter(|live| live.serial == id.serial)
    }

    pub(super) fn max_data_bytes(&self) -> usize {
        let State::Verified { capacity } = self.state else { return 0 };
        (capacity.body_bytes() - DATA_RESERVE_BYTES).min(self.limits.max_payload_bytes.into())
    }

    pub(super) fn verify_deadline(&self) -> Option<Instant> {
        match self.state {
            State::Unverified { accepted_at } | State::Verifying { accepted_at, .. } => {
                Some(accepted_at.after(VERIFY_TIMEOUT))
            }
            State::Verified { .. } | State::Closed { .. } => None,
        }
    }
}

fn call_outcome(body: &[u8]) -> CallOutcome {
    let Some(CoPostResponse { status, data }) = CoPostResponse::decode(body) else { return CallOutcome::Malformed };
    let data = if status == StatusCode::Ok { data.into() } else { Vec::new() };
    CallOutcome::Answered { status, data }
}

fn message_id(frame: Frame<'_>) -> Result<MessageId, ProtocolError> {
    MessageId::new(frame.header.raw_message_id).ok_or(ProtocolError::ZeroMessageId { raw: frame.raw })
}

fn unexpected(state: &'static str, frame: Frame<'_>) -> ProtocolError {
    ProtocolError::UnexpectedFrame { state, got: frame.header.kind, raw: frame.raw }
}
