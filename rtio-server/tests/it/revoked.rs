//! A device loses its right to connect while it connects: after the registry has said yes, and before there is a session to end.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rtio_proto::header::{FrameCode, FrameKind};
use rtio_server::data_dir::DataDir;
use rtio_server::hub::ports::{BoxFuture, DeviceRegistry, Verification, Verifier};
use rtio_server::hub::{Access, DeviceId, DeviceManager, DeviceSecret, NewDevice, OldSecret};
use rtio_server::store::{Metrics, Store};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::support::device::verify_body;
use crate::support::{Frame, Peer, TestHub, eventually, hub};

/// A registry whose answers are made at once, and get to the hub when the test says so. All clones are the same one.
#[derive(Debug, Clone)]
struct Held {
    store: Arc<Store>,
    made: Arc<AtomicUsize>,
    way: Arc<Semaphore>,
    /// From now on nobody can say.
    is_down: Arc<AtomicBool>,
}

impl Verifier for Held {
    fn verify<'a>(&'a self, device: &'a DeviceId, secret: &'a [u8]) -> BoxFuture<'a, Verification> {
        Box::pin(async move {
            let verdict = match self.is_down.load(Ordering::SeqCst) {
                true => Verification::Unavailable,
                false => self.store.verify(device, secret).await,
            };
            self.made.fetch_add(1, Ordering::SeqCst);
            let _passes = self.way.acquire().await.unwrap();
            verdict
        })
    }
}

/// A hub with such a registry, in which there is `dev`, and `other`.
struct Scene {
    hub: TestHub,
    held: Held,
    _folder: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&DataDir::open(folder.path()).unwrap(), Metrics::default()).unwrap());
        let new = ["dev", "other"].map(|name| NewDevice { id: id(name), secret: secret() });
        store.add(new.into()).await.unwrap();
        let way = Arc::new(Semaphore::new(0));
        let held = Held { store: Arc::clone(&store), made: Arc::default(), way, is_down: Arc::default() };
        let hub = hub().with_verifier(held.clone()).with_registry(store).start().await;
        Self { hub, held, _folder: folder }
    }

    /// A connection that asks to be let in as `name`.
    async fn asks(&self, name: &str) -> Peer {
        let mut peer = self.hub.peer().await;
        peer.sends_frame(FrameKind::DeviceVerifyReq, 1, &verify_body(0, name, secret().reveal())).await;
        peer
    }

    /// The registry has answered so many times, and the hub does not know yet.
    async fn has_answered(&self, count: usize) {
        eventually("the registry answers", || self.held.made.load(Ordering::SeqCst) == count).await;
    }

    fn lets_answers_go(&self) {
        self.held.way.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn operator(&self) -> DeviceManager {
        self.hub.core.device_manager().unwrap()
    }
}

fn id(name: &str) -> DeviceId {
    DeviceId::parse(name).unwrap()
}

fn secret() -> DeviceSecret {
    DeviceSecret::parse(&"s".repeat(30)).unwrap()
}

fn answer(code: FrameCode) -> Frame {
    Frame::new(FrameKind::DeviceVerifyResp, code, 1, b"")
}

#[derive(Debug, Clone, Copy)]
enum Loss {
    Disabled,
    Removed,
    SecretDropped,
}

impl Loss {
    async fn happens(self, operator: &DeviceManager, device: &DeviceId) {
        match self {
            Self::Disabled => drop(operator.set_access(device, Access::Disabled).await.unwrap()),
            Self::Removed => operator.remove(device).await.unwrap(),
            Self::SecretDropped => {
                let new = DeviceSecret::random().unwrap();
                drop(operator.rotate(device, new, OldSecret::Drop).await.unwrap());
            }
        }
    }
}

const LOSSES: [Loss; 3] = [Loss::Disabled, Loss::Removed, Loss::SecretDropped];

#[tokio::test]
async fn a_right_that_is_lost_between_the_yes_and_the_session_ends_the_session() {
    for loss in LOSSES {
        let scene = Scene::new().await;
        let mut device = scene.asks("dev").await;
        scene.has_answered(1).await;
        loss.happens(&scene.operator(), &id("dev")).await;
        assert_eq!(scene.hub.core.devices_online(), 0, "there is nothing to end yet");
        scene.lets_answers_go();
        device.tries_to_receive_all().await;
        scene.hub.ends_session("revoked", 0).await;
        eventually("the device is offline", || scene.hub.core.devices_online() == 0).await;
        scene.has_answered(2).await;
    }
}

#[tokio::test]
async fn where_nobody_can_say_whether_a_right_was_lost_the_session_ends() {
    let scene = Scene::new().await;
    let mut device = scene.asks("dev").await;
    scene.has_answered(1).await;
    Loss::Disabled.happens(&scene.operator(), &id("other")).await;
    scene.held.is_down.store(true, Ordering::SeqCst);
    scene.lets_answers_go();
    device.tries_to_receive_all().await;
    scene.hub.ends_session("revoked", 0).await;
}

#[tokio::test]
async fn who_keeps_its_right_stays_whatever_others_lose_meanwhile() {
    let scene = Scene::new().await;
    let mut device = scene.asks("dev").await;
    scene.has_answered(1).await;
    Loss::Disabled.happens(&scene.operator(), &id("other")).await;
    scene.lets_answers_go();
    assert_eq!(device.receives().await, answer(FrameCode::Success));
    scene.has_answered(2).await;
    device.sends_frame(FrameKind::DevicePingReq, 9, b"").await;
    assert_eq!(device.receives().await.kind, FrameKind::DevicePingResp);
    assert_eq!(scene.hub.core.devices_online(), 1);
}

#[tokio::test]
async fn a_right_that_was_lost_just_before_the_question_is_no_right() {
    for loss in LOSSES {
        let scene = Scene::new().await;
        loss.happens(&scene.operator(), &id("dev")).await;
        scene.lets_answers_go();
        let mut device = scene.asks("dev").await;
        assert_eq!(device.receives().await, answer(FrameCode::VerificationFailed), "{loss:?}");
        device.is_closed().await;
        assert_eq!(scene.hub.core.devices_online(), 0);
    }
}
