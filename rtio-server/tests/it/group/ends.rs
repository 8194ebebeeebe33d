//! Group calls that do not come to their end: the caller leaves, or does not read; the hub shuts down, the token expires.

use std::time::Duration;

use serde_json::json;

use super::{begins, begins_with, line, of, rest, summary, told, with};
use crate::support::caller::request;
use crate::support::fleet::puts_online;
use crate::support::h2::H2Caller;
use crate::support::wait::SILENCE;
use crate::support::{Ca, Caller, Clock, Device, Issuer, TestHub, eventually, hub};

async fn devices(hub: &TestHub, count: usize) -> Vec<Device> {
    let mut devices = Vec::new();
    for number in 0..count {
        devices.push(hub.device(&format!("dev-{number}")).await);
    }
    devices
}

fn two_at_once() -> serde_json::Value {
    with(of(&["dev-0", "dev-1", "dev-2", "dev-3"]), "concurrency", 2)
}

/// Two calls were given up, and no third device was called.
async fn is_over(hub: &TestHub, mut devices: Vec<Device>) {
    eventually("calls in flight end", || hub.metrics().contains("rtio_calls_total{outcome=\"left\"} 2\n")).await;
    eventually("its place is free", || hub.metrics().contains("rtio_group_calls_open 0\n")).await;
    for device in &mut devices[2..] {
        device.receives_nothing().await;
    }
    assert!(hub.metrics().contains("rtio_calls_in_flight 0\n"));
}

#[tokio::test]
async fn after_its_caller_has_left_nobody_is_called() {
    let hub = hub().start().await;
    let mut devices = devices(&hub, 4).await;
    let caller = begins(&hub, &two_at_once()).await;
    devices[0].receives_request().await;
    devices[1].receives_request().await;
    drop(caller);
    is_over(&hub, devices).await;
}

#[tokio::test]
async fn a_stream_of_http2_that_is_reset_calls_nobody_any_more_and_the_connection_goes_on() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    let mut devices = devices(&hub, 4).await;
    let caller = H2Caller::connect(&hub, &ca.trusted()).await;
    let stream = caller.streams("/v1/calls", two_at_once().to_string().as_bytes()).await;
    devices[0].receives_request().await;
    devices[1].receives_request().await;
    drop(stream);
    is_over(&hub, devices).await;
    assert_eq!(caller.calls("/nobody/uri", b"").await.status, 503);
}

/// Calls of devices that have ended, once no further one ends for a while.
async fn calls_when_nothing_moves(hub: &TestHub) -> u64 {
    let count = || {
        let text = hub.metrics();
        let value = text.lines().find_map(|line| line.strip_prefix("rtio_calls_total{outcome=\"ok\"} "));
        value.unwrap().parse::<u64>().unwrap()
    };
    let mut before = u64::MAX;
    while before != count() {
        before = count();
        let moves = eventually("another call", || count() != before);
        let _ = tokio::time::timeout(SILENCE * 5, moves).await;
    }
    before
}

#[tokio::test]
async fn a_caller_that_does_not_read_stops_the_walk() {
    let hub = hub().start().await;
    let _fleet = puts_online(&hub, (0..20_000).map(|number| format!("device-{number}")));
    let call = with(of(&["*"]), "data", "x".repeat(504));
    let mut caller = Caller::connect_with_small_buffer(hub.http_addr).await;
    caller.sends(&request("POST", "/v1/calls", &[], call.to_string().as_bytes())).await;
    let called = calls_when_nothing_moves(&hub).await;
    assert!((1..15_000).contains(&called), "{called} of 20000 were called for somebody who does not read");
    assert_eq!(caller.head().await.status, 200);
    let (told, last) = rest(caller).await;
    assert_eq!((told.len(), summary(&last)), (20_000, (20_000, &json!({"OK": 20_000}))));
}

#[tokio::test]
async fn a_hub_that_drains_lets_calls_in_flight_end_and_says_that_it_was_not_all() {
    let hub = hub().start().await;
    let mut devices = devices(&hub, 4).await;
    let mut caller = begins(&hub, &two_at_once()).await;
    let call = devices[0].receives_request().await;
    devices[1].answers_next(b"\x22").await;
    assert_eq!(told(&mut caller).await, "dev-1 OK");
    devices[2].receives_request().await;
    hub.shutdown.trigger();
    devices[0].answers_request(call.message_id, b"\x22").await;
    assert_eq!(told(&mut caller).await, "dev-0 OK");
    devices[2].answers_request(1, b"\x22").await;
    assert_eq!(told(&mut caller).await, "dev-2 OK");
    let last = line(&mut caller).await;
    assert_eq!(last, json!({"aborted": "draining", "devices": 3, "codes": {"OK": 3}, "ms": last["ms"]}));
    assert_eq!(caller.line().await, None);
    devices[3].is_closed().await;
    hub.has_stopped().await;
}

#[tokio::test]
async fn a_drain_ends_group_calls_of_http2_too() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    let mut devices = devices(&hub, 1).await;
    let caller = H2Caller::connect(&hub, &ca.trusted()).await;
    let call = with(of(&["dev-0", "dev-1"]), "concurrency", 1);
    let stream = caller.streams("/v1/calls", call.to_string().as_bytes()).await;
    let call = devices[0].receives_request().await;
    hub.shutdown.trigger();
    devices[0].receives_nothing().await;
    devices[0].answers_request(call.message_id, b"\x22").await;
    let rest = stream.rest().await;
    assert!(rest.contains(r#"{"aborted":"draining","devices":1,"codes":{"OK":1},"#), "{rest}");
    hub.has_stopped().await;
}

#[tokio::test]
async fn a_token_that_expires_ends_the_walk() {
    let issuer = Issuer::new();
    let hub = issuer.hub().start().await;
    let mut devices = devices(&hub, 2).await;
    let soon = rtio_server::token::unix_now().as_secs() + 20;
    let claims = json!({"exp": soon, "rtio": [{"devices": ["*"]}]});
    let bearer = format!("Bearer {}", issuer.token(claims));
    let call = with(with(of(&["dev-0", "dev-1"]), "concurrency", 1), "wait", 100);
    let mut caller = begins_with(&hub, &[("authorization", &bearer)], &call).await;
    let call = devices[0].receives_request().await;
    let clock = Clock::stopped();
    // The leeway of 10 s counts, and as everywhere what has begun goes on.
    clock.passes(Duration::from_secs(32)).await;
    devices[0].answers_request(call.message_id, b"\x22").await;
    assert_eq!(told(&mut caller).await, "dev-0 OK");
    let last = line(&mut caller).await;
    assert_eq!((&last["aborted"], &last["devices"]), (&json!("token_expired"), &json!(1)));
    devices[1].has_received_nothing();
}
