//! A device's session and the writing side of its socket, as one value that callers' tasks and the connection's task share.
//!
//! A call goes in by a short lock around the pure session and a direct write from the caller's own task: no queue, no second
//! wake-up (`benches/RESULTS.md` has the figures). The lock is never held while a socket is written or a task is woken.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use rtio_proto::MessageId;
use rtio_proto::session::{CloseReason, HubEvent, HubSession, Verdict};
use rtio_proto::time::Instant as SessionInstant;
use rtio_proto::verify::Secret;
use tokio::net::tcp::OwnedWriteHalf;

use super::transport::{Outgoing, Peer, Transport};
use super::{Devices, outcome, span};
use crate::hub::{
    CallError, CallId, CallReply, Credential, DeviceLink, Ending, Feed, LinkInfo, ObservationId, OfflineCause,
    Protocol, ReportAnswer, RequestParts, StatusCode, UriDigest,
};
use crate::net::Backlog;

/// What a session remembers of a call: where its outcome goes, and what an error must say.
#[derive(Debug)]
pub(super) struct CallToken {
    reply: CallReply,
    started: tokio::time::Instant,
}

/// What a session remembers of an observation.
#[derive(Debug, Clone)]
pub(super) struct ObservationToken {
    feed: Arc<Feed>,
    started: tokio::time::Instant,
}

type Session = HubSession<CallToken, ObservationToken>;
type Event = HubEvent<CallToken, ObservationToken>;

#[derive(Debug)]
pub(super) struct Link {
    devices: Arc<Devices>,
    peer: SocketAddr,
    /// Number of the secret with which the device verified itself; 0 for none of the registry's.
    credential: AtomicU32,
    connected: SessionInstant,
    socket: OwnedWriteHalf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    session: Session,
    transport: Transport,
    writer: Writer,
    /// Wakes the connection's task.
    task: Option<Waker>,
    /// The task reads nothing until the device has read more of what waits for it.
    paused: bool,
}

/// Who writes to the socket. At most one does, so that frames stay in order without a lock around the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    /// Nobody: whoever queues a frame writes it.
    Idle,
    /// Somebody does, and will take what is queued meanwhile.
    Busy,
    /// The socket is full: the connection's task goes on once it has room.
    Blocked,
}

/// What the connection's task does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Situation {
    pub(super) closed: bool,
    pub(super) blocked: bool,
    pub(super) wants_bytes: bool,
}

/// What the connection's task has to do itself about an event.
#[derive(Debug)]
pub(super) enum Request {
    Verify { id: String, secret: Secret },
    Report(Report),
}

#[derive(Debug)]
pub(super) struct Report {
    pub(super) message_id: MessageId,
    pub(super) digest: UriDigest,
    pub(super) data: Vec<u8>,
}

impl Link {
    pub(super) fn new(devices: Arc<Devices>, peer: SocketAddr, socket: OwnedWriteHalf, transport: Transport) -> Self {
        let connected = devices.clock.now();
        let session = Session::new(devices.session_limits, connected);
        let state = Mutex::new(State { session, transport, writer: Writer::Idle, task: None, paused: false });
        Self { devices, peer, credential: AtomicU32::new(0), connected, socket, state }
    }

    /// The device has shown this secret.
    pub(super) fn verified_by(&self, credential: Credential) {
        self.credential.store(credential.0.get(), Ordering::Relaxed);
    }

    pub(super) fn devices(&self) -> &Arc<Devices> {
        &self.devices
    }

    pub(super) fn has_tls(&self) -> bool {
        matches!(self.state.lock().transport, Transport::Tls(_))
    }

    /// Makes `cx` the task to wake, and says how things stand.
    pub(super) fn situation(&self, cx: &Context<'_>) -> Situation {
        let mut state = self.state.lock();
        if !state.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            state.task = Some(cx.waker().clone());
        }
        state.paused = !state.session.wants_bytes();
        Situation {
            closed: state.session.close_reason().is_some(),
            blocked: state.writer == Writer::Blocked,
            wants_bytes: !state.paused,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.close_reason().is_some()
    }

    pub(super) fn close_reason(&self) -> Option<CloseReason> {
        self.state.lock().session.close_reason()
    }

    /// Feeds what was read, frame by frame. Returns what the connection's task must see to. Bytes that break the protocol, or
    /// TLS, close the session.
    pub(super) fn handle_bytes(&self, bytes: &[u8]) -> Vec<Request> {
        let now = self.devices.clock.now();
        let (mut requests, mut events) = (Vec::new(), Vec::new());
        let mut state = self.state.lock();
        let State { session, transport, .. } = &mut *state;
        let opened = transport.open(bytes, |frames| {
            feed(session, now, frames, |event| sort(event, &mut requests, &mut events));
        });
        if opened != Ok(Peer::Stays) {
            session.close(CloseReason::PeerGone);
        }
        while let Some(event) = session.poll_event() {
            sort(event, &mut requests, &mut events);
        }
        self.finish(state, events);
        if let Err(error) = opened {
            tracing::warn!(peer = %self.peer, %error, "device broke TLS");
        }
        requests
    }

    /// Feeds what came with the end of the handshake, before the socket is read.
    pub(super) fn handle_early_bytes(&self) -> Vec<Request> {
        self.handle_bytes(&[])
    }

    pub(super) fn answer_verify(&self, verdict: Verdict) {
        self.state.lock().session.answer_verify(self.devices.clock.now(), verdict);
    }

    pub(super) fn answer_report(&self, report: MessageId, answer: &ReportAnswer) {
        self.devices.hub.metrics().report_answered(answer.status);
        self.change(|session, _| session.answer_report(report, answer.status, &answer.data));
    }

    pub(super) fn end(&self, reason: CloseReason) {
        self.change(|session, _| session.close(reason));
        self.wake_task();
    }

    /// Goes on writing once the socket has room.
    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.socket.as_ref().poll_write_ready(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(_) => {
                self.state.lock().writer = Writer::Idle;
                self.flush();
                Poll::Ready(())
            }
        }
    }

    /// Writes what is queued, unless somebody does.
    pub(super) fn flush(&self) {
        self.change(|_, _| ());
    }

    /// One mutation, then drain.
    fn change<R>(&self, mutate: impl FnOnce(&mut Session, SessionInstant) -> R) -> R {
        let now = self.devices.clock.now();
        let mut state = self.state.lock();
        let result = mutate(&mut state.session, now);
        let mut events = Vec::new();
        while let Some(event) = state.session.poll_event() {
            events.push(event);
        }
        self.finish(state, events);
        result
    }

    fn finish(&self, mut state: parking_lot::MutexGuard<'_, State>, events: Vec<Event>) {
        let outgoing = state.take_outgoing();
        drop(state);
        if let Some(bytes) = outgoing {
            self.write(bytes);
        }
        for event in events {
            self.deliver(event);
        }
    }

    /// Writes as the only writer until nothing is queued or the socket is full.
    fn write(&self, bytes: Vec<u8>) {
        let mut next = Some(bytes);
        while let Some(bytes) = next {
            next = self.write_once(bytes);
        }
    }

    /// Writes what it can; returns what was queued meanwhile, if this goes on being the writer.
    fn write_once(&self, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        let written = match self.socket.try_write(&bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => {
                self.state.lock().writer = Writer::Idle;
                self.end(outcome::of_broken(&error));
                return None;
            }
        };
        let mut state = self.state.lock();
        let wake = if written < bytes.len() {
            state.keep_unsent(bytes.split_off(written));
            state.writer = Writer::Blocked;
            true
        } else {
            state.writer = Writer::Idle;
            if let Some(more) = state.take_outgoing() {
                return Some(more);
            }
            std::mem::take(&mut state.paused)
        };
        drop(state);
        if wake {
            self.wake_task();
        }
        None
    }

    fn deliver(&self, event: Event) {
        match event {
            HubEvent::CallDone { token, outcome } => {
                let result = outcome::of_call(outcome, token.started);
                // The caller may have left in this moment; then nobody wants the outcome.
                let _ = token.reply.send(result);
            }
            HubEvent::ObservationStarted { token } => token.feed.start(),
            HubEvent::Notified { token, data } => token.feed.push(data),
            HubEvent::ObservationEnded { token, end } => token.feed.end(outcome::of_observation(end, token.started)),
            HubEvent::AnswerDropped => {
                self.devices.hub.metrics().answers_dropped.inc();
            }
            HubEvent::VerifyRequested { .. } | HubEvent::Report { .. } => {
                unreachable!("come of bytes only, and handle_bytes keeps them")
            }
        }
    }

    /// Says goodbye under TLS, if the socket has room for it now: a device cannot tell a connection that was cut from one that
    /// ended without it.
    pub(super) fn say_goodbye(&self) {
        let mut state = self.state.lock();
        state.transport.close();
        self.finish(state, Vec::new());
    }

    /// Ends the connection, or our side of it, whoever still holds the link.
    pub(super) fn shut_down(&self, how: rustix::net::Shutdown) {
        // The connection ends in any case.
        let _ = rustix::net::shutdown(self.socket.as_ref(), how);
    }

    fn wake_task(&self) {
        let task = self.state.lock().task.clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// Feeds frame by frame, and takes what comes of each before the next.
fn feed(session: &mut Session, now: SessionInstant, mut frames: &[u8], mut sort: impl FnMut(Event)) {
    while !frames.is_empty() {
        let Ok(taken) = session.handle_bytes(now, frames) else { break };
        frames = &frames[taken..];
        while let Some(event) = session.poll_event() {
            sort(event);
        }
    }
}

/// Tells what the connection's task must see to from what goes to the one who waits for it.
fn sort(event: Event, requests: &mut Vec<Request>, events: &mut Vec<Event>) {
    match event {
        HubEvent::VerifyRequested { id, secret } => requests.push(Request::Verify { id, secret }),
        HubEvent::Report { message_id, digest, data } => {
            requests.push(Request::Report(Report { message_id, digest, data }));
        }
        HubEvent::CallDone { .. }
        | HubEvent::ObservationStarted { .. }
        | HubEvent::Notified { .. }
        | HubEvent::ObservationEnded { .. }
        | HubEvent::AnswerDropped => events.push(event),
    }
}

impl State {
    /// What is queued, if nobody else writes: then the caller of this is the writer.
    fn take_outgoing(&mut self) -> Option<Vec<u8>> {
        if self.writer != Writer::Idle {
            return None;
        }
        let frames = self.session.poll_transmit().unwrap_or_default();
        let Outgoing { bytes, left } = self.transport.seal(frames);
        if !left.is_empty() {
            self.session.handle_unsent(left);
        }
        if bytes.is_empty() {
            return None;
        }
        self.writer = Writer::Busy;
        Some(bytes)
    }

    /// Keeps what the socket had no room for, as frames if they still are.
    fn keep_unsent(&mut self, unsent: Vec<u8>) {
        if let Some(frames) = self.transport.keep_unsent(unsent) {
            self.session.handle_unsent(frames);
        }
    }
}

impl DeviceLink for Link {
    fn start_call(&self, request: RequestParts<'_>, reply: CallReply) -> Result<CallId, CallError> {
        let token = CallToken { reply, started: request.started };
        let call = self.session_request(request);
        self.change(|session, now| session.start_call(now, call, token)).map_err(outcome::of_refusal)
    }

    fn cancel_call(&self, call: CallId) {
        self.change(|session, now| session.cancel_call(now, call));
    }

    fn start_observation(&self, request: RequestParts<'_>, feed: Arc<Feed>) -> Result<ObservationId, CallError> {
        let token = ObservationToken { feed, started: request.started };
        let request = self.session_request(request);
        self.change(|session, now| session.start_observation(now, request, token)).map_err(outcome::of_refusal)
    }

    fn grant_frame(&self, observation: ObservationId) {
        self.change(|session, _| session.grant_frame(observation));
    }

    fn leave_observation(&self, observation: ObservationId) {
        self.change(|session, now| session.leave_observation(now, observation));
    }

    fn tell(&self, _: &str, _: &[u8]) -> Result<(), CallError> {
        Err(CallError::DeviceRefused(StatusCode::MethodNotAllowed))
    }

    fn doubt(&self, asked: tokio::time::Instant) {
        if !self.state.lock().session.is_silent_since(self.devices.clock.at(asked)) {
            return;
        }
        match Backlog::of(self.socket.as_ref()) {
            Ok(backlog) if backlog.is_unanswered() => self.end(CloseReason::Vanished),
            Ok(_) => {}
            Err(error) => span::at_debug(self.peer, None)
                .in_scope(|| tracing::debug!(%error, "cannot ask the system about a silent device")),
        }
    }

    fn check_deadlines(&self) {
        let closed = self.change(|session, now| {
            session.handle_timeout(now);
            session.close_reason().is_some()
        });
        if closed {
            self.wake_task();
        }
    }

    fn protocol(&self) -> Protocol {
        Protocol::Rtio
    }

    fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn credential(&self) -> Option<Credential> {
        NonZeroU32::new(self.credential.load(Ordering::Relaxed)).map(Credential)
    }

    fn info(&self) -> LinkInfo {
        let clock = self.devices.clock;
        let state = self.state.lock();
        let session = &state.session;
        LinkInfo {
            protocol: Protocol::Rtio,
            peer: self.peer,
            connected: clock.runtime(self.connected),
            last_heard: clock.runtime(session.last_heard()),
            heartbeat: session.heartbeat(),
            capacity: session.capacity().unwrap_or_default().body_bytes(),
            max_data: session.max_data_bytes(),
            calls_in_flight: session.calls_in_flight(),
            observations: session.observations(),
        }
    }

    fn ended(&self) -> Option<OfflineCause> {
        self.close_reason().map(outcome::of_end)
    }

    fn close(&self, ending: Ending) {
        self.end(match ending {
            Ending::Replaced => CloseReason::Replaced,
            Ending::Disconnected => CloseReason::Disconnected,
            Ending::Revoked => CloseReason::Revoked,
            Ending::Shutdown => CloseReason::Shutdown,
        });
    }
}

impl Link {
    fn session_request<'a>(&self, request: RequestParts<'a>) -> rtio_proto::session::CallRequest<'a> {
        let deadline = self.devices.clock.at(request.deadline);
        rtio_proto::session::CallRequest { digest: request.digest, data: request.data, deadline }
    }
}
