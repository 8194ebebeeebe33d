//! Honest outcomes: how far a call got and whose fault it is, in the direct form's `code` and `delivery`.

use std::time::Duration;

use rtio_proto::StatusCode;

use crate::support::caller::request;
use crate::support::{Clock, Device, Peer, Reply, TestHub, hub, within};

fn check(reply: &Reply, status: u16, code: &str, delivery: &str) {
    assert_eq!(reply.problem(), (status, code.to_owned(), delivery.to_owned()));
}

#[tokio::test]
async fn a_device_that_is_not_there_is_offline_and_nothing_was_sent() {
    let hub = hub().start().await;
    let reply = hub.calls("/dev/uri", b"").await;
    check(&reply, 503, "DEVICEID_OFFLINE", "not_sent");
    assert!(reply.header("retry-after").is_some());
}

#[tokio::test]
async fn every_status_of_a_device_has_its_code() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    for status in 0..16 {
        let (http, code) = match StatusCode::from_wire(status) {
            StatusCode::Ok => continue,
            StatusCode::NotFound => (404, "NOT_FOUND"),
            StatusCode::BadRequest => (400, "BAD_REQUEST"),
            StatusCode::MethodNotAllowed => (405, "METHOD_NOT_ALLOWED"),
            StatusCode::TooManyRequests => (429, "TOO_MANY_REQUESTS"),
            StatusCode::TooManyObservers => (429, "TOO_MANY_OBSERVERS"),
            StatusCode::Unknown | StatusCode::InternalError | StatusCode::Continue | StatusCode::Terminate => {
                (502, "INTERNAL_SERVER_ERROR")
            }
        };
        let call = hub.is_called("/dev/uri", b"");
        // Data with anything but OK is not passed on.
        device.answers_next(&[0x20 | status, b'x']).await;
        let reply = call.await.unwrap();
        check(&reply, http, code, "answered");
        assert_eq!(reply.header("retry-after").is_some(), http == 429, "{status}");
    }
}

#[tokio::test]
async fn a_malformed_answer_ends_its_call_only() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    for body in [&b""[..], b"\x02", b"\x32x", b"\xf2x"] {
        let call = hub.is_called("/dev/uri", b"");
        device.answers_next(body).await;
        check(&call.await.unwrap(), 502, "INTERNAL_SERVER_ERROR", "answered");
    }
    let call = hub.is_called("/dev/uri", b"");
    device.answers_next(b"\x22fine").await;
    assert_eq!(call.await.unwrap().body, b"fine");
}

#[tokio::test]
async fn a_silent_device_costs_10_seconds() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/dev/uri", &[], b"")).await;
    device.receives_request().await;
    clock.passes(Duration::from_millis(9_990)).await;
    caller.has_received_nothing();
    clock.passes(Duration::from_millis(20)).await;
    check(&caller.reply().await, 504, "REQUEST_TIMEOUT", "sent_unanswered");
}

#[tokio::test]
async fn a_device_that_goes_away_ends_its_calls_at_once() {
    let hub = hub().start().await;
    for reset in [false, true] {
        let mut device = hub.device("dev").await;
        let calls = [hub.is_called("/dev/uri", b""), hub.is_called("/dev/uri", b"")];
        device.receives_request().await;
        device.receives_request().await;
        if reset {
            Peer::from(device).resets();
        } else {
            drop(device);
        }
        for call in calls {
            let reply = call.await.unwrap();
            check(&reply, 503, "DEVICEID_OFFLINE", "sent_unanswered");
            assert!(reply.header("retry-after").is_some());
        }
    }
}

#[tokio::test]
async fn a_device_that_breaks_the_protocol_ends_its_calls_at_once() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let call = hub.is_called("/dev/uri", b"");
    device.receives_request().await;
    device.sends(b"\x0f\xff\xff\xff\xff").await;
    check(&call.await.unwrap(), 503, "DEVICEID_OFFLINE", "sent_unanswered");
}

#[tokio::test]
async fn more_calls_than_allowed_are_refused_and_not_sent() {
    let hub = hub().with(|config| config.device.session.max_calls = 3).start().await;
    let mut device = hub.device("dev").await;
    let calls: Vec<_> = (0..3).map(|_| hub.is_called("/dev/uri", b"")).collect();
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.push(device.receives_request().await);
    }
    let reply = hub.calls("/dev/uri", b"").await;
    check(&reply, 429, "TOO_MANY_REQUESTS", "not_sent");
    assert!(reply.header("retry-after").is_some());
    device.receives_nothing().await;
    for request in requests {
        device.answers_request(request.message_id, b"\x22").await;
    }
    for call in calls {
        assert_eq!(call.await.unwrap().status, 200);
    }
    let call = hub.is_called("/dev/uri", b"");
    device.answers_next(b"\x22").await;
    assert_eq!(call.await.unwrap().status, 200);
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_its_call_at_once() {
    let hub = hub().with(|config| config.device.session.max_calls = 1).start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/dev/uri", &[], b"")).await;
    let abandoned = device.receives_request().await;
    drop(caller);
    // The only place is free again, although the device has not answered.
    let mut caller = hub.caller().await;
    let taken = async {
        loop {
            caller.sends(&request("POST", "/dev/uri", &[("prefer", "wait=100")], b"again")).await;
            tokio::select! {
                next = device.receives_request() => break next,
                refused = caller.reply() => assert_eq!(refused.status, 429),
            }
        }
    };
    let next = within("the place of the call that was left", taken).await;
    assert_eq!(&next.body[5..], b"again");
    assert_ne!(next.message_id, abandoned.message_id, "a late answer could be taken for this call's");
    device.answers_request(abandoned.message_id, b"\x22late").await;
    hub.has_dropped_answers(1).await;
    device.answers_request(next.message_id, b"\x22right").await;
    assert_eq!(caller.reply().await.body, b"right");
}

#[tokio::test]
async fn a_late_answer_is_dropped_and_counted() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let call = hub.is_called("/dev/uri", b"");
    let late = device.receives_request().await;
    clock.passes(Duration::from_secs(11)).await;
    check(&call.await.unwrap(), 504, "REQUEST_TIMEOUT", "sent_unanswered");
    let call = hub.is_called("/dev/uri", b"");
    let next = device.receives_request().await;
    device.answers_request(late.message_id, b"\x22late").await;
    hub.has_dropped_answers(1).await;
    device.answers_request(next.message_id, b"\x22right").await;
    assert_eq!(call.await.unwrap().body, b"right");
}

#[tokio::test]
async fn what_was_not_sent_never_reaches_the_device() {
    let hub = hub().with(|config| config.device.session.max_calls = 32_768).start().await;
    let device = Device::verify(Peer::connect_with_small_buffer(hub.device_addr).await, "dev", 0).await;
    only_what_was_sent_arrives(&hub, device).await;
}

/// Calls the device `dev`, which does not read, until it cannot be sent more, and then lets it read: it gets what the callers
/// were told was sent, in order, and nothing else.
pub(crate) async fn only_what_was_sent_arrives(hub: &TestHub, mut device: Device) {
    let mut caller = hub.caller().await;
    let (mut sent, mut withdrawn) = (Vec::new(), 0);
    // The device does not read: calls leave the hub until the system's buffers are full. None waits for its answer.
    for number in 0..u32::MAX {
        let data = [&number.to_be_bytes()[..], &[b'x'; 500]].concat();
        let (_, code, delivery) = caller.asks("POST", "/dev/uri", &[("prefer", "wait=0")], &data).await.problem();
        assert_eq!(code, "REQUEST_TIMEOUT");
        match delivery.as_str() {
            "not_sent" => withdrawn += 1,
            _ => sent.push(number),
        }
        if withdrawn == 10 {
            break;
        }
    }
    let last = hub.is_called("/dev/uri", b"last");
    let mut received = Vec::new();
    loop {
        let request = device.receives_request().await;
        if request.body.ends_with(b"last") {
            device.answers_request(request.message_id, b"\x22").await;
            break;
        }
        let number = request.body[5..].first_chunk().expect("a number comes first");
        received.push(u32::from_be_bytes(*number));
    }
    assert_eq!(last.await.expect("the caller does not fail").status, 200);
    assert_eq!(received, sent);
}
