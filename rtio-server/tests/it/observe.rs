//! ObGET between hub and device (docs/protocol.md §4): begin, frames, ends.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rtio_proto::StatusCode;
use rtio_proto::header::{FrameCode, FrameKind};

use crate::support::caller::request;
use crate::support::{Clock, Frame, eventually, hub};

/// A line of the direct form's stream.
fn line(frame: u64, code: &str, data: &str) -> String {
    format!(r#"{{"id":0,"fid":{frame},"code":"{code}","data":"{data}"}}"#)
}

#[tokio::test]
async fn frames_come_as_lines_until_the_device_ends_it() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("GET", "/dev/aa/bb", &[], b"")).await;
    let expected = Frame::new(FrameKind::ServerSendReq, FrameCode::Unknown, 1, b"\x30\x00\x01\xa7\x96\xd0\x57");
    assert_eq!(device.receives().await, expected);
    device.answers_request(1, b"\x33\x00\x01").await;
    assert_eq!(caller.head().await.status, 200);
    for (frame, data) in [(0, "YQ=="), (1, "YWI="), (2, "")] {
        let bytes: &[u8] = [&b"a"[..], b"ab", b""][frame];
        let notify = device.notifies(StatusCode::Continue, 1, bytes).await;
        device.receives_answer(notify, b"\x33\x00\x01").await;
        assert_eq!(caller.line().await, Some(line(frame as u64, "CONTINUE", data)));
    }
    let last = device.notifies(StatusCode::Terminate, 1, b"ignored").await;
    device.receives_answer(last, b"\x34\x00\x01").await;
    assert_eq!(caller.lines().await, [line(3, "TERMINATE", "")]);
}

#[tokio::test]
async fn a_frame_may_fill_the_agreed_capacity() {
    let hub = hub().start().await;
    for (level, capacity) in [(0, 512), (1, 1024), (2, 2048), (3, 4096)] {
        let mut device = hub.device_at_level("dev", level).await;
        let (mut caller, observer) = hub.observes(&mut device, "/dev/uri").await;
        let data = vec![b'x'; capacity - 3];
        device.notifies(StatusCode::Continue, observer, &data).await;
        assert_eq!(caller.line().await, Some(line(0, "CONTINUE", &STANDARD.encode(&data))), "level {level}");
    }
}

#[tokio::test]
async fn refusals_of_the_establishment_have_their_codes() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let cases = [
        (0, 502, "INTERNAL_SERVER_ERROR"),
        (1, 502, "INTERNAL_SERVER_ERROR"),
        (2, 502, "INTERNAL_SERVER_ERROR"),
        (4, 502, "INTERNAL_SERVER_ERROR"),
        (5, 404, "NOT_FOUND"),
        (6, 400, "BAD_REQUEST"),
        (7, 405, "METHOD_NOT_ALLOWED"),
        (8, 429, "TOO_MANY_REQUESTS"),
        (9, 429, "TOO_MANY_OBSERVERS"),
        (15, 502, "INTERNAL_SERVER_ERROR"),
    ];
    for (status, http, code) in cases {
        let reply = hub.is_asked("GET", "/dev/uri", &[], b"");
        let establishment = device.receives_request().await;
        let answer = [0x30 | status, establishment.body[1], establishment.body[2]];
        device.answers_request(establishment.message_id, &answer).await;
        assert_eq!(reply.await.unwrap().problem(), (http, code.to_owned(), "answered".to_owned()), "{status}");
    }
}

#[tokio::test]
async fn an_establishment_answered_for_another_observer_or_method_is_an_internal_error() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    for answer in [&b"\x33\xff\x01"[..], b"\x33\x00\x00", b"\x23\x00\x01", b"\x33", b""] {
        let reply = hub.is_asked("GET", "/dev/uri", &[], b"");
        device.answers_next(answer).await;
        let failed = (502, "INTERNAL_SERVER_ERROR".to_owned(), "answered".to_owned());
        assert_eq!(reply.await.unwrap().problem(), failed, "{answer:?}");
    }
    let (_caller, _observer) = hub.observes(&mut device, "/dev/uri").await;
}

#[tokio::test]
async fn a_silent_device_costs_20_seconds() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("GET", "/dev/uri", &[], b"")).await;
    let late = device.receives_request().await;
    clock.passes(Duration::from_millis(19_990)).await;
    caller.has_received_nothing();
    clock.passes(Duration::from_millis(20)).await;
    let silent = (504, "DEVICEID_TIMEOUT".to_owned(), "sent_unanswered".to_owned());
    assert_eq!(caller.reply().await.problem(), silent);
    // The device begins it all the same, and learns that nobody is there.
    device.answers_request(late.message_id, b"\x33\x00\x01").await;
    hub.has_dropped_answers(1).await;
    let notify = device.notifies(StatusCode::Continue, 1, b"x").await;
    device.receives_answer(notify, b"\x34\x00\x01").await;
}

#[tokio::test]
async fn a_device_that_goes_away_ends_its_observations() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let (mut caller, observer) = hub.observes(&mut device, "/dev/uri").await;
    let unanswered = hub.is_asked("GET", "/dev/uri", &[], b"");
    device.receives_request().await;
    device.notifies(StatusCode::Continue, observer, b"a").await;
    assert_eq!(caller.line().await, Some(line(0, "CONTINUE", "YQ==")));
    drop(device);
    assert_eq!(caller.lines().await, [line(1, "DEVICEID_OFFLINE", "")]);
    let gone = (503, "DEVICEID_OFFLINE".to_owned(), "sent_unanswered".to_owned());
    assert_eq!(unanswered.await.unwrap().problem(), gone);
}

#[tokio::test]
async fn a_notification_with_another_status_ends_the_observation_with_its_code() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    for (status, code) in [
        (StatusCode::InternalError, "INTERNAL_SERVER_ERROR"),
        (StatusCode::Ok, "INTERNAL_SERVER_ERROR"),
        (StatusCode::NotFound, "NOT_FOUND"),
        (StatusCode::TooManyRequests, "TOO_MANY_REQUESTS"),
    ] {
        let (mut caller, observer) = hub.observes(&mut device, "/dev/uri").await;
        let notify = device.notifies(status, observer, b"x").await;
        let [high, low] = observer.to_be_bytes();
        device.receives_answer(notify, &[0x34, high, low]).await;
        assert_eq!(caller.lines().await, [line(0, code, "")]);
    }
}

#[tokio::test]
async fn a_notification_for_nobody_is_answered_with_terminate() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    for observer in [0, 1, 77, u16::MAX] {
        let notify = device.notifies(StatusCode::Continue, observer, b"x").await;
        let [high, low] = observer.to_be_bytes();
        device.receives_answer(notify, &[0x34, high, low]).await;
    }
}

#[tokio::test]
async fn the_first_notification_may_come_before_the_answer() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("GET", "/dev/uri", &[], b"")).await;
    let establishment = device.receives_request().await;
    let notify = device.notifies(StatusCode::Continue, 1, b"a").await;
    device.receives_answer(notify, b"\x33\x00\x01").await;
    device.answers_request(establishment.message_id, b"\x33\x00\x01").await;
    assert_eq!(caller.head().await.status, 200);
    assert_eq!(caller.line().await, Some(line(0, "CONTINUE", "YQ==")));
    let notify = device.notifies(StatusCode::Continue, 1, b"b").await;
    device.receives_answer(notify, b"\x33\x00\x01").await;
    assert_eq!(caller.line().await, Some(line(1, "CONTINUE", "Yg==")));
}

#[tokio::test]
async fn a_caller_that_leaves_ends_it_with_the_next_notification() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let (caller, observer) = hub.observes(&mut device, "/dev/uri").await;
    drop(caller);
    let [high, low] = observer.to_be_bytes();
    // The hub may learn of it a moment later than the device notifies.
    for _ in 0..1000 {
        let notify = device.notifies(StatusCode::Continue, observer, b"x").await;
        let answer = device.receives().await;
        assert_eq!(answer.message_id, notify);
        if answer.body == [0x34, high, low] {
            return;
        }
        assert_eq!(answer.body, [0x33, high, low]);
    }
    panic!("the device was never told");
}

#[tokio::test]
async fn a_caller_that_leaves_before_the_device_began_is_gone_as_well() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("GET", "/dev/uri", &[], b"")).await;
    let establishment = device.receives_request().await;
    drop(caller);
    device.receives_nothing().await;
    device.answers_request(establishment.message_id, b"\x33\x00\x01").await;
    hub.has_dropped_answers(1).await;
    let notify = device.notifies(StatusCode::Continue, 1, b"x").await;
    device.receives_answer(notify, b"\x34\x00\x01").await;
}

#[tokio::test]
async fn at_most_256_observations_of_a_device_are_live() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut callers = Vec::new();
    for _ in 0..256 {
        callers.push(hub.observes(&mut device, "/dev/uri").await);
    }
    let reply = hub.asks("GET", "/dev/uri", &[], b"").await;
    assert_eq!(reply.problem(), (429, "TOO_MANY_OBSERVERS".to_owned(), "not_sent".to_owned()));
    assert!(reply.header("retry-after").is_some());
    let (mut leaver, observer) = callers.pop().unwrap();
    device.notifies(StatusCode::Terminate, observer, b"").await;
    assert_eq!(leaver.lines().await.len(), 1);
    device.receives().await;
    let (_caller, _observer) = hub.observes(&mut device, "/dev/uri").await;
}

#[tokio::test]
async fn observations_are_capped_for_a_device_and_in_all() {
    let too_many = (429, "TOO_MANY_OBSERVERS".to_owned(), "not_sent".to_owned());
    let flags = ["--max-observations-per-device", "2", "--max-observations", "3"];
    let hub = hub().with_flags(&flags).start().await;
    let (mut first, mut second) = (hub.device("first").await, hub.device("second").await);
    let _a = hub.observes(&mut first, "/first/uri").await;
    let _b = hub.observes(&mut first, "/first/uri").await;
    let refused = hub.asks("GET", "/first/uri", &[], b"").await;
    assert_eq!(refused.problem(), too_many);
    assert_eq!(refused.field("detail"), "the device has 2 observations, the most allowed");
    let (c, _) = hub.observes(&mut second, "/second/uri").await;
    let refused = hub.asks("GET", "/second/uri", &[], b"").await;
    assert_eq!(refused.problem(), too_many);
    assert_eq!(refused.field("detail"), "the hub has 3 observations, the most allowed");
    drop(c);
    // The place is free once the hub has seen its caller leave.
    eventually("a place is free", || hub.core.observations() == 2).await;
    let _d = hub.observes(&mut second, "/second/uri").await;
}
