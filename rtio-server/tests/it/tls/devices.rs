//! A device's session under TLS does what it does without.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use rtio_proto::StatusCode;
use rtio_proto::header::{FrameCode, FrameKind};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

use crate::crossed::call_until;
use crate::outcomes::only_what_was_sent_arrives;
use crate::support::backends::Counts;
use crate::support::device::verify_body;
use crate::support::{Ca, Device, Frame, Peer, eventually, hub};

const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [&[&TLS12], &[&TLS13]];

#[tokio::test]
async fn a_device_is_called_over_either_version() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    for versions in VERSIONS {
        let _device = hub.tls_device(&ca.trusted_over(versions), "dev").await.answers("/status", b"idle");
        assert_eq!(hub.calls("/dev/status", b"").await.body, b"idle", "{versions:?}");
    }
}

#[tokio::test]
async fn a_refused_device_reads_why_and_a_goodbye() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    for versions in VERSIONS {
        let mut peer = hub.tls_peer(&ca.trusted_over(versions)).await;
        peer.sends_frame(FrameKind::DeviceVerifyReq, 7, &verify_body(0, "no such id!", "s")).await;
        let refused = Frame::new(FrameKind::DeviceVerifyResp, FrameCode::InvalidParameter, 7, b"");
        assert_eq!(peer.receives().await, refused);
        assert_eq!(peer.reads_to_a_clean_end().await, b"", "{versions:?}");
    }
}

#[tokio::test]
async fn a_session_that_the_hub_ends_ends_with_a_goodbye() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    let mut old = hub.tls_device(&ca.trusted(), "dev").await;
    let _new = hub.tls_device(&ca.trusted(), "dev").await;
    assert_eq!(old.reads_to_a_clean_end().await, b"");
}

#[tokio::test]
async fn a_device_that_says_goodbye_is_gone() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    for versions in VERSIONS {
        let before = hub.sessions_ended("peer_gone");
        let mut device = hub.tls_device(&ca.trusted_over(versions), "dev").await;
        device.says_goodbye().await;
        hub.ends_session("peer_gone", before).await;
        eventually("it is offline", || hub.core.devices_online() == 0).await;
    }
}

#[tokio::test]
async fn a_verification_in_the_same_flight_as_the_end_of_the_handshake_is_heard() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    for versions in VERSIONS {
        for _ in 0..20 {
            let frame = Frame::new(FrameKind::DeviceVerifyReq, FrameCode::Success, 1, &verify_body(0, "dev", "s"));
            let stream = ca.trusted_over(versions).connects_saying(hub.device_addr, &frame.bytes()).await;
            assert_eq!(Peer::over(stream).receives().await.kind, FrameKind::DeviceVerifyResp);
        }
    }
}

#[tokio::test]
async fn an_observation_goes_on_frame_by_frame() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    let mut device = hub.tls_device(&ca.trusted(), "dev").await;
    let (mut caller, observer) = hub.observes(&mut device, "/dev/progress").await;
    for (nth, data) in [b"1", b"2"].iter().enumerate() {
        let message = device.notifies(StatusCode::Continue, observer, *data).await;
        assert!(caller.line().await.unwrap().contains(&format!("\"data\":\"{}", ["MQ", "Mg"][nth])));
        let [high, low] = observer.to_be_bytes();
        device.receives_answer(message, &[0x33, high, low]).await;
    }
}

#[tokio::test]
async fn the_largest_frames_arrive_whole_many_back_to_back() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).with_service("/count", Counts).start().await;
    for versions in VERSIONS {
        let mut device = hub.tls_device_at_level(&ca.trusted_over(versions), "dev", 3).await;
        let body = [&[0x20][..], &rtio_proto::UriDigest::of("/count").to_wire(), &[b'x'; 4091]].concat();
        let mut awaited = BTreeSet::new();
        for _ in 0..40 {
            awaited.insert(device.reports(&body).await);
        }
        while !awaited.is_empty() {
            let answer = device.receives().await;
            assert_eq!(answer.body, b"\x224091");
            assert!(awaited.remove(&answer.message_id), "{answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_thousand_calls_of_many_callers_do_not_cross() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    let _device = hub.tls_device(&ca.trusted(), "dev-0").await.echoes();
    let next = Arc::new(AtomicU32::new(0));
    let one = || tokio::spawn(call_until(hub.http_addr, Arc::clone(&next), 1, 4_000));
    let callers: Vec<_> = (0..16).map(|_| one()).collect();
    for caller in callers {
        caller.await.expect("no caller fails");
    }
}

#[tokio::test]
async fn what_was_not_sent_never_reaches_a_device_that_did_not_read() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).with(|config| config.device.session.max_calls = 32_768).start().await;
    // One version: filling the system's buffers takes seconds, and records are kept in the same way in both.
    let stream = ca.trusted().shakes_hands(Peer::tcp_with_small_buffer(hub.device_addr).await).await;
    let peer = Peer::over(stream.expect("the handshake succeeds"));
    only_what_was_sent_arrives(&hub, Device::verify(peer, "dev", 0).await).await;
}

#[tokio::test]
async fn keys_may_change_at_any_time() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    let mut device = hub.tls_device(&ca.trusted_over(&[&TLS13]), "dev").await;
    for _ in 0..5 {
        device.changes_its_keys();
        let call = hub.is_called("/dev/uri", b"now");
        device.answers_next(b"\x22done").await;
        assert_eq!(call.await.unwrap().body, b"done");
    }
}

#[tokio::test]
async fn what_breaks_tls_ends_the_session() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    let before = hub.sessions_ended("peer_gone");
    let mut device = hub.tls_device(&ca.trusted(), "dev").await;
    // A record of application data that nobody encrypted.
    device.sends_past_tls(b"\x17\x03\x03\x00\x20abcdefghijklmnopqrstuvwxyz012345").await;
    hub.ends_session("peer_gone", before).await;
}

#[tokio::test]
async fn a_session_lives_through_a_change_of_the_certificate() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    let client = ca.trusted().without_resumption();
    let _device = hub.tls_device(&client, "dev").await.answers("/status", b"idle");
    hub.device_tls.as_ref().expect("the devices' port has TLS").hold(&ca.server());
    hub.reload.trigger();
    eventually("it is read", || hub.metrics().contains("rtio_tls_reloads_total{port=\"devices\"} 1\n")).await;
    assert_eq!(hub.calls("/dev/status", b"").await.body, b"idle");
    let _other = hub.tls_device(&client, "other").await;
}
