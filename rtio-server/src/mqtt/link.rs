//! A client's session as all who use it see it: its task, which owns the socket, and the hub's callers. They change it under a short
//! lock and wake the task, which writes. The lock is never held while a task is woken.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Waker};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::Mqtt;
use super::calls::Done;
use super::session::{End, Incidents, Lasting, Session};
use crate::hub::{
    CallError, CallId, CallReply, Credential, DeviceId, DeviceLink, Ending, Feed, LinkInfo, ObservationId,
    OfflineCause, Protocol, RequestParts,
};
use crate::realer::spacing::{Pace, TooSoon};

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
    /// Somebody tells callers what came of their requests, and will tell what comes meanwhile.
    is_telling: bool,
    /// Of what the client asks the store: what its pace gave last.
    due: Option<Instant>,
}

impl Link {
    pub(super) fn new(
        edge: Arc<Mqtt>,
        who: (DeviceId, Credential),
        from: (SocketAddr, Instant),
        session: Session,
    ) -> Self {
        let ((device, credential), (peer, connected)) = (who, from);
        let state = Mutex::new(State { session, task: None, is_doubted: false, is_telling: false, due: None });
        Self { edge, device, peer, connected, credential, state }
    }

    pub(super) const fn edge(&self) -> &Arc<Mqtt> {
        &self.edge
    }

    pub(super) const fn device(&self) -> &DeviceId {
        &self.device
    }

    /// Changes the session, wakes its task if there is something for it to do, and tells callers what comes of it.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Session) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state.session);
        let is_wanted = state.session.has_output() || state.session.end().is_some();
        let task = if is_wanted { state.task.take() } else { None };
        let done = state.take_done();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
        self.tell_callers(done);
        result
    }

    /// The same for the task itself, which needs no waking.
    pub(super) fn with<R>(&self, change: impl FnOnce(&mut Session) -> R) -> R {
        let (result, incidents, done) = {
            let mut state = self.state.lock();
            let result = change(&mut state.session);
            (result, state.session.take_incidents(), state.take_done())
        };
        if incidents != Incidents::default() {
            self.edge.metrics.happened(incidents);
            self.edge.hub.metrics().answers_dropped.inc_by(incidents.answers_dropped);
        }
        self.tell_callers(done);
        result
    }

    /// Tells callers, and goes on until there is nothing to tell.
    fn tell_callers(&self, mut done: Vec<Done>) {
        while !done.is_empty() {
            done.into_iter().for_each(Done::deliver);
            let mut state = self.state.lock();
            state.is_telling = false;
            done = state.take_done();
        }
    }

    /// Counts a question to the store.
    ///
    /// # Errors
    ///
    /// [`TooSoon`]; it counts for nothing.
    pub(super) fn take_turn(&self, pace: Pace, now: Instant) -> Result<(), TooSoon> {
        let mut state = self.state.lock();
        state.due = Some(pace.take(state.due, now)?);
        Ok(())
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

impl State {
    /// What callers are to be told, if nobody tells them now: then who asks does. As only one does, an observation's end that comes
    /// from elsewhere does not overtake a frame that the task has taken out and not told yet; a second lock around the telling would be
    /// held while tasks are woken.
    fn take_done(&mut self) -> Vec<Done> {
        if self.is_telling {
            return Vec::new();
        }
        let done = self.session.take_done();
        self.is_telling = !done.is_empty();
        done
    }
}

/// Whatever became of the task, nobody waits for a session that is gone.
impl Drop for Link {
    fn drop(&mut self) {
        self.end(End::Broke);
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

#[cfg(test)]
mod tests {
    use std::sync::Weak;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Poll, Wake};
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;
    use crate::hub::fake_link::fake_hub;
    use crate::hub::{Delivery, FeedEnd, UriDigest};
    use crate::mqtt::session::tests::{answer, asked, correlations};
    use crate::mqtt::{Config, Metrics, Surroundings};
    use crate::net::{Gate, Liveness};
    use crate::realer::fake_store::{FakeClock, FakeStore};
    use crate::shutdown::Shutdown;

    type Outcome = oneshot::Receiver<Result<Vec<u8>, CallError>>;

    fn edge() -> Arc<Mqtt> {
        let config = Config {
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            max_connections: 1,
            max_connections_per_peer: 1,
            max_unverified: 1,
            liveness: Liveness::new(Duration::from_secs(60)),
            max_calls: 4,
            max_observations: 2,
        };
        let realer = Arc::new(FakeStore::of([]).runtime(&FakeClock::at(0)));
        let (metrics, shutdown) = (Metrics::default(), Shutdown::new());
        Mqtt::new(&config, Gate::default(), Surroundings { hub: fake_hub(1), realer, metrics, shutdown })
    }

    fn link(edge: &Arc<Mqtt>) -> Arc<Link> {
        let who = (DeviceId::parse("cdv_1").unwrap(), Credential(std::num::NonZeroU32::MIN));
        let from = (SocketAddr::from(([127, 0, 0, 1], 1)), Instant::now());
        Arc::new(Link::new(Arc::clone(edge), who, from, asked()))
    }

    fn parts() -> RequestParts<'static> {
        let started = Instant::now();
        let deadline = started + Duration::from_secs(60);
        RequestParts { uri: "/a", digest: UriDigest::of("/a"), data: b"", started, deadline }
    }

    fn call(link: &Link) -> (CallId, Outcome) {
        let (reply, outcome) = oneshot::channel();
        (link.start_call(parts(), reply).unwrap(), outcome)
    }

    fn observe(link: &Link) -> Arc<Feed> {
        let feed = Arc::<Feed>::default();
        link.start_observation(parts(), Arc::clone(&feed)).unwrap();
        feed
    }

    /// Writes all requests, and says how they are named.
    fn sent(link: &Link) -> Vec<String> {
        let written = std::iter::from_fn(|| link.with(Session::poll_transmit)).flatten();
        correlations(&written.collect::<Vec<_>>())
    }

    /// The device says all of this at once.
    fn hears(link: &Link, words: &[Vec<u8>]) {
        link.with(|session| session.handle_bytes(Instant::now(), &words.concat()));
    }

    /// A caller's task. Woken, it finds the link unlocked, and ends the session.
    struct Caller {
        link: Weak<Link>,
        feed: Option<Arc<Feed>>,
        woken: AtomicUsize,
    }

    impl Caller {
        fn waits_for(outcome: &mut Outcome, link: &Arc<Link>, feed: Option<Arc<Feed>>) -> Arc<Self> {
            let caller = Arc::new(Self { link: Arc::downgrade(link), feed, woken: AtomicUsize::new(0) });
            let waker = Waker::from(Arc::clone(&caller));
            assert_eq!(poll(outcome, &waker), Poll::Pending);
            caller
        }

        fn woken(&self) -> usize {
            self.woken.load(Ordering::Relaxed)
        }
    }

    fn poll(
        outcome: &mut Outcome,
        waker: &Waker,
    ) -> Poll<Result<Result<Vec<u8>, CallError>, oneshot::error::RecvError>> {
        std::pin::Pin::new(outcome).poll(&mut Context::from_waker(waker))
    }

    impl Wake for Caller {
        fn wake(self: Arc<Self>) {
            self.woken.fetch_add(1, Ordering::Relaxed);
            let Some(link) = self.link.upgrade() else { return };
            assert!(link.state.try_lock().is_some(), "woken under the lock");
            link.end(End::Broke);
            if let Some(feed) = &self.feed {
                assert_eq!(feed.look(), (false, vec![], None), "the end waits for its turn");
            }
        }
    }

    #[test]
    fn an_end_from_elsewhere_does_not_overtake_what_is_being_told() {
        let edge = edge();
        let link = link(&edge);
        let (_, mut outcome) = call(&link);
        let feed = observe(&link);
        let names = sent(&link);
        let caller = Caller::waits_for(&mut outcome, &link, Some(Arc::clone(&feed)));
        let [called, observed] = names.as_slice() else { panic!("{names:?}") };
        let goes_on = |data| answer(observed, "continue", data);
        hears(&link, &[answer(called, "ok", "x"), goes_on(""), goes_on("1"), goes_on("2")]);
        assert_eq!((caller.woken(), outcome.try_recv()), (1, Ok(Ok(b"x".to_vec()))));
        let gone = CallError::DeviceGone { delivery: Delivery::SentUnanswered };
        assert_eq!(feed.look(), (true, vec![b"1".to_vec(), b"2".to_vec()], Some(Err(gone))));
    }

    #[test]
    fn no_lock_is_held_while_a_caller_hears_that_its_call_is_over_or_off() {
        let ways: [fn(&Link, CallId); 4] = [
            |link, _| link.close(Ending::Shutdown),
            |link, _| drop(link.surrender()),
            |link, call| link.cancel_call(call),
            |link, _| link.change(|session| session.handle_timeout(Instant::now() + Duration::from_secs(61))),
        ];
        let edge = edge();
        for way in ways {
            let link = link(&edge);
            let (id, mut outcome) = call(&link);
            let caller = Caller::waits_for(&mut outcome, &link, None);
            way(&link, id);
            assert_eq!(caller.woken(), 1);
        }
    }

    #[test]
    fn who_still_waits_when_the_session_is_dropped_hears_that_it_is_gone() {
        let edge = edge();
        let link = link(&edge);
        let ((_, mut outcome), feed) = (call(&link), observe(&link));
        drop(link);
        let gone = Err(CallError::DeviceGone { delivery: Delivery::NotSent });
        assert_eq!(outcome.try_recv(), Ok(gone.clone()));
        assert_eq!(feed.look(), (false, vec![], Some(gone.map(drop))));
    }

    /// One thread is the task, whose device publishes frames; another looks for deadlines and may end the session; a third takes frames.
    #[test]
    fn whoever_tells_frames_stay_in_order_and_in_front_of_the_end_and_all_hear_once() {
        let edge = edge();
        for round in 0..500 {
            let link = link(&edge);
            let ((_, mut outcome), feed) = (call(&link), observe(&link));
            let names = sent(&link);
            let (frames, end) = std::thread::scope(|scope| {
                scope.spawn(|| publishes(&link, &names));
                scope.spawn(|| disturbs(&link, round));
                takes(&feed)
            });
            let (_, late, still) = feed.look();
            assert_eq!((late, still), (vec![], Some(end)), "nothing comes after the end");
            let numbers = (0..frames.len()).map(|number| number.to_string().into_bytes());
            assert_eq!(frames, numbers.collect::<Vec<_>>(), "in order, and none left out");
            assert!(end.is_err() || frames.len() == FRAMES, "the device's own end comes after all of its frames");
            assert!(outcome.try_recv().is_ok());
            let state = link.state.lock();
            assert!(!state.is_telling && state.session.calls_in_flight() + state.session.observations() == 0);
        }
    }

    fn publishes(link: &Link, names: &[String]) {
        let [called, observed] = names else { panic!("{names:?}") };
        hears(link, &[answer(observed, "continue", "")]);
        for number in (0..FRAMES).step_by(2) {
            hears(link, &[number, number + 1].map(|number| answer(observed, "continue", &number.to_string())));
        }
        hears(link, &[answer(called, "ok", ""), answer(observed, "terminate", "")]);
    }

    fn disturbs(link: &Link, round: usize) {
        (0..round % 16).for_each(|_| link.check_deadlines());
        if round.is_multiple_of(2) {
            link.end(End::Broke);
        }
    }

    /// All frames up to the end.
    fn takes(feed: &Feed) -> (Vec<Vec<u8>>, FeedEnd) {
        let mut frames = Vec::new();
        loop {
            let (has_begun, more, end) = feed.look();
            assert!(has_begun || more.is_empty());
            frames.extend(more);
            if let Some(end) = end {
                return (frames, end);
            }
            std::hint::spin_loop();
        }
    }

    /// Fewer than the window of an observation.
    const FRAMES: usize = 12;
}
