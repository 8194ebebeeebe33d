//! How many group calls there may be, and what they wait for.

use std::time::Duration;

use serde_json::{Value, json};

use super::{all, begins, begins_with, line, of, summary, told, with};
use crate::support::{Clock, Issuer, TestHub, eventually, hub};

/// One more is refused.
async fn is_full(hub: &TestHub, headers: &[(&str, &str)], call: &Value, detail: &str) {
    let reply = hub.asks("POST", "/v1/calls", headers, call.to_string().as_bytes()).await;
    assert_eq!(reply.problem(), (429, "TOO_MANY_REQUESTS".into(), "not_sent".into()));
    assert_eq!((reply.field("detail").as_str(), reply.header("retry-after")), (detail, Some("5")));
}

#[tokio::test]
async fn a_caller_has_four_group_calls_and_one_more_is_429() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let call = with(of(&["dev"]), "wait", 100);
    let mut callers = Vec::new();
    for _ in 0..4 {
        callers.push(begins(&hub, &call).await);
        device.receives_request().await;
    }
    is_full(&hub, &[], &call, "a caller may have 4 group calls in flight; it has them").await;
    assert_eq!(hub.counts("group_calls_refused_total"), 1);
    callers.pop();
    eventually("a place is free", || hub.metrics().contains("rtio_group_calls_open 3\n")).await;
    begins(&hub, &call).await;
}

#[tokio::test]
async fn a_hub_has_as_many_group_calls_as_its_operator_says() {
    let issuer = Issuer::new();
    let hub = issuer.is_trusted_by(hub().with_flags(&["--max-group-calls", "2"])).start().await;
    let mut device = hub.device("dev").await;
    let call = with(of(&["dev"]), "wait", 100);
    let mut callers = Vec::new();
    for nth in 0..3 {
        let claims = json!({"sub": format!("backend-{nth}"), "rtio": [{"devices": ["*"]}]});
        let bearer = format!("Bearer {}", issuer.token(claims));
        let headers = [("authorization", bearer.as_str())];
        if nth == 2 {
            is_full(&hub, &headers, &call, "the hub may have 2 group calls in flight; it has them").await;
        } else {
            callers.push(begins_with(&hub, &headers, &call).await);
            device.receives_request().await;
        }
    }
}

#[tokio::test]
async fn its_calls_take_their_callers_places_one_after_the_other() {
    let hub = hub().with_flags(&["--max-calls-per-caller", "2"]).start().await;
    let mut devices = Vec::new();
    for number in 0..20 {
        devices.push(hub.device(&format!("dev-{number}")).await.echoes());
    }
    let (_, last) = all(&hub, &[], &of(&["dev-*"])).await;
    assert_eq!(summary(&last), (20, &json!({"OK": 20})));
    assert_eq!(hub.counts("caller_in_flight_refused_total"), 0, "who waits is not refused");
}

#[tokio::test]
async fn a_place_that_another_request_has_is_waited_for() {
    let hub = hub().with_flags(&["--max-calls-per-caller", "1"]).start().await;
    let (mut busy, _free) = (hub.device("busy").await, hub.device("free").await.echoes());
    let other = hub.is_called("/busy/uri", b"");
    let call = busy.receives_request().await;
    let mut caller = begins(&hub, &of(&["free"])).await;
    caller.receives_nothing().await;
    busy.answers_request(call.message_id, b"\x22").await;
    assert_eq!(other.await.unwrap().status, 200);
    assert_eq!(told(&mut caller).await, "free OK");
    assert_eq!(summary(&line(&mut caller).await).0, 1);
}

#[tokio::test]
async fn a_place_that_never_comes_is_waited_for_as_long_as_a_call_may_take() {
    let hub = hub().with_flags(&["--max-calls-per-caller", "1", "--max-wait", "30s"]).start().await;
    let (mut busy, free) = (hub.device("busy").await, hub.device("free").await);
    let _observer = hub.observes(&mut busy, "/busy/uri").await;
    let clock = Clock::stopped();
    let mut caller = begins(&hub, &of(&["free"])).await;
    clock.passes(Duration::from_millis(29_900)).await;
    caller.has_received_nothing();
    clock.passes(Duration::from_millis(500)).await;
    let refused = line(&mut caller).await;
    let expected = json!({"device": "free", "code": "TOO_MANY_REQUESTS", "delivery": "not_sent", "ms": 0});
    assert_eq!(refused, expected);
    assert_eq!(summary(&line(&mut caller).await), (1, &json!({"TOO_MANY_REQUESTS": 1})));
    assert_eq!(hub.counts("caller_in_flight_refused_total"), 1);
    free.has_received_nothing();
}

#[tokio::test]
async fn calls_begin_at_their_callers_pace() {
    let hub = hub().with_flags(&["--caller-rate", "2", "--caller-burst", "1"]).start().await;
    let mut devices = Vec::new();
    for number in 0..4 {
        devices.push(hub.device(&format!("dev-{number}")).await.echoes());
    }
    let clock = Clock::stopped();
    let mut caller = begins(&hub, &of(&["dev-*"])).await;
    for _ in 0..4 {
        assert!(told(&mut caller).await.ends_with(" OK"));
        caller.has_received_nothing();
        clock.passes(Duration::from_millis(510)).await;
    }
    assert_eq!(summary(&line(&mut caller).await), (4, &json!({"OK": 4})));
    assert_eq!(hub.counts("caller_rate_refused_total"), 0);
}
