//! A client's session as all who use it see it: its task, which owns the socket, and the hub's callers. They change it under a short
//! lock and wake the task, which writes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Waker};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::Mqtt;
use super::session::{End, Incidents, Lasting, Session};
use crate::hub::{
    CallError, CallId, CallReply, Credential, DeviceId, DeviceLink, Ending, Feed, LinkInfo, ObservationId,
    OfflineCause, Protocol, RequestParts,
};

/// One client's session, and who to wake for it.
#[derive(Debug)]
pub(super) struct Link {
    edge: Arc<Mqtt>,
    device: DeviceId,
    peer: SocketAddr,
    connected: Instant,
    credential: Credential,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    session: Session,
    task: Option<Waker>,
    /// Somebody waits in vain for an answer: the task shall ask the system whether the peer is there.
    is_doubted: bool,
}

impl Link {
    pub(super) fn new(
        edge: Arc<Mqtt>,
        who: (DeviceId, Credential),
        from: (SocketAddr, Instant),
        session: Session,
    ) -> Self {
        let ((device, credential), (peer, connected)) = (who, from);
        let state = Mutex::new(State { session, task: None, is_doubted: false });
        Self { edge, device, peer, connected, credential, state }
    }

    pub(super) const fn edge(&self) -> &Arc<Mqtt> {
        &self.edge
    }

    pub(super) const fn device(&self) -> &DeviceId {
        &self.device
    }

    /// Changes the session, and wakes its task if there is something for it to do.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Session) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state.session);
        let is_wanted = state.session.has_output() || state.session.end().is_some();
        let task = if is_wanted { state.task.take() } else { None };
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        result
    }

    /// The same for the task itself, which needs no waking.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut Session) -> R) -> R {
        let (result, incidents) = {
            let mut state = self.state.lock();
            let result = change(&mut state.session);
            (result, state.session.take_incidents())
        };
        if incidents != Incidents::default() {
            self.edge.metrics.happened(incidents);
            self.edge.hub.metrics().answers_dropped.inc_by(incidents.answers_dropped);
        }
        result
    }

    /// From now on the task of `cx` is woken; says whether it shall look for its peer.
    pub(super) fn register(&self, cx: &Context<'_>) -> bool {
        let mut state = self.state.lock();
        if !state.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            state.task = Some(cx.waker().clone());
        }
        std::mem::take(&mut state.is_doubted)
    }

    /// A newer connection of the client goes on with what outlives this one, which is over.
    pub(super) fn surrender(&self) -> Lasting {
        self.change(Session::surrender)
    }

    pub(super) fn end(&self, end: End) {
        self.change(|session| session.end_as(end));
    }
}

impl DeviceLink for Link {
    fn start_call(&self, request: RequestParts<'_>, reply: CallReply) -> Result<CallId, CallError> {
        self.change(|session| session.start_call(request, reply))
    }

    fn cancel_call(&self, call: CallId) {
        self.change(|session| session.cancel_call(call));
    }

    fn start_observation(&self, request: RequestParts<'_>, feed: Arc<Feed>) -> Result<ObservationId, CallError> {
        self.change(|session| session.start_observation(request, feed))
    }

    fn grant_frame(&self, observation: ObservationId) {
        self.change(|session| session.grant_frame(observation));
    }

    fn leave_observation(&self, observation: ObservationId) {
        self.change(|session| session.leave_observation(observation));
    }

    fn tell(&self, topic: &str, data: &[u8]) -> Result<(), CallError> {
        let told = self.change(|session| session.tell(topic, data));
        if told.is_ok() {
            self.edge.metrics.desired_states_sent.inc();
        }
        told
    }

    fn doubt(&self, asked: Instant) {
        let mut state = self.state.lock();
        if state.session.last_heard() > asked {
            return;
        }
        state.is_doubted = true;
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }

    fn check_deadlines(&self) {
        self.change(|session| session.handle_timeout(Instant::now()));
    }

    fn protocol(&self) -> Protocol {
        Protocol::Mqtt
    }

    fn peer(&self) -> SocketAddr {
        self.peer
    }

    fn credential(&self) -> Option<Credential> {
        Some(self.credential)
    }

    fn info(&self) -> LinkInfo {
        let state = self.state.lock();
        let session = &state.session;
        LinkInfo {
            protocol: Protocol::Mqtt,
            peer: self.peer,
            connected: self.connected,
            last_heard: session.last_heard(),
            heartbeat: session.keep_alive(),
            capacity: session.max_data(),
            max_data: session.max_data(),
            calls_in_flight: session.calls_in_flight(),
            observations: session.observations(),
        }
    }

    fn ended(&self) -> Option<OfflineCause> {
        self.state.lock().session.end().map(End::offline_cause)
    }

    fn close(&self, ending: Ending) {
        self.end(End::Wanted(ending));
    }
}
