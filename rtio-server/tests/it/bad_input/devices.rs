//! What comes in on the device port.

use std::time::Duration;

use rtio_proto::header::{FrameCode, FrameKind};
use rtio_proto::{StatusCode, UriDigest};

use super::with_bystander;
use crate::support::caller::request;
use crate::support::device::verify_body;
use crate::support::{Clock, Frame, eventually};

#[tokio::test]
async fn garbage_on_the_device_port_closes_its_connection() {
    let hub = with_bystander().await;
    // A small generator with a fixed seed: the same garbage every time.
    let mut state = 0x9e37_79b9_u32;
    for _ in 0..200 {
        let mut garbage = Vec::new();
        for _ in 0..4096 {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            garbage.push((state >> 24) as u8);
        }
        // A first byte that no frame begins with.
        garbage[0] |= 0x88;
        let mut peer = hub.peer().await;
        peer.tries_to_send(&garbage).await;
        peer.is_closed().await;
    }
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn headers_that_no_sound_peer_sends_are_protocol_errors_by_cause() {
    let hub = with_bystander().await;
    let cases = [
        ([0x18, 0, 1, 0, 0], "unsupported_version"),
        ([0x00, 0, 1, 0, 0], "unknown_type"),
        ([0x90, 0, 1, 0, 0], "unknown_type"),
        ([0x50, 0, 1, 0x10, 0x01], "body_too_long"),
        ([0x50, 0, 1, 0x02, 0x01], "body_too_long"),
        ([0x20, 0, 1, 0, 0], "unexpected_frame"),
        ([0x40, 0, 1, 0, 0], "unexpected_frame"),
        ([0x60, 0, 1, 0, 0], "unexpected_frame"),
        ([0x70, 0, 1, 0, 0], "unexpected_frame"),
    ];
    for (header, cause) in cases {
        let before = hub.sessions_ended(cause);
        let mut unverified = hub.peer().await;
        unverified.sends(&header).await;
        unverified.is_closed().await;
        hub.ends_session(cause, before).await;
        let mut device = hub.device("dev").await;
        device.sends(&header).await;
        device.is_closed().await;
        hub.ends_session(cause, before + 1).await;
    }
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn message_id_0_of_a_verified_device_is_a_protocol_error() {
    let hub = with_bystander().await;
    for (round, kind) in (0..).zip([FrameKind::DevicePingReq, FrameKind::DeviceSendReq, FrameKind::ServerSendResp]) {
        let mut device = hub.device("dev").await;
        device.sends_frame(kind, 0, b"").await;
        device.is_closed().await;
        hub.ends_session("zero_message_id", round).await;
    }
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn any_other_frame_before_the_verification_is_a_protocol_error() {
    let hub = with_bystander().await;
    let kinds = [
        FrameKind::DeviceVerifyResp,
        FrameKind::DevicePingReq,
        FrameKind::DevicePingResp,
        FrameKind::DeviceSendReq,
        FrameKind::DeviceSendResp,
        FrameKind::ServerSendReq,
        FrameKind::ServerSendResp,
    ];
    for (round, kind) in (0..).zip(kinds) {
        let mut peer = hub.peer().await;
        peer.sends_frame(kind, 1, b"").await;
        peer.is_closed().await;
        hub.ends_session("unexpected_frame", round).await;
    }
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn a_6_byte_frame_of_type_5_with_body_30_before_the_verification_is_a_protocol_error() {
    let hub = with_bystander().await;
    for first in [0x50, 0x51] {
        let mut peer = hub.peer().await;
        peer.sends(&[first, 0, 1, 0, 1, 0x30]).await;
        peer.is_closed().await;
    }
    hub.ends_session("unexpected_frame", 1).await;
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn peers_that_connect_and_say_nothing_are_closed_after_15_seconds() {
    let clock = Clock::stopped();
    let hub = with_bystander().await;
    let mut peers = Vec::new();
    for _ in 0..200 {
        peers.push(hub.peer().await);
    }
    clock.passes(Duration::from_secs(16)).await;
    for mut peer in peers {
        peer.is_closed().await;
    }
    assert_eq!(hub.sessions_ended("verify_timeout"), 200);
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn a_peer_that_sends_one_byte_a_second_is_closed_after_15_seconds() {
    let clock = Clock::stopped();
    let hub = with_bystander().await;
    let mut peer = hub.peer().await;
    for byte in Frame::new(FrameKind::DeviceVerifyReq, FrameCode::Unknown, 1, &verify_body(0, "slow-one", "s")).bytes()
    {
        peer.tries_to_send(&[byte]).await;
        clock.passes(Duration::from_secs(1)).await;
    }
    peer.is_closed().await;
    assert_eq!((hub.sessions_ended("verify_timeout"), hub.core.devices_online()), (1, 1));
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn a_verified_device_that_sends_one_byte_at_a_time_is_understood() {
    let hub = with_bystander().await;
    let mut device = hub.device("dev").await;
    let ping = Frame::new(FrameKind::DevicePingReq, FrameCode::Unknown, 7, b"").bytes();
    for byte in ping.iter().chain(&ping) {
        device.sends(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!([device.receives().await.message_id, device.receives().await.message_id], [7, 7]);
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn duplicate_message_ids_by_the_dozen_are_answered_one_by_one() {
    let hub = with_bystander().await;
    let mut device = hub.device("dev").await;
    let report = [&[0x20], &UriDigest::of("/uri").to_wire()[..]].concat();
    for _ in 0..24 {
        device.sends_frame(FrameKind::DeviceSendReq, 5, &report).await;
    }
    for _ in 0..24 {
        device.receives_answer(5, b"\x25").await;
    }
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn duplicate_answers_by_the_dozen_are_dropped_and_counted() {
    let hub = with_bystander().await;
    let mut device = hub.device("dev").await;
    let call = hub.is_called("/dev/uri", b"");
    let message_id = device.receives_request().await.message_id;
    for number in 0..24 {
        device.answers_request(message_id, &[0x22, number]).await;
    }
    assert_eq!(call.await.unwrap().body, [0], "the first counts");
    hub.has_dropped_answers(23).await;
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn answers_that_nobody_asked_for_are_dropped_and_counted() {
    let hub = with_bystander().await;
    let mut device = hub.device("dev").await;
    for message_id in 1..=1000 {
        device.answers_request(message_id, b"\x22").await;
    }
    hub.has_dropped_answers(1000).await;
    let call = hub.is_called("/dev/uri", b"");
    device.answers_next(b"\x22fine").await;
    assert_eq!(call.await.unwrap().body, b"fine");
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn a_device_that_hangs_up_in_the_middle_of_a_frame_is_gone() {
    let hub = with_bystander().await;
    for cut in 1..8 {
        let mut device = hub.device("dev").await;
        let before = hub.sessions_ended("peer_gone");
        device.sends(&[0x81, 0, 1, 0, 3, 0x22, b'x', b'y'][..cut]).await;
        drop(device);
        hub.ends_session("peer_gone", before).await;
    }
    eventually("only the bystander is online", || hub.core.devices_online() == 1).await;
    hub.is_undisturbed().await;
}

#[tokio::test]
async fn a_caller_that_leaves_while_a_notification_is_on_its_way_a_thousand_times() {
    let hub = with_bystander().await;
    let mut device = hub.device("dev").await;
    for round in 0..1000 {
        let mut caller = hub.caller().await;
        caller.sends(&request("GET", "/dev/uri", &[], b"")).await;
        let observer = device.begins_observation().await;
        if round % 2 == 0 {
            assert_eq!(caller.head().await.status, 200);
        }
        let notify = device.notifies(StatusCode::Continue, observer, b"x").await;
        drop(caller);
        let answer = device.receives().await;
        assert_eq!((answer.message_id, answer.body[0] & 0xf0), (notify, 0x30));
        if answer.body[0] == 0x33 {
            // It was in time; the next one learns that the caller left, sooner or later.
            device.notifies(StatusCode::Terminate, observer, b"").await;
            device.receives().await;
        }
    }
    let call = hub.is_called("/dev/uri", b"");
    device.answers_next(b"\x22fine").await;
    assert_eq!(call.await.unwrap().body, b"fine");
    hub.is_undisturbed().await;
}
