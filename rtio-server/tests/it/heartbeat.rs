//! Pings, and what silence leads to (docs/protocol.md §3).

use std::time::Duration;

use rtio_proto::header::{FrameCode, FrameKind};

use crate::support::caller::request;
use crate::support::{Clock, Device, Frame, hub};

async fn ping(device: &mut Device, body: &[u8], expected: FrameCode) {
    device.sends_frame(FrameKind::DevicePingReq, 7, body).await;
    let answer = Frame::new(FrameKind::DevicePingResp, expected, 7, b"");
    assert_eq!(device.receives().await, answer, "{body:?}");
}

#[tokio::test]
async fn pings_are_answered_by_what_they_ask_for() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let cases: [(&[u8], FrameCode); 9] = [
        (b"", FrameCode::Success),
        (&30_u16.to_be_bytes(), FrameCode::Success),
        (&43_200_u16.to_be_bytes(), FrameCode::Success),
        (&29_u16.to_be_bytes(), FrameCode::InvalidParameter),
        (&43_201_u16.to_be_bytes(), FrameCode::InvalidParameter),
        (&0_u16.to_be_bytes(), FrameCode::InvalidParameter),
        (b"x", FrameCode::BodyLength),
        (b"xyz", FrameCode::BodyLength),
        (&[0; 512], FrameCode::BodyLength),
    ];
    for (body, expected) in cases {
        ping(&mut device, body, expected).await;
    }
}

/// After `pings`, the device is silent; it must be gone `seconds` later, give or take one pass of the hub's sweep.
async fn is_dropped_after(seconds: u64, pings: &[(&[u8], FrameCode)]) {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    for (body, expected) in pings {
        ping(&mut device, body, *expected).await;
    }
    clock.passes(Duration::from_millis(seconds * 1000 - 250)).await;
    device.has_received_nothing();
    assert_eq!(hub.core.devices_online(), 1);
    clock.passes(Duration::from_secs(5)).await;
    device.is_closed().await;
    assert_eq!((hub.core.devices_online(), hub.sessions_ended("silent")), (0, 1));
}

#[tokio::test]
async fn a_silent_device_is_dropped_after_one_and_a_half_default_intervals() {
    is_dropped_after(450, &[]).await;
}

#[tokio::test]
async fn a_silent_device_is_dropped_after_one_and_a_half_of_its_own_intervals() {
    is_dropped_after(45, &[(&30_u16.to_be_bytes(), FrameCode::Success)]).await;
}

#[tokio::test]
async fn a_ping_without_an_interval_keeps_the_last_one() {
    is_dropped_after(45, &[(&30_u16.to_be_bytes(), FrameCode::Success), (b"", FrameCode::Success)]).await;
}

#[tokio::test]
async fn a_refused_interval_changes_nothing() {
    is_dropped_after(450, &[(&29_u16.to_be_bytes(), FrameCode::InvalidParameter)]).await;
}

#[tokio::test]
async fn any_sound_frame_is_a_sign_of_life() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    ping(&mut device, &30_u16.to_be_bytes(), FrameCode::Success).await;
    for round in 0..4 {
        clock.passes(Duration::from_secs(40)).await;
        if round % 2 == 0 {
            let report = device.reports(b"\x20\x00\x00\x00\x00").await;
            device.receives_answer(report, b"\x25").await;
        } else {
            // An answer that nobody waits for.
            device.answers_request(99, b"\x22").await;
        }
    }
    clock.passes(Duration::from_secs(40)).await;
    device.has_received_nothing();
    assert_eq!(hub.core.devices_online(), 1);
}

#[tokio::test]
async fn half_a_frame_is_no_sign_of_life() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    ping(&mut device, &30_u16.to_be_bytes(), FrameCode::Success).await;
    clock.passes(Duration::from_secs(40)).await;
    device.sends(b"\x30\x00\x01").await;
    clock.passes(Duration::from_secs(10)).await;
    device.is_closed().await;
}

#[tokio::test]
async fn calls_to_a_silent_device_end_with_its_session() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    ping(&mut device, &30_u16.to_be_bytes(), FrameCode::Success).await;
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/dev/uri", &[("prefer", "wait=120")], b"")).await;
    device.receives_request().await;
    clock.passes(Duration::from_secs(50)).await;
    let gone = (503, "DEVICEID_OFFLINE".to_owned(), "sent_unanswered".to_owned());
    assert_eq!(caller.reply().await.problem(), gone);
}
