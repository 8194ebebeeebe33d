//! Tests of group calls whose devices are only in the registry: whom they find, how many at once, and when they stop.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::super::fake_link::{FakeLink, fake_hub};
use super::super::ports::BoxFuture;
use super::super::{DeviceId, Hub, IdPattern, Presence};
use super::{Group, GroupCall, GroupCaller};

/// A hub, and what its devices were asked. Clones are the same.
#[derive(Clone)]
struct Scene {
    hub: Arc<Hub>,
    /// Calls that began, with what answers them.
    called: Arc<Mutex<Vec<Called>>>,
    answers_at_once: bool,
    /// Calls that may begin.
    turns: Arc<Mutex<usize>>,
    unknown: &'static str,
}

/// Which device, and what answers it until it is answered.
type Called = (DeviceId, Option<oneshot::Sender<()>>);

impl Scene {
    /// Devices answer when the test says so.
    fn new() -> Self {
        let hub = fake_hub(1);
        let turns = Arc::new(Mutex::new(usize::MAX));
        Self { hub, called: Arc::default(), answers_at_once: false, turns, unknown: "" }
    }

    fn at_once() -> Self {
        Self { answers_at_once: true, ..Self::new() }
    }

    fn online(&self, names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Presence> {
        names.into_iter().map(|name| self.hub.attach(id(name), Arc::new(FakeLink::default()))).collect()
    }

    fn calls(&self, group: Group, concurrency: usize) -> GroupCall<Self> {
        GroupCall::new(Arc::clone(&self.hub), group, concurrency, self.clone())
    }

    /// All outcomes of a group call, sorted.
    async fn outcomes(&self, group: Group) -> Vec<String> {
        let mut call = self.calls(group, 3);
        let mut outcomes = Vec::new();
        while let Some(device) = next(&mut call).await {
            outcomes.push(device.to_string());
        }
        outcomes.sort();
        outcomes
    }

    fn called(&self) -> usize {
        self.called.lock().len()
    }

    /// The call that began as the `nth` is answered.
    fn answers(&self, nth: usize) -> DeviceId {
        let (device, reply) = &mut self.called.lock()[nth];
        reply.take().unwrap().send(()).unwrap();
        device.clone()
    }

    fn given_up(&self) -> usize {
        let called = self.called.lock();
        called.iter().filter(|(_, reply)| reply.as_ref().is_some_and(oneshot::Sender::is_closed)).count()
    }
}

impl GroupCaller for Scene {
    type Outcome = DeviceId;

    fn may_know(&self, device: &DeviceId) -> bool {
        device.as_str() != self.unknown
    }

    fn poll_begin(&mut self, device: &DeviceId, _: &mut Context<'_>) -> Poll<BoxFuture<'static, DeviceId>> {
        let mut turns = self.turns.lock();
        if *turns == 0 {
            return Poll::Pending;
        }
        *turns -= 1;
        let (reply, answer) = oneshot::channel();
        let reply = match self.answers_at_once {
            true => reply.send(()).err().map(|()| unreachable!("somebody waits")),
            false => Some(reply),
        };
        self.called.lock().push((device.clone(), reply));
        let device = device.clone();
        Poll::Ready(Box::pin(async move {
            answer.await.unwrap();
            device
        }))
    }
}

fn id(name: impl AsRef<str>) -> DeviceId {
    DeviceId::parse(name.as_ref()).unwrap()
}

fn numbered(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("dev-{number}"))
}

fn group(entries: &[&str]) -> Group {
    let mut group = Group::new();
    for entry in entries {
        match entry.contains('*') {
            true => group.add_all(IdPattern::parse(entry).unwrap()),
            false => group.add(id(entry)),
        }
    }
    group
}

async fn next(call: &mut GroupCall<Scene>) -> Option<DeviceId> {
    tokio::time::timeout(Duration::from_secs(20), poll_fn(|cx| call.poll_next(cx))).await.expect("an outcome comes")
}

/// Polls as long as something can happen; there must be no outcome.
async fn settles(call: &mut GroupCall<Scene>) {
    for _ in 0..50 {
        let polled = poll_fn(|cx| Poll::Ready(call.poll_next(cx))).await;
        assert!(polled.is_pending(), "{polled:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn each_device_is_called_once_whatever_stands_for_it() {
    let scene = Scene::at_once();
    let _online = scene.online(["A-1", "A-2", "B-1", "C-1", "lamp"]);
    let check = async |entries: &[&str], expected: &[&str]| {
        assert_eq!(scene.outcomes(group(entries)).await, expected, "{entries:?}");
    };
    check(&[], &[]).await;
    check(&["A-1", "gone", "A-1"], &["A-1", "gone"]).await;
    check(&["A-*", "*-1", "A-1", "gone"], &["A-1", "A-2", "B-1", "C-1", "gone"]).await;
    check(&["nobody-*"], &[]).await;
}

#[tokio::test]
async fn a_pattern_finds_whom_its_caller_may_know_and_a_name_finds_anybody() {
    let scene = Scene { unknown: "A-2", ..Scene::at_once() };
    let _online = scene.online(["A-1", "A-2"]);
    assert_eq!(scene.outcomes(group(&["A-*"])).await, ["A-1"]);
    assert_eq!(scene.outcomes(group(&["A-2", "A-*"])).await, ["A-1", "A-2"]);
}

#[tokio::test]
async fn ten_thousand_names_and_all_who_are_online_are_each_called_once() {
    let scene = Scene::at_once();
    let _online = scene.online((0..20_000).map(|number| format!("dev-{}", number * 2)));
    let mut group = group(&["dev-*"]);
    numbered(10_000).for_each(|name| group.add(id(name)));
    let mut outcomes = scene.outcomes(group).await;
    assert_eq!(outcomes.len(), 25_000);
    outcomes.dedup();
    assert_eq!(outcomes.len(), 25_000);
}

#[tokio::test]
async fn no_more_are_in_flight_than_asked_for_and_a_slow_one_holds_nothing_but_its_place() {
    let scene = Scene::new();
    let _online = scene.online(numbered(10));
    let mut call = scene.calls(group(&["*"]), 3);
    settles(&mut call).await;
    assert_eq!(scene.called(), 3);
    // The first does not answer.
    for nth in 1..10 {
        let device = scene.answers(nth);
        assert_eq!(next(&mut call).await, Some(device));
        settles(&mut call).await;
        assert_eq!(scene.called(), (nth + 3).min(10));
    }
    assert!(call.has_begun_all());
    let slow = scene.answers(0);
    assert_eq!((next(&mut call).await, next(&mut call).await), (Some(slow), None));
}

#[tokio::test]
async fn outcomes_that_nobody_takes_stop_the_walk() {
    let scene = Scene::at_once();
    let _online = scene.online(numbered(100));
    let mut call = scene.calls(group(&["*"]), 4);
    next(&mut call).await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!((1..=5).contains(&scene.called()), "{} were called for one outcome that was taken", scene.called());
}

#[tokio::test]
async fn whoever_leaves_gives_up_what_is_in_flight_and_nobody_else_is_called() {
    let scene = Scene::new();
    let _online = scene.online(numbered(10));
    let mut call = scene.calls(group(&["*"]), 4);
    settles(&mut call).await;
    drop(call);
    while scene.given_up() < 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(scene.called(), 4);
}

#[tokio::test]
async fn a_walk_that_is_stopped_lets_those_in_flight_end() {
    let scene = Scene { turns: Arc::new(Mutex::new(1)), ..Scene::new() };
    let mut call = scene.calls(group(&["dev-0", "dev-1", "dev-2"]), 3);
    settles(&mut call).await;
    assert!(!call.has_begun_all());
    call.stop();
    settles(&mut call).await;
    let last = scene.answers(0);
    assert_eq!((next(&mut call).await, next(&mut call).await), (Some(last), None));
    assert_eq!(scene.called(), 1);
}

#[tokio::test]
async fn a_device_that_may_not_begin_is_tried_again_when_another_call_has_ended() {
    let scene = Scene { turns: Arc::new(Mutex::new(1)), ..Scene::at_once() };
    let mut call = scene.calls(group(&["dev-0", "dev-1", "dev-2"]), 2);
    for nth in 0..3 {
        assert_eq!(next(&mut call).await, Some(id(format!("dev-{nth}"))));
        *scene.turns.lock() += 1;
    }
    assert_eq!(next(&mut call).await, None);
}

#[tokio::test]
async fn who_left_before_the_walk_came_by_is_not_called() {
    let scene = Scene::at_once();
    let online = scene.online(numbered(50));
    let mut call = scene.calls(group(&["*"]), 1);
    next(&mut call).await.unwrap();
    drop(online);
    while next(&mut call).await.is_some() {}
    assert!(scene.called() <= 2, "{} of 50", scene.called());
}
