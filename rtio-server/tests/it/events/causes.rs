//! What is told about real sessions: each beginning, and each end with its cause.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use rtio_proto::header::{FrameCode, FrameKind};
use rtio_server::data_dir::DataDir;
use rtio_server::hub::ports::{DeviceRegistry, Verification};
use rtio_server::hub::{Access, Change, Credential, DeviceId, DeviceSecret, Event, NewDevice};
use rtio_server::store::{Metrics, Store};

use crate::support::backends::Says;
use crate::support::device::verify_body;
use crate::support::events::{EventReader, operated, operates};
use crate::support::{Clock, Device, Frame, TestHub, eventually, hub, within};

/// All that the hub tells.
fn events(hub: &TestHub) -> Vec<Event> {
    hub.core.events().after("0".parse().unwrap(), usize::MAX).events
}

/// Waits for so many events; kinds and causes of all.
async fn told(hub: &TestHub, count: usize) -> Vec<&'static str> {
    eventually("the events are there", || events(hub).len() >= count).await;
    events(hub).iter().map(|event| in_short(event.change)).collect()
}

fn in_short(change: Change) -> &'static str {
    match change {
        Change::Online { .. } => "online",
        Change::Replaced { .. } => "replaced",
        Change::Offline { cause } => cause.name(),
    }
}

/// A device comes, and what `act` does to it ends its session.
async fn ends_as<F: Future<Output = ()>>(cause: &str, act: impl FnOnce(Device) -> F) {
    let hub = hub().start().await;
    let device = hub.device("dev").await;
    assert_eq!(told(&hub, 1).await, ["online"]);
    within("the session ends", act(device)).await;
    assert_eq!(told(&hub, 2).await, ["online", cause]);
    let events = events(&hub);
    assert_eq!((events[0].epoch, events[0].peer), (events[1].epoch, events[1].peer));
    assert!(events[0].peer.ip().is_loopback() && events[0].time <= events[1].time);
}

#[tokio::test]
async fn a_device_that_closes_its_connection() {
    ends_as("closed_by_device", async |device| drop(device)).await;
}

#[tokio::test]
async fn a_device_whose_connection_breaks() {
    ends_as("closed_by_device", async |device| crate::support::Peer::from(device).resets()).await;
}

#[tokio::test]
async fn a_device_that_sends_what_is_no_frame() {
    ends_as("protocol_error", async |mut device| {
        device.sends(&[0xff; 5]).await;
        device.is_closed().await;
    })
    .await;
}

#[tokio::test]
async fn a_device_that_verifies_itself_twice() {
    ends_as("protocol_error", async |mut device| {
        device.sends_frame(FrameKind::DeviceVerifyReq, 2, b"\x00dev:secret").await;
        device.tries_to_receive_all().await;
    })
    .await;
}

#[tokio::test]
async fn a_device_that_is_silent() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    device.sends_frame(FrameKind::DevicePingReq, 7, &30_u16.to_be_bytes()).await;
    device.receives().await;
    clock.passes(Duration::from_millis(44_500)).await;
    assert_eq!(told(&hub, 1).await, ["online"]);
    clock.passes(Duration::from_secs(5)).await;
    assert_eq!(told(&hub, 2).await, ["online", "heartbeat"]);
}

#[tokio::test]
async fn a_device_that_an_operator_disconnects() {
    let (hub, _token) = operated(hub());
    let hub = hub.start().await;
    let _device = hub.device("dev").await;
    assert_eq!(operates(&hub, "DELETE", "/v1/devices/dev").await.status, 204);
    assert_eq!(told(&hub, 2).await, ["online", "disconnected"]);
}

#[tokio::test]
async fn a_device_that_loses_its_right_to_connect() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(&DataDir::open(folder.path()).unwrap(), Metrics::default()).unwrap());
    let (id, secret) = (DeviceId::parse("dev").unwrap(), DeviceSecret::parse(&"s".repeat(30)).unwrap());
    store.add(vec![NewDevice { id: id.clone(), secret }]).await.unwrap();
    let verdict = Verification::AcceptedBy(Credential(NonZeroU32::MIN));
    let hub = hub().with_verifier(Says(verdict)).with_registry(store).start().await;
    let _device = hub.device("dev").await;
    hub.core.device_manager().unwrap().set_access(&id, Access::Disabled).await.unwrap();
    assert_eq!(told(&hub, 2).await, ["online", "refused"]);
}

#[tokio::test]
async fn a_device_that_is_refused_has_no_session_and_so_no_event() {
    let hub = hub().with_verifier(Says(Verification::Refused)).start().await;
    let mut peer = hub.peer().await;
    peer.sends_frame(FrameKind::DeviceVerifyReq, 1, &verify_body(0, "dev", "secret")).await;
    let refused = Frame::new(FrameKind::DeviceVerifyResp, FrameCode::VerificationFailed, 1, b"");
    assert_eq!(peer.receives().await, refused);
    peer.is_closed().await;
    drop(hub.peer().await);
    hub.ends_session("peer_gone", 0).await;
    assert_eq!(events(&hub), []);
}

#[tokio::test]
async fn a_device_that_a_newer_connection_replaces() {
    let (hub, _token) = operated(hub());
    let hub = hub.start().await;
    let mut reader = EventReader::begin(&hub, "").await;
    let mut old = hub.device("dev").await;
    let _new = hub.device("dev").await;
    old.is_closed().await;
    let [online, offline, replaced] =
        [reader.next().await.unwrap(), reader.next().await.unwrap(), reader.next().await.unwrap()];
    let in_short = [&online, &offline, &replaced].map(|told| told.in_short());
    assert_eq!(in_short, ["online dev", "offline dev replaced", "replaced dev"]);
    assert_eq!(online.number("epoch"), offline.number("epoch"));
    assert_eq!(replaced.number("previous_epoch"), online.number("epoch"));
    assert!(replaced.number("epoch") > online.number("epoch"));
    assert_eq!(online.data["peer"], offline.data["peer"]);
    assert_ne!(online.data["peer"], replaced.data["peer"]);
    let shown = operates(&hub, "GET", "/v1/devices/dev").await.json();
    assert_eq!(shown["epoch"], replaced.data["epoch"], "it is the session that operators see");
}

#[tokio::test]
async fn what_the_shutdown_ends_is_told_to_who_reads_and_then_the_stream_ends() {
    let (hub, _token) = operated(hub());
    let hub = hub.start().await;
    let mut reader = EventReader::begin(&hub, "").await;
    let mut devices = Vec::new();
    for nth in 0..100 {
        devices.push(hub.device(&format!("dev-{nth}")).await);
    }
    hub.stops().await;
    let mut told: Vec<_> = reader.rest().await.iter().map(|told| told.in_short()).collect();
    let mut expected: Vec<_> = (0..100).map(|nth| format!("offline dev-{nth} drained")).collect();
    expected.extend((0..100).map(|nth| format!("online dev-{nth}")));
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
}
