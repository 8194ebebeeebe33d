//! The first exchange on a device connection (docs/protocol.md §2).

use std::time::Duration;

use rtio_proto::header::{FrameCode, FrameKind};
use rtio_server::hub::ports::Verification;

use crate::support::backends::{Questions, Says, Secret, SlowAboutSome};
use crate::support::device::verify_body;
use crate::support::{Caller, Clock, Frame, TestHub, hub};

/// Sends one DeviceVerifyReq; the hub answers with `code` and closes the connection unless that is success.
async fn check(hub: &TestHub, message_id: u16, body: &[u8], code: FrameCode) {
    let mut peer = hub.peer().await;
    peer.sends_frame(FrameKind::DeviceVerifyReq, message_id, body).await;
    let expected = Frame::new(FrameKind::DeviceVerifyResp, code, message_id, b"");
    assert_eq!(peer.receives().await, expected, "{body:?}");
    if code == FrameCode::Success {
        peer.sends_frame(FrameKind::DevicePingReq, 9, b"").await;
        assert_eq!(peer.receives().await.kind, FrameKind::DevicePingResp);
    } else {
        peer.is_closed().await;
    }
}

#[tokio::test]
async fn any_level_with_any_reserved_bits_is_accepted() {
    let hub = hub().start().await;
    for level in [0, 1, 2, 3] {
        for reserved in [0, 1, 0x3f] {
            let body = [&[level << 6 | reserved], &b"dev:secret"[..]].concat();
            check(&hub, 1, &body, FrameCode::Success).await;
        }
    }
}

#[tokio::test]
async fn any_code_bits_are_accepted_in_the_request() {
    let hub = hub().start().await;
    for code in 0..8 {
        let mut peer = hub.peer().await;
        peer.sends(&[&[0x10 | code, 0, 1, 0, 7], &b"\x00dev:s3"[..]].concat()).await;
        assert_eq!(peer.receives().await.code, FrameCode::Success, "{code}");
    }
}

#[tokio::test]
async fn the_answer_echoes_the_message_id_whatever_it_is() {
    let hub = hub().start().await;
    for message_id in [0, 1, 0x1234, u16::MAX] {
        check(&hub, message_id, b"\x00dev:secret", FrameCode::Success).await;
    }
}

#[tokio::test]
async fn a_wrong_secret_is_answered_with_3() {
    let hub = hub().with_verifier(Secret(b"right")).start().await;
    check(&hub, 1, b"\x00dev:wrong", FrameCode::VerificationFailed).await;
    check(&hub, 1, b"\x00dev:", FrameCode::VerificationFailed).await;
    check(&hub, 1, b"\x00dev:right", FrameCode::Success).await;
    assert_eq!(hub.sessions_ended("refused"), 2);
}

#[tokio::test]
async fn a_verifier_that_cannot_be_asked_is_answered_with_0() {
    let hub = hub().with_verifier(Says(Verification::Unavailable)).start().await;
    check(&hub, 1, b"\x00dev:secret", FrameCode::Unknown).await;
    assert_eq!(hub.core.devices_online(), 0);
}

#[tokio::test]
async fn malformed_data_is_answered_with_4() {
    let hub = hub().start().await;
    let too_long_id = [&b"\x00"[..], &[b'x'; 65], b":s"].concat();
    let too_long_secret = [&b"\x00d:"[..], &[b'x'; 257]].concat();
    let too_long = [&b"\x00d:"[..], &[b'x'; 510]].concat();
    let bodies: [&[u8]; 9] = [
        b"",
        b"\x00",
        b"\x00no-colon",
        b"\x00:secret",
        b"\x00a b:secret",
        b"\x00a/b:secret",
        &too_long_id,
        &too_long_secret,
        &too_long,
    ];
    for body in bodies {
        check(&hub, 1, body, FrameCode::InvalidParameter).await;
    }
}

#[tokio::test]
async fn names_of_the_hub_are_no_devices() {
    let hub = hub().start().await;
    for name in ["oauth", "iot", "v1", "openapi.json", "console", "healthz", "metrics", ".well-known"] {
        check(&hub, 1, &verify_body(0, name, "secret"), FrameCode::InvalidParameter).await;
    }
    assert_eq!(hub.core.devices_online(), 0);
}

#[tokio::test]
async fn ids_and_secrets_may_be_as_long_as_their_limits() {
    let hub = hub().start().await;
    check(&hub, 1, &verify_body(0, &"x".repeat(64), &"s".repeat(256)), FrameCode::Success).await;
    check(&hub, 1, &verify_body(0, "a", ""), FrameCode::Success).await;
    check(&hub, 1, &verify_body(0, "A._~-z9", "s"), FrameCode::Success).await;
}

#[tokio::test]
async fn id_and_secret_are_split_at_the_first_colon() {
    let questions: &'static Questions = Box::leak(Box::default());
    let hub = hub().with_verifier(questions).start().await;
    check(&hub, 1, b"\x00dev:s3:cr:et", FrameCode::Success).await;
    assert_eq!(questions.asked(), [("dev".to_owned(), b"s3:cr:et".to_vec())]);
}

#[tokio::test]
async fn after_15_seconds_a_silent_connection_is_closed_without_an_answer() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut peer = hub.peer().await;
    clock.passes(Duration::from_millis(14_900)).await;
    peer.has_received_nothing();
    clock.passes(Duration::from_millis(110)).await;
    peer.is_closed().await;
    hub.ends_session("verify_timeout", 0).await;
}

#[tokio::test]
async fn a_verification_that_takes_15_seconds_is_closed_without_an_answer() {
    let clock = Clock::stopped();
    let hub = hub().with_verifier(SlowAboutSome { delay: Duration::from_secs(16) }).start().await;
    let mut peer = hub.peer().await;
    clock.passes(Duration::from_secs(5)).await;
    peer.sends_frame(FrameKind::DeviceVerifyReq, 1, b"\x00slow:secret").await;
    clock.passes(Duration::from_millis(9_900)).await;
    peer.has_received_nothing();
    clock.passes(Duration::from_millis(105)).await;
    // The hub looks at its clock a millisecond later.
    clock.passes(Duration::from_millis(5)).await;
    peer.is_closed().await;
    assert_eq!(hub.core.devices_online(), 0);
}

#[tokio::test]
async fn an_accepting_answer_at_the_last_moment_does_not_replace_a_live_session() {
    let clock = Clock::stopped();
    let hub = hub().with_verifier(SlowAboutSome { delay: Duration::from_secs(15) }).start().await;
    let _live = hub.device("dev").await.answers("/uri", b"live");
    let mut late = hub.peer().await;
    clock.passes(Duration::ZERO).await;
    late.sends_frame(FrameKind::DeviceVerifyReq, 1, b"\x00dev:slow").await;
    clock.passes(Duration::from_secs(16)).await;
    late.is_closed().await;
    assert_eq!(hub.core.metrics().take_overs.get(), 0);
    assert_eq!(hub.calls("/dev/uri", b"").await.body, b"live");
}

#[tokio::test]
async fn a_slow_verifier_does_not_delay_other_devices() {
    let hub = hub().with_verifier(SlowAboutSome { delay: Duration::from_secs(3600) }).start().await;
    let mut waiting = Vec::new();
    for number in 0..50 {
        let mut peer = hub.peer().await;
        peer.sends_frame(FrameKind::DeviceVerifyReq, 1, &verify_body(0, &format!("slow-{number}"), "s")).await;
        waiting.push(peer);
    }
    let _device = hub.device("quick").await.answers("/uri", b"quick");
    assert_eq!(hub.calls("/quick/uri", b"").await.body, b"quick");
    assert_eq!(hub.calls("/slow-0/uri", b"").await.problem().0, 503);
    waiting[0].receives_nothing().await;
}

#[tokio::test]
async fn frames_that_follow_before_the_verdict_are_a_protocol_error() {
    let hub = hub().with_verifier(SlowAboutSome { delay: Duration::from_millis(20) }).start().await;
    let verify = Frame::new(FrameKind::DeviceVerifyReq, FrameCode::Unknown, 1, b"\x00slow:secret");
    let ping = Frame::new(FrameKind::DevicePingReq, FrameCode::Unknown, 2, b"");
    let mut peer = hub.peer().await;
    peer.sends(&[verify.bytes(), ping.bytes()].concat()).await;
    peer.is_closed().await;
    hub.ends_session("unexpected_frame", 0).await;
}

#[tokio::test]
async fn the_answer_is_the_first_frame_that_a_device_gets() {
    let hub = hub().start().await;
    for _ in 0..50 {
        let mut peer = hub.peer().await;
        let caller = tokio::spawn(call_until_online(hub.caller().await));
        peer.sends_frame(FrameKind::DeviceVerifyReq, 1, b"\x00dev:secret").await;
        assert_eq!(peer.receives().await.kind, FrameKind::DeviceVerifyResp);
        let call = peer.receives().await;
        peer.sends_frame(FrameKind::ServerSendResp, call.message_id, b"\x22").await;
        caller.await.unwrap();
    }
}

async fn call_until_online(mut caller: Caller) {
    while caller.calls("/dev/uri", b"").await.status == 503 {}
}

#[tokio::test]
async fn a_second_verification_is_answered_with_2_and_ends_the_connection() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let call = hub.is_called("/dev/uri", b"");
    device.receives_request().await;
    device.sends_frame(FrameKind::DeviceVerifyReq, 7, b"\x00dev:secret").await;
    let expected = Frame::new(FrameKind::DeviceVerifyResp, FrameCode::MessageType, 7, b"");
    assert_eq!(device.receives().await, expected);
    device.is_closed().await;
    let gone = (503, "DEVICEID_OFFLINE".to_owned(), "sent_unanswered".to_owned());
    assert_eq!(call.await.unwrap().problem(), gone);
    let _again = hub.device("dev").await;
}

#[tokio::test]
async fn guesses_back_off_per_peer_and_id_and_keep_nobody_else_out() {
    let hub = hub().with_verifier(Secret(b"right")).start().await;
    for _ in 0..5 {
        check(&hub, 1, b"\x00dev:wrong", FrameCode::VerificationFailed).await;
    }
    check(&hub, 1, b"\x00dev:wrong", FrameCode::Unknown).await;
    check(&hub, 1, b"\x00other:right", FrameCode::Success).await;
    assert!(hub.metrics().contains("rtio_verifications_total{outcome=\"backed_off\"} 1\n"));
}

#[tokio::test]
async fn verifications_over_the_pace_wait_for_their_turn() {
    let hub = hub().with(|config| config.hub.max_verifications_per_second = 1).start().await;
    let clock = Clock::stopped();
    let _first = hub.device("first").await;
    let mut second = hub.peer().await;
    second.sends_frame(FrameKind::DeviceVerifyReq, 1, b"\x00second:s").await;
    clock.passes(Duration::from_millis(800)).await;
    second.has_received_nothing();
    clock.passes(Duration::from_millis(300)).await;
    assert_eq!(second.receives().await.code, FrameCode::Success);
}

#[tokio::test]
async fn a_verification_whose_turn_would_come_too_late_is_answered_with_0() {
    let hub = hub().with(|config| config.hub.max_verifications_per_second = 1).start().await;
    let _clock = Clock::stopped();
    let _first = hub.device("first").await;
    let mut waiting = Vec::new();
    for number in 0..10 {
        let mut peer = hub.peer().await;
        peer.sends_frame(FrameKind::DeviceVerifyReq, 1, &verify_body(0, &format!("dev-{number}"), "s")).await;
        waiting.push(peer);
    }
    let mut codes = Vec::new();
    for _ in 0..3 {
        let mut late = hub.peer().await;
        late.sends_frame(FrameKind::DeviceVerifyReq, 1, b"\x00late:s").await;
        codes.push(late.receives().await.code);
    }
    assert_eq!(codes, [FrameCode::Unknown; 3]);
}
