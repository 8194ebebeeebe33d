//! The device's end of one link: what its driver may say and ask. What the frames do is in `device_link`.

use super::device_event::{DeviceEvent, DeviceRefusal};
use super::device_link::{DeviceLink, MIN_FRAME_BYTES, Outgoing, State};
use super::device_observations::{Observations, Step};
use super::device_reports::Reports;
use super::ping_clock::PingClock;
use super::{CloseReason, Timer};
use crate::decoder::{FixedFrame, FrameDecoder};
use crate::error::ProtocolError;
use crate::header::MessageId;
use crate::limits::{MAX_MESSAGE_IDS, MAX_SECRET_BYTES, VERIFY_TIMEOUT};
use crate::ping::PingInterval;
use crate::rest::{CoPostRequest, CoPostResponse, Notify, ObserverId, StatusCode, UriDigest};
use crate::time::Instant;
use crate::verify::{Capacity, DeviceIdRef, Verify};

/// Device side of one link. Pure: no socket, no clock, no allocation. The [contract](super) says in which order to call what.
///
/// ```text
///  Unverified ──verify──► Verifying ──accepted──► Verified
///      │                      │ refused, silence      │ protocol error, silence
///      └──────────────────────┴───────────────────────┴──► Closed(reason)
/// ```
///
/// * feed: [`handle_bytes`](Self::handle_bytes), [`handle_timeout`](Self::handle_timeout)
/// * verbs: [`verify`](Self::verify), [`ping`](Self::ping), [`set_heartbeat`](Self::set_heartbeat),
///   [`start_report`](Self::start_report), [`cancel_report`](Self::cancel_report), [`answer_call`](Self::answer_call),
///   [`accept_observation`](Self::accept_observation), [`refuse_observation`](Self::refuse_observation),
///   [`notify`](Self::notify), [`terminate`](Self::terminate), [`fail_observation`](Self::fail_observation),
///   [`close`](Self::close)
/// * drain: [`poll_event`](Self::poll_event), [`poll_transmit`](Self::poll_transmit), [`poll_timeout`](Self::poll_timeout)
///
/// There is one slot for a frame to be sent, so a verb on a session that is not drained is refused with
/// [`DeviceRefusal::Undrained`].
///
/// * `FRAME`: bytes of the longest frame, header included, at least 517; memory for two of them is inside. 4101 serves every
///   capacity.
/// * `PENDING`: reports that may wait for their answers. One that timed out or was cancelled keeps its place until its late
///   answer comes or 60 s have passed, so that the answer cannot be taken for another's; one more is refused.
/// * `OBSERVERS`: observations that may live; one more is answered with [`StatusCode::TooManyObservers`].
#[derive(Debug)]
pub struct DeviceSession<const FRAME: usize, const PENDING: usize, const OBSERVERS: usize> {
    decoder: FrameDecoder<FixedFrame<FRAME>>,
    link: DeviceLink<FRAME, PENDING, OBSERVERS>,
}

/// What a device wants of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeviceConfig {
    /// Longest body of a frame, default 512 bytes; the largest capacity that fits the session's `FRAME` where that is less.
    pub capacity: Capacity,
    /// Heartbeat interval, default 300 s. Another is asked for as soon as the device is verified.
    pub ping_interval: PingInterval,
}

// What arrives.
impl<const FRAME: usize, const PENDING: usize, const OBSERVERS: usize> DeviceSession<FRAME, PENDING, OBSERVERS> {
    /// A session of a connection that was made at `now`.
    pub fn new(config: DeviceConfig, now: Instant) -> Self {
        const {
            assert!(FRAME >= MIN_FRAME_BYTES, "FRAME must hold a body of 512 bytes behind its header");
            assert!(PENDING + OBSERVERS + 1 < MAX_MESSAGE_IDS, "each request in flight needs a message id");
        }
        let capacity = config.capacity.min(Capacity::fitting(FRAME));
        Self {
            decoder: FrameDecoder::new(capacity.body_bytes()),
            link: DeviceLink {
                state: State::Unverified,
                capacity,
                wanted_interval: config.ping_interval,
                ping_clock: PingClock::new(now),
                reports: Reports::new(),
                observations: Observations::new(),
                next_id: MessageId::FIRST,
                out: Outgoing::new(),
                event: None,
                expiry: None,
            },
        }
    }

    /// Takes bytes from the front of `input`, up to the end of one frame; returns how many. A closed session takes all, one
    /// that is not drained takes none.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`]: the session is closed for that reason, and it is the answer of [`close_reason`](Self::close_reason).
    pub fn handle_bytes(&mut self, now: Instant, input: &[u8]) -> Result<usize, ProtocolError> {
        if self.close_reason().is_some() {
            return Ok(input.len());
        }
        if !self.link.is_drained() {
            return Ok(0);
        }
        self.take_frame(now, input).inspect_err(|error| self.link.close(CloseReason::Protocol(*error)))
    }

    fn take_frame(&mut self, now: Instant, input: &[u8]) -> Result<usize, ProtocolError> {
        // The frame before this one lent its body to an event until now.
        if self.decoder.frame()?.is_some() {
            self.decoder.finish();
        }
        let taken = self.decoder.fill(input)?;
        if let Some(frame) = self.decoder.frame()? {
            self.link.handle_frame(now, frame)?;
        }
        Ok(taken)
    }

    /// Acts on every deadline that has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        let come = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        match self.link.state {
            State::Verifying { deadline, .. } if deadline <= now => self.link.close(CloseReason::VerifyTimeout),
            State::Verified if come(self.link.ping_clock.silence_deadline()) => self.link.close(CloseReason::Silent),
            State::Verified => {
                self.link.expiry = Some(now);
                if self.link.out.is_empty() && come(self.link.ping_clock.due()) {
                    self.link.send_ping(now, None);
                }
            }
            State::Unverified | State::Verifying { .. } | State::Closed { .. } => {}
        }
    }
}

// What our side wants.
impl<const FRAME: usize, const PENDING: usize, const OBSERVERS: usize> DeviceSession<FRAME, PENDING, OBSERVERS> {
    /// Says who the device is (§2), once. The hub has 15 s to answer, with [`DeviceEvent::Verified`] or
    /// [`DeviceEvent::VerifyRefused`].
    ///
    /// # Errors
    ///
    /// [`DeviceRefusal::TooLarge`] for a secret over 256 bytes, [`DeviceRefusal::NotOpen`] the second time.
    pub fn verify(&mut self, now: Instant, id: DeviceIdRef<'_>, secret: &[u8]) -> Result<(), DeviceRefusal> {
        if !matches!(self.link.state, State::Unverified) {
            return Err(DeviceRefusal::NotOpen);
        }
        let too_large = DeviceRefusal::TooLarge { len: secret.len(), max: MAX_SECRET_BYTES };
        if secret.len() > MAX_SECRET_BYTES {
            return Err(too_large);
        }
        let message_id = self.link.allocate_id();
        let verify = Verify { capacity: self.link.capacity, id, secret };
        self.link.out.put(|out| verify.encode(message_id.to_wire(), out)).map_err(|_| too_large)?;
        self.link.state = State::Verifying { message_id, deadline: now.after(VERIFY_TIMEOUT) };
        Ok(())
    }

    /// Sends a sign of life now. The session sends its own when an interval passes without a frame either way.
    ///
    /// # Errors
    ///
    /// [`DeviceRefusal::PingUnanswered`], [`DeviceRefusal::NotOpen`], [`DeviceRefusal::Undrained`].
    pub fn ping(&mut self, now: Instant) -> Result<(), DeviceRefusal> {
        self.start_ping(now, None)
    }

    /// Asks the hub for another heartbeat interval; it holds once [`DeviceEvent::PingAnswered`] says success.
    ///
    /// # Errors
    ///
    /// As [`ping`](Self::ping).
    pub fn set_heartbeat(&mut self, now: Instant, interval: PingInterval) -> Result<(), DeviceRefusal> {
        self.start_ping(now, Some(interval))
    }

    /// Sends a CoPOST to the hub. Its end comes as [`DeviceEvent::ReportAnswered`] with the returned name.
    ///
    /// # Errors
    ///
    /// [`DeviceRefusal`]: nothing was sent, no event will come. At most capacity − 5 bytes of data.
    pub fn start_report(
        &mut self,
        now: Instant,
        digest: UriDigest,
        data: &[u8],
        deadline: Instant,
    ) -> Result<MessageId, DeviceRefusal> {
        self.link.admit(CoPostRequest::MIN_BYTES, data)?;
        if !self.link.reports.has_room(now) {
            return Err(DeviceRefusal::TooManyReports { max: PENDING });
        }
        let message_id = self.link.allocate_id();
        self.link.request(now, message_id, &[&CoPostRequest::head(digest), data]);
        self.link.reports.insert(message_id, deadline);
        Ok(message_id)
    }

    /// Nobody waits for the report any more: no event will come for it. Does nothing for one that has ended.
    pub fn cancel_report(&mut self, now: Instant, report: MessageId) {
        self.link.reports.give_up(now, report);
    }

    /// Answers a [`DeviceEvent::Call`] of this session. Data goes with any status, but the hub passes it on with
    /// [`StatusCode::Ok`] only.
    ///
    /// # Errors
    ///
    /// [`DeviceRefusal`]: nothing was sent, the call is still unanswered. At most capacity − 1 bytes of data.
    pub fn answer_call(
        &mut self,
        now: Instant,
        call: MessageId,
        status: StatusCode,
        data: &[u8],
    ) -> Result<(), DeviceRefusal> {
        self.link.admit(CoPostResponse::HEAD_BYTES, data)?;
        self.link.respond(now, call, &[&CoPostResponse::head(status), data]);
        Ok(())
    }

    /// Begins an observation that was requested.
    ///
    /// # Errors
    ///
    /// [`DeviceRefusal::UnknownObserver`] unless it waits for that; [`DeviceRefusal::NotOpen`],
    /// [`DeviceRefusal::Undrained`].
    pub fn accept_observation(&mut self, now: Instant, observer: ObserverId) -> Result<(), DeviceRefusal> {
        let message_id = self.requested(observer)?;
        self.link.answer_establish(now, message_id, StatusCode::Continue, observer.to_wire());
        self.link.set_step(observer, Step::Open);
        Ok(())
    }

    /// Refuses an observation that was requested. [`StatusCode::Continue`] would accept it and is sent as
    /// [`StatusCode::InternalError`].
    ///
    /// # Errors
    ///
    /// As [`accept_observation`](Self::accept_observation).
    pub fn refuse_observation(
        &mut self,
        now: Instant,
        observer: ObserverId,
        status: StatusCode,
    ) -> Result<(), DeviceRefusal> {
        let message_id = self.requested(observer)?;
        self.link.answer_establish(now, message_id, not_continue(status), observer.to_wire());
        self.link.observations.remove(observer);
        Ok(())
    }

    /// Sends one frame of an observation. The next may be sent after [`DeviceEvent::NotifyAnswered`] (§4).
    ///
    /// # Errors
    ///
    /// [`DeviceRefusal`]: nothing was sent. At most capacity − 3 bytes of data.
    pub fn notify(&mut self, now: Instant, observer: ObserverId, data: &[u8]) -> Result<(), DeviceRefusal> {
        self.link.admit(Notify::MIN_BYTES, data)?;
        match self.link.observations.get_mut(observer).map(|observation| observation.step) {
            Some(Step::Open) => {}
            Some(Step::Notifying { .. }) => return Err(DeviceRefusal::NotifyUnanswered),
            Some(Step::Requested { .. } | Step::Finishing { .. } | Step::Ending { .. }) | None => {
                return Err(DeviceRefusal::UnknownObserver);
            }
        }
        let message_id = self.link.allocate_id();
        self.link.request(now, message_id, &[&Notify::head(StatusCode::Continue, observer), data]);
        self.link.set_step(observer, Step::Notifying { message_id });
        Ok(())
    }

    /// Ends an observation; if a notification is unanswered, as soon as it is answered. No event will come for it, and its
    /// slot is free when the hub knows.
    ///
    /// # Errors
    ///
    /// [`DeviceRefusal::UnknownObserver`] unless it was accepted and lives; [`DeviceRefusal::NotOpen`],
    /// [`DeviceRefusal::Undrained`].
    pub fn terminate(&mut self, now: Instant, observer: ObserverId) -> Result<(), DeviceRefusal> {
        self.finish(now, observer, StatusCode::Terminate)
    }

    /// As [`terminate`](Self::terminate), but says what went wrong. [`StatusCode::Continue`] is sent as
    /// [`StatusCode::InternalError`].
    ///
    /// # Errors
    ///
    /// As `terminate`.
    pub fn fail_observation(
        &mut self,
        now: Instant,
        observer: ObserverId,
        status: StatusCode,
    ) -> Result<(), DeviceRefusal> {
        self.finish(now, observer, not_continue(status))
    }

    /// Ends the session. Reports and observations end with events; the first reason stays.
    pub fn close(&mut self, reason: CloseReason) {
        self.link.close(reason);
    }

    fn start_ping(&mut self, now: Instant, asked_for: Option<PingInterval>) -> Result<(), DeviceRefusal> {
        self.link.admit(0, &[])?;
        if self.link.ping_clock.is_in_flight() {
            return Err(DeviceRefusal::PingUnanswered);
        }
        self.link.send_ping(now, asked_for);
        Ok(())
    }

    fn requested(&mut self, observer: ObserverId) -> Result<MessageId, DeviceRefusal> {
        self.link.admit(0, &[])?;
        match self.link.observations.get_mut(observer).map(|observation| observation.step) {
            Some(Step::Requested { message_id }) => Ok(message_id),
            Some(Step::Open | Step::Notifying { .. } | Step::Finishing { .. } | Step::Ending { .. }) | None => {
                Err(DeviceRefusal::UnknownObserver)
            }
        }
    }

    fn finish(&mut self, now: Instant, observer: ObserverId, status: StatusCode) -> Result<(), DeviceRefusal> {
        self.link.admit(0, &[])?;
        match self.link.observations.get_mut(observer).map(|observation| observation.step) {
            Some(Step::Open) => self.link.send_last(now, observer, status),
            Some(Step::Notifying { message_id }) => {
                self.link.set_step(observer, Step::Finishing { message_id, status });
            }
            Some(Step::Requested { .. } | Step::Finishing { .. } | Step::Ending { .. }) | None => {
                return Err(DeviceRefusal::UnknownObserver);
            }
        }
        Ok(())
    }
}

// What must leave.
impl<const FRAME: usize, const PENDING: usize, const OBSERVERS: usize> DeviceSession<FRAME, PENDING, OBSERVERS> {
    /// What the driver must know, in order. The data lies in the session until the next frame comes.
    pub fn poll_event(&mut self) -> Option<DeviceEvent<'_>> {
        let event = self.link.next_event()?;
        let body = self.decoder.frame().ok().flatten().map_or(&[][..], |frame| frame.body);
        Some(event.with_body(body))
    }

    /// Copies bytes for the transport to the front of `out` and returns how many: as many as wait, or as fit, so call it until
    /// it returns `None`. An empty `out` gets nothing.
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> Option<usize> {
        self.link.out.take(out)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) at the latest, and for which timer.
    pub fn poll_timeout(&self) -> Option<(Instant, Timer)> {
        match self.link.state {
            State::Verifying { deadline, .. } => Some((deadline, Timer::Verify)),
            State::Verified => {
                let ping = self.link.ping_clock.due().map(|at| (at, Timer::Ping));
                let silence = self.link.ping_clock.silence_deadline().map(|at| (at, Timer::Silence));
                let answer = self.link.reports.next_deadline().map(|at| (at, Timer::Answer));
                [ping, silence, answer].into_iter().flatten().min_by_key(|(at, _)| *at)
            }
            State::Unverified | State::Closed { .. } => None,
        }
    }

    /// Why the session is over, if it is.
    pub fn close_reason(&self) -> Option<CloseReason> {
        match self.link.state {
            State::Closed { reason } => Some(reason),
            State::Unverified | State::Verifying { .. } | State::Verified => None,
        }
    }

    /// Most bytes of a body on this link.
    pub fn max_body_bytes(&self) -> usize {
        self.link.capacity.body_bytes()
    }
}

fn not_continue(status: StatusCode) -> StatusCode {
    if status == StatusCode::Continue { StatusCode::InternalError } else { status }
}
