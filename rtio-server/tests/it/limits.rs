//! Caps and time limits on callers' and devices' connections: size, count and time of what peers may make us keep.

use std::time::Duration;

use crate::support::caller::request;
use crate::support::{Clock, eventually, hub};

#[tokio::test]
async fn a_head_with_too_many_fields_is_431() {
    let hub = hub().start().await;
    let names: Vec<String> = (0..101).map(|number| format!("x-{number}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/dev/uri", &headers, b"")).await;
    assert_eq!(caller.reply().await.status, 431);
    caller.is_closed().await;
}

#[tokio::test]
async fn a_head_over_16_kib_is_431() {
    let hub = hub().start().await;
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/dev/uri", &[("x", &"v".repeat(10_000))], b"")).await;
    assert_eq!(caller.reply().await.status, 503, "10 KB are nothing");
    caller.tries_to_send(&request("POST", "/dev/uri", &[("x", &"v".repeat(20_000))], b"")).await;
    assert_eq!(caller.reply().await.status, 431);
    caller.is_closed().await;
}

#[tokio::test]
async fn the_operator_says_how_large_a_head_may_be() {
    let hub = hub()
        .with(|config| {
            config.http.max_header_bytes = 64 * 1024;
            config.http.max_headers = 10;
        })
        .start()
        .await;
    let large = "v".repeat(40_000);
    assert_eq!(hub.asks("POST", "/dev/uri", &[("x", &large)], b"").await.status, 503);
    // With `host` and `content-length`.
    let names: Vec<String> = (0..9).map(|number| format!("x-{number}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    assert_eq!(hub.asks("POST", "/dev/uri", &headers[..8], b"").await.status, 503);
    assert_eq!(hub.asks("POST", "/dev/uri", &headers, b"").await.status, 431);
}

#[tokio::test]
async fn a_body_has_a_time_of_its_own() {
    let clock = Clock::stopped();
    let hub = hub().with(|config| config.http.body_timeout = Duration::from_secs(2)).start().await;
    let mut caller = hub.caller().await;
    caller.sends(b"POST /dev/uri HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\n\r\nhalf").await;
    clock.passes(Duration::from_millis(1_500)).await;
    caller.has_received_nothing();
    clock.passes(Duration::from_secs(1)).await;
    let reply = caller.reply().await;
    assert_eq!(reply.status, 400);
    assert!(reply.text().contains("within 2 s"), "{}", reply.text());
}

#[tokio::test]
async fn what_is_no_http_is_400() {
    let hub = hub().start().await;
    for bytes in [&b"\x10\x00\x01\x00\x08\x00dev:s3\r\n\r\n"[..], b"hello\r\n\r\n", b"POST /a b c\r\n\r\n"] {
        let mut caller = hub.caller().await;
        caller.sends(bytes).await;
        let rest = caller.is_closed().await;
        assert!(rest.starts_with(b"HTTP/1.1 400"), "{:?}", String::from_utf8_lossy(&rest));
    }
}

#[tokio::test]
async fn a_caller_that_sends_no_request_has_10_seconds() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut caller = hub.caller().await;
    clock.passes(Duration::from_millis(9_900)).await;
    caller.has_received_nothing();
    clock.passes(Duration::from_secs(3)).await;
    caller.is_closed().await;
}

#[tokio::test]
async fn headers_that_come_in_drops_have_10_seconds_in_all() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut caller = hub.caller().await;
    caller.sends(b"POST /dev/uri HTTP/1.1\r\nx: ").await;
    for _ in 0..9 {
        clock.passes(Duration::from_secs(1)).await;
        caller.sends(b"v").await;
    }
    caller.has_received_nothing();
    clock.passes(Duration::from_secs(4)).await;
    caller.is_closed().await;
}

#[tokio::test]
async fn a_body_that_comes_in_drops_has_10_seconds_in_all() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut caller = hub.caller().await;
    caller.sends(b"POST /dev/uri HTTP/1.1\r\nhost: hub\r\ncontent-length: 100\r\n\r\n").await;
    for _ in 0..9 {
        clock.passes(Duration::from_secs(1)).await;
        caller.sends(b"v").await;
    }
    caller.has_received_nothing();
    clock.passes(Duration::from_millis(1_500)).await;
    let reply = caller.reply().await;
    assert_eq!(reply.problem(), (400, "BAD_REQUEST".to_owned(), "not_sent".to_owned()));
    caller.is_closed().await;
}

#[tokio::test]
async fn a_kept_connection_may_idle_for_60_seconds() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut caller = hub.caller().await;
    for _ in 0..2 {
        assert_eq!(caller.calls("/dev/uri", b"").await.status, 503);
        clock.passes(Duration::from_secs(55)).await;
        caller.has_received_nothing();
    }
    clock.passes(Duration::from_secs(10)).await;
    caller.is_closed().await;
}

#[tokio::test]
async fn a_long_observation_is_no_idle_connection() {
    let clock = Clock::stopped();
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let (caller, _observer) = hub.observes(&mut device, "/dev/uri").await;
    clock.passes(Duration::from_secs(400)).await;
    caller.has_received_nothing();
}

#[tokio::test]
async fn connections_that_are_not_verified_are_capped() {
    let hub = hub().with(|config| config.device.max_unverified = 3).start().await;
    let mut waiting = vec![hub.peer().await, hub.peer().await, hub.peer().await];
    waiting[0].receives_nothing().await;
    let mut refused = hub.peer().await;
    refused.is_closed().await;
    assert_eq!(hub.core.metrics().unverified_refused.get(), 1);
    waiting.pop();
    let refused_so_far = || hub.core.metrics().unverified_refused.get();
    // The place is free once the hub has seen the other leave.
    hub.ends_session("peer_gone", 0).await;
    let _device = hub.device("dev").await.answers("/uri", b"in");
    assert_eq!(hub.calls("/dev/uri", b"").await.body, b"in");
    assert_eq!(refused_so_far(), 1);
}

#[tokio::test]
async fn device_connections_over_the_cap_wait_for_a_place() {
    let hub = hub().with(|config| config.device.max_connections = 2).start().await;
    let (first, _second) = (hub.device("first").await, hub.device("second").await);
    let mut third = hub.peer().await;
    third.sends_frame(rtio_proto::FrameKind::DeviceVerifyReq, 1, b"\x00third:s").await;
    third.receives_nothing().await;
    drop(first);
    assert_eq!(third.receives().await.code, rtio_proto::FrameCode::Success);
    eventually("two are online", || hub.core.devices_online() == 2).await;
}

#[tokio::test]
async fn caller_connections_over_the_cap_wait_for_a_place() {
    let hub = hub().with(|config| config.http.max_connections = 1).start().await;
    let mut first = hub.caller().await;
    assert_eq!(first.calls("/dev/uri", b"").await.status, 503);
    let mut second = hub.caller().await;
    second.sends(&request("POST", "/dev/uri", &[], b"")).await;
    second.receives_nothing().await;
    drop(first);
    assert_eq!(second.reply().await.status, 503);
}
