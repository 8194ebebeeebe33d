//! Many at once: connections of one id, callers of a device that does not read.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rtio_proto::header::FrameKind;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{with_bystander, with_bystander_on};
use crate::support::device::verify_body;
use crate::support::{Caller, Device, Peer, TestHub, eventually, hub};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_connections_of_one_id_exactly_one_survives_and_answers() {
    let hub = with_bystander().await;
    for round in 0..20_u8 {
        let mut peers = Vec::new();
        for _ in 0..8 {
            peers.push(hub.peer().await);
        }
        let devices: Vec<_> = peers.into_iter().map(|peer| tokio::spawn(verify_and_answer_one(peer, round))).collect();
        let all_but_one = u64::from(round + 1) * 7;
        eventually("seven were replaced", || hub.sessions_ended("replaced") == all_but_one).await;
        assert_eq!(hub.core.devices_online(), 2);
        assert_eq!(hub.calls("/dev/uri", b"").await.body, [round]);
        let mut survivors = 0;
        for device in devices {
            survivors += usize::from(device.await.unwrap());
        }
        assert_eq!(survivors, 1);
        hub.ends_session("peer_gone", round.into()).await;
    }
    hub.stays_undisturbed().await;
}

/// All are accepted, one of them is called: whether it was this one.
async fn verify_and_answer_one(mut peer: Peer, answer: u8) -> bool {
    peer.sends_frame(FrameKind::DeviceVerifyReq, 1, &verify_body(0, "dev", "s")).await;
    assert_eq!(peer.receives().await.kind, FrameKind::DeviceVerifyResp);
    let Some(request) = peer.next().await else { return false };
    peer.sends_frame(FrameKind::ServerSendResp, request.message_id, &[0x22, answer]).await;
    true
}

/// How many of the callers got which status and delivery.
type Tally = BTreeMap<(u16, String), usize>;

const DEAF_CALL: [&str; 2] = ["POST", "/deaf/uri"];

/// `callers` call the device `deaf` at the same time, with as much data as there may be; each waits for a second.
async fn callers_of_a_deaf_device(hub: &TestHub, callers: usize) -> Tally {
    let calls: Vec<_> = (0..callers).map(|_| tokio::spawn(call_with_all_data(hub.http_addr))).collect();
    let mut tally = Tally::new();
    for call in calls {
        let (status, _, delivery) = call.await.expect("no caller fails");
        *tally.entry((status, delivery)).or_default() += 1;
    }
    tally
}

async fn call_with_all_data(addr: SocketAddr) -> (u16, String, String) {
    let [method, path] = DEAF_CALL;
    let mut caller = Caller::connect(addr).await;
    caller.asks(method, path, &[("prefer", "wait=1")], &[b'x'; 504]).await.problem()
}

/// A verified device that reads nothing any more.
async fn deaf_device(hub: &TestHub) -> Device {
    Device::verify(Peer::connect_with_small_buffer(hub.device_addr).await, "deaf", 0).await
}

/// Each caller is a descriptor here and one in the hub.
fn raise_descriptor_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).expect("up to the maximum is allowed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_thousand_callers_of_a_device_that_never_reads_are_answered_in_their_time() {
    raise_descriptor_limit();
    let hub = with_bystander().await;
    let _deaf = deaf_device(&hub).await;
    let tally = tokio::time::timeout(Duration::from_secs(30), callers_of_a_deaf_device(&hub, 4000)).await;
    let tally = tally.expect("each caller is answered in its time");
    assert_eq!(tally.values().sum::<usize>(), 4000);
    assert!(tally.keys().all(|(status, _)| [429, 504].contains(status)), "{tally:?}");
    assert!(tally.contains_key(&(504, "sent_unanswered".to_owned())), "{tally:?}");
    hub.stays_undisturbed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_for_a_device_that_never_reads_is_capped_in_bytes() {
    raise_descriptor_limit();
    let hub = with_bystander_on(hub().with(|config| config.device.session.max_calls = 32_768)).await;
    let _deaf = deaf_device(&hub).await;
    let [method, path] = DEAF_CALL;
    let mut caller = hub.caller().await;
    // Until the system's buffers are full, calls leave the hub. These do not wait for an answer.
    for sent in 0.. {
        let problem = caller.asks(method, path, &[("prefer", "wait=0")], &[b'x'; 504]).await.problem();
        if problem.2 == "not_sent" {
            break;
        }
        assert!(sent < 30_000, "the system takes all");
    }
    let tally = callers_of_a_deaf_device(&hub, 1000).await;
    let count = |status, delivery: &str| tally.get(&(status, delivery.to_owned())).copied().unwrap_or_default();
    let (in_the_outbox, refused) = (count(504, "not_sent"), count(429, "not_sent"));
    // On a busy machine the system may still find room for a few after it said that it was full.
    let taken = count(504, "sent_unanswered");
    assert_eq!(in_the_outbox + refused + taken, 1000, "{tally:?}");
    assert!(refused > 0 && in_the_outbox > 0 && in_the_outbox * 514 <= 64 * 1024, "64 KiB may wait: {tally:?}");
    hub.stays_undisturbed().await;
}
