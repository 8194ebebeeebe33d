//! Inside a [`DeviceSession`](super::DeviceSession): what each frame does, and what our side's wishes do to the tables.

use core::fmt;

use super::CloseReason;
use super::device_event::{DeviceEvent, DeviceRefusal, ReportOutcome, StopCause, StoredEvent};
use super::device_observations::{Observations, Step};
use super::device_reports::Reports;
use super::ping_clock::PingClock;
use crate::decoder::Frame;
use crate::error::{EncodeError, ProtocolError};
use crate::header::{FrameCode, FrameKind, MessageId, encode_frame};
use crate::limits::HEADER_BYTES;
use crate::ping::PingInterval;
use crate::rest::{
    CoPostRequest, CoPostResponse, Establish, EstablishResponse, Method, Notify, NotifyResponse, ObserverId,
    StatusCode, split_first_byte,
};
use crate::time::Instant;
use crate::verify::Capacity;

/// All but the decoder, so that a frame may borrow from that while this changes.
#[derive(Debug)]
pub(super) struct DeviceLink<const FRAME: usize, const PENDING: usize, const OBSERVERS: usize> {
    pub(super) state: State,
    pub(super) capacity: Capacity,
    /// What to ask the hub for once verified.
    pub(super) wanted_interval: PingInterval,
    pub(super) ping_clock: PingClock,
    pub(super) reports: Reports<PENDING>,
    pub(super) observations: Observations<OBSERVERS>,
    pub(super) next_id: MessageId,
    pub(super) out: Outgoing<FRAME>,
    /// What the last mutation gave, at most one.
    pub(super) event: Option<StoredEvent>,
    /// Reports that expired by then have not all been told to the driver.
    pub(super) expiry: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum State {
    Unverified,
    Verifying { message_id: MessageId, deadline: Instant },
    Verified,
    Closed { reason: CloseReason },
}

/// The one frame that waits to be sent.
pub(super) struct Outgoing<const FRAME: usize> {
    bytes: [u8; FRAME],
    sent: usize,
    end: usize,
}

// What arrived.
impl<const FRAME: usize, const PENDING: usize, const OBSERVERS: usize> DeviceLink<FRAME, PENDING, OBSERVERS> {
    pub(super) fn handle_frame(&mut self, now: Instant, frame: Frame<'_>) -> Result<(), ProtocolError> {
        let message_id =
            MessageId::new(frame.header.raw_message_id).ok_or(ProtocolError::ZeroMessageId { raw: frame.raw })?;
        match self.state {
            State::Verifying { message_id: asked, .. }
                if frame.header.kind == FrameKind::DeviceVerifyResp && message_id == asked =>
            {
                self.handle_verdict(now, frame.header.code);
            }
            State::Unverified => return Err(unexpected("unverified", frame)),
            State::Verifying { .. } => return Err(unexpected("verifying", frame)),
            State::Verified => self.handle_verified_frame(now, message_id, frame)?,
            State::Closed { .. } => {}
        }
        self.ping_clock.heard(now);
        Ok(())
    }

    fn handle_verdict(&mut self, now: Instant, code: FrameCode) {
        if code != FrameCode::Success {
            self.close(CloseReason::Refused(code));
            self.tell(DeviceEvent::VerifyRefused(code));
            return;
        }
        self.state = State::Verified;
        self.ping_clock = PingClock::new(now);
        self.tell(DeviceEvent::Verified);
        if self.wanted_interval != PingInterval::DEFAULT {
            self.send_ping(now, Some(self.wanted_interval));
        }
    }

    fn handle_verified_frame(
        &mut self,
        now: Instant,
        message_id: MessageId,
        frame: Frame<'_>,
    ) -> Result<(), ProtocolError> {
        match frame.header.kind {
            FrameKind::DevicePingResp => {
                let code = frame.header.code;
                if self.ping_clock.answered(message_id, code == FrameCode::Success) {
                    self.tell(DeviceEvent::PingAnswered(code));
                }
            }
            FrameKind::DeviceSendResp => self.handle_answer(now, message_id, frame.body),
            FrameKind::ServerSendReq => self.handle_request(now, message_id, frame)?,
            FrameKind::DeviceVerifyReq
            | FrameKind::DeviceVerifyResp
            | FrameKind::DevicePingReq
            | FrameKind::DeviceSendReq
            | FrameKind::ServerSendResp => return Err(unexpected("verified", frame)),
        }
        Ok(())
    }

    fn handle_request(&mut self, now: Instant, message_id: MessageId, frame: Frame<'_>) -> Result<(), ProtocolError> {
        let too_short = |need| ProtocolError::BodyTooShort { raw: frame.raw, need };
        let &first = frame.body.first().ok_or_else(|| too_short(1))?;
        let (method, _) = split_first_byte(first);
        if method == Method::CoPost as u8 {
            let request = CoPostRequest::decode(frame.body).ok_or_else(|| too_short(CoPostRequest::MIN_BYTES))?;
            self.event = Some(StoredEvent::Call { message_id, digest: request.digest });
        } else if method == Method::ObGet as u8 {
            let request = Establish::decode(frame.body).ok_or_else(|| too_short(Establish::MIN_BYTES))?;
            match self.observations.insert(request.raw_observer_id, message_id) {
                Ok(observer) => {
                    self.event = Some(StoredEvent::ObserveRequested { observer, digest: request.digest });
                }
                Err(status) => self.answer_establish(now, message_id, status, request.raw_observer_id),
            }
        } else {
            let body = [method << 4 | StatusCode::MethodNotAllowed.to_wire()];
            self.respond(now, message_id, &[&body]);
        }
        Ok(())
    }

    /// The hub answers a report or a notification. One that nobody waits for is dropped.
    fn handle_answer(&mut self, now: Instant, message_id: MessageId, body: &[u8]) {
        if let Some(observation) = self.observations.notifying(message_id) {
            let answer =
                NotifyResponse::decode(body).filter(|answer| answer.raw_observer_id == observation.id.to_wire());
            self.handle_notify_answer(now, observation.id, observation.step, answer.map(|answer| answer.status));
        } else if self.reports.answered(message_id) {
            let report = message_id;
            self.event = Some(match CoPostResponse::decode(body) {
                Some(answer) => StoredEvent::ReportAnswered { report, status: answer.status },
                None => StoredEvent::Whole(DeviceEvent::ReportAnswered { report, outcome: ReportOutcome::Malformed }),
            });
        }
    }

    fn handle_notify_answer(&mut self, now: Instant, observer: ObserverId, step: Step, status: Option<StatusCode>) {
        match (step, status) {
            (Step::Notifying { .. }, Some(StatusCode::Continue)) => {
                self.set_step(observer, Step::Open);
                self.tell(DeviceEvent::NotifyAnswered { observer });
            }
            (Step::Finishing { status, .. }, Some(StatusCode::Continue)) => self.send_last(now, observer, status),
            (Step::Notifying { .. }, Some(_)) => {
                self.observations.remove(observer);
                self.tell(DeviceEvent::ObservationStopped { observer, cause: StopCause::CallerLeft });
            }
            // The hub may hold the observation for live: it is told that it ended.
            (Step::Notifying { .. }, None) => {
                self.send_last(now, observer, StatusCode::InternalError);
                self.tell(DeviceEvent::ObservationStopped { observer, cause: StopCause::Malformed });
            }
            (Step::Finishing { .. } | Step::Ending { .. } | Step::Requested { .. } | Step::Open, _) => {
                self.observations.remove(observer);
            }
        }
    }
}

// What our side wants.
impl<const FRAME: usize, const PENDING: usize, const OBSERVERS: usize> DeviceLink<FRAME, PENDING, OBSERVERS> {
    /// Whether a verified device may send `data` behind `head_bytes` now.
    pub(super) fn admit(&self, head_bytes: usize, data: &[u8]) -> Result<(), DeviceRefusal> {
        if !matches!(self.state, State::Verified) {
            return Err(DeviceRefusal::NotOpen);
        }
        if !self.is_drained() {
            return Err(DeviceRefusal::Undrained);
        }
        let max = self.capacity.body_bytes() - head_bytes;
        if data.len() > max {
            return Err(DeviceRefusal::TooLarge { len: data.len(), max });
        }
        Ok(())
    }

    pub(super) fn is_drained(&self) -> bool {
        self.out.is_empty() && self.event.is_none() && self.expiry.is_none()
    }

    /// The next message id, one more than the last, without those that a request in flight or a late answer may carry.
    pub(super) fn allocate_id(&mut self) -> MessageId {
        let mut id = self.next_id;
        while self.ping_clock.uses(id) || self.reports.uses(id) || self.observations.notifying(id).is_some() {
            id = id.next();
        }
        self.next_id = id.next();
        id
    }

    pub(super) fn send_ping(&mut self, now: Instant, asked_for: Option<PingInterval>) {
        let message_id = self.allocate_id();
        let interval = asked_for.map(PingInterval::to_wire);
        let body = interval.as_ref().map_or(&[][..], |interval| interval);
        self.transmit(now, FrameKind::DevicePingReq, message_id, &[body]);
        self.ping_clock.pinged(now, message_id, asked_for);
    }

    /// Sends the last notification of an observation.
    pub(super) fn send_last(&mut self, now: Instant, observer: ObserverId, status: StatusCode) {
        let message_id = self.allocate_id();
        self.request(now, message_id, &[&Notify::head(status, observer)]);
        self.set_step(observer, Step::Ending { message_id });
    }

    pub(super) fn answer_establish(&mut self, now: Instant, message_id: MessageId, status: StatusCode, raw_id: u16) {
        let body = EstablishResponse { status, raw_observer_id: raw_id }.encode();
        self.respond(now, message_id, &[&body]);
    }

    pub(super) fn request(&mut self, now: Instant, message_id: MessageId, body: &[&[u8]]) {
        self.transmit(now, FrameKind::DeviceSendReq, message_id, body);
    }

    pub(super) fn respond(&mut self, now: Instant, message_id: MessageId, body: &[&[u8]]) {
        self.transmit(now, FrameKind::ServerSendResp, message_id, body);
    }

    fn transmit(&mut self, now: Instant, kind: FrameKind, message_id: MessageId, body: &[&[u8]]) {
        let code = if kind == FrameKind::ServerSendResp { FrameCode::Success } else { FrameCode::Unknown };
        let raw_message_id = message_id.to_wire();
        self.out
            .put(|out| encode_frame(kind, code, raw_message_id, body, out))
            .expect("a frame slot holds a body of the agreed capacity, and `admit` has checked the body against that");
        self.ping_clock.sent(now);
    }

    pub(super) fn set_step(&mut self, observer: ObserverId, step: Step) {
        if let Some(observation) = self.observations.get_mut(observer) {
            observation.step = step;
        }
    }

    pub(super) fn close(&mut self, reason: CloseReason) {
        if !matches!(self.state, State::Closed { .. }) {
            self.state = State::Closed { reason };
        }
    }

    fn tell(&mut self, event: DeviceEvent<'static>) {
        self.event = Some(StoredEvent::Whole(event));
    }

    pub(super) fn next_event(&mut self) -> Option<StoredEvent> {
        if let Some(event) = self.event.take() {
            return Some(event);
        }
        if matches!(self.state, State::Closed { .. }) {
            self.expiry = None;
            return self.pop_gone().map(StoredEvent::Whole);
        }
        let Some(report) = self.reports.give_up_expired(self.expiry?) else {
            self.expiry = None;
            return None;
        };
        Some(StoredEvent::Whole(DeviceEvent::ReportAnswered { report, outcome: ReportOutcome::TimedOut }))
    }

    /// After the end: what was still open, one by one.
    fn pop_gone(&mut self) -> Option<DeviceEvent<'static>> {
        if let Some(report) = self.reports.pop_any() {
            return Some(DeviceEvent::ReportAnswered { report, outcome: ReportOutcome::Gone });
        }
        let observer = self.observations.pop_any()?;
        Some(DeviceEvent::ObservationStopped { observer, cause: StopCause::Gone })
    }
}

impl<const FRAME: usize> Outgoing<FRAME> {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; FRAME], sent: 0, end: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sent == self.end
    }

    /// Fills the slot, which is empty.
    pub(super) fn put(
        &mut self,
        encode: impl FnOnce(&mut [u8]) -> Result<usize, EncodeError>,
    ) -> Result<(), EncodeError> {
        self.end = encode(&mut self.bytes)?;
        self.sent = 0;
        Ok(())
    }

    /// Copies as much of what waits as `out` holds.
    pub(super) fn take(&mut self, out: &mut [u8]) -> Option<usize> {
        let len = out.len().min(self.end - self.sent);
        out[..len].copy_from_slice(&self.bytes[self.sent..self.sent + len]);
        self.sent += len;
        (len > 0).then_some(len)
    }
}

/// Without the bytes: they may hold the secret.
impl<const FRAME: usize> fmt::Debug for Outgoing<FRAME> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("sent", &self.sent).field("end", &self.end).finish_non_exhaustive()
    }
}

fn unexpected(state: &'static str, frame: Frame<'_>) -> ProtocolError {
    ProtocolError::UnexpectedFrame { state, got: frame.header.kind, raw: frame.raw }
}

/// Least bytes of a frame slot: a body of capacity level 0 behind its header.
pub(super) const MIN_FRAME_BYTES: usize = HEADER_BYTES + Capacity::Bytes512.body_bytes();
