//! Answers come as devices give them, at most so many at once, once a device.

use std::time::Duration;

use serde_json::json;

use super::{all, begins, line, of, rest, summary, told, with};
use crate::support::fleet::puts_online;
use crate::support::h2::H2Caller;
use crate::support::{Ca, Clock, eventually, hub};

#[tokio::test]
async fn a_line_comes_when_its_device_has_answered() {
    let hub = hub().start().await;
    let (mut one, mut two) = (hub.device("one").await, hub.device("two").await);
    let mut caller = begins(&hub, &of(&["one", "two"])).await;
    let (first, second) = (one.receives_request().await, two.receives_request().await);
    assert_eq!(&first.body[5..], b"now");
    two.answers_request(second.message_id, b"\x222nd").await;
    let answer = line(&mut caller).await;
    assert_eq!((&answer["device"], &answer["code"], &answer["data"]), (&json!("two"), &json!("OK"), &json!("Mm5k")));
    assert!(answer["ms"].is_u64() && answer["delivery"].is_null());
    one.answers_request(first.message_id, b"\x25").await;
    let failed = line(&mut caller).await;
    let expected = json!({"device": "one", "code": "NOT_FOUND", "delivery": "answered", "ms": failed["ms"]});
    assert_eq!(failed, expected);
    let last = line(&mut caller).await;
    assert_eq!(summary(&last), (2, &json!({"OK": 1, "NOT_FOUND": 1})));
    assert_eq!(caller.line().await, None);
    // The connection goes on.
    assert_eq!(caller.calls("/nobody/uri", b"").await.status, 503);
}

#[tokio::test]
async fn http2_has_lines_as_they_come_as_well() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    let (mut one, _two) = (hub.device("one").await, hub.device("two").await.echoes());
    let caller = H2Caller::connect(&hub, &ca.trusted()).await;
    let mut stream = caller.streams("/v1/calls", of(&["*"]).to_string().as_bytes()).await;
    let piece = stream.piece().await.unwrap();
    assert!(piece.starts_with(r#"{"device":"two","code":"OK","data":"bm93","ms":"#), "{piece}");
    one.answers_next(b"\x22").await;
    let rest = stream.rest().await;
    assert!(rest.contains(r#"{"device":"one","code":"OK","data":"","ms":"#), "{rest}");
    assert!(rest.contains(r#"{"summary":{"devices":2,"codes":{"OK":2},"#), "{rest}");
}

#[tokio::test]
async fn a_device_is_called_once_whatever_stands_for_it() {
    let hub = hub().start().await;
    let mut devices = Vec::new();
    for name in ["A-1", "A-2", "B-1"] {
        devices.push(hub.device(name).await.echoes());
    }
    let call = of(&["A-1", "A-*", "gone", "*-1", "A-1", "*"]);
    let (told, last) = all(&hub, &[], &call).await;
    assert_eq!(told, ["A-1 OK", "A-2 OK", "B-1 OK", "gone DEVICEID_OFFLINE"]);
    assert_eq!(summary(&last), (4, &json!({"OK": 3, "DEVICEID_OFFLINE": 1})));
    assert!(hub.metrics().contains("rtio_calls_total{outcome=\"ok\"} 3\n"), "{}", hub.metrics());
}

#[tokio::test]
async fn of_ten_thousand_named_devices_half_are_offline() {
    let hub = hub().start().await;
    let name = |number: usize| format!("device-{number}");
    let _fleet = puts_online(&hub, (0..10_000).filter(|number| number % 2 == 0).map(name));
    let mut real = Vec::new();
    for number in (1..200).step_by(2) {
        real.push(hub.device(&name(number)).await.echoes());
    }
    let names: Vec<_> = (0..10_000).map(name).collect();
    let call = json!({"devices": names, "uri": "/uri", "data": "now", "concurrency": 1024});
    let (told, last) = all(&hub, &[], &call).await;
    assert_eq!(summary(&last), (10_000, &json!({"OK": 5_100, "DEVICEID_OFFLINE": 4_900})));
    let mut names: Vec<_> = told.iter().map(|line| line.split(' ').next().unwrap()).collect();
    names.dedup();
    assert_eq!(names.len(), 10_000, "each has one line");
}

#[tokio::test]
async fn no_more_are_called_at_once_than_asked_for() {
    let hub = hub().start().await;
    let mut devices = Vec::new();
    for number in 0..8 {
        devices.push(hub.device(&format!("dev-{number}")).await);
    }
    let names: Vec<_> = (0..8).map(|number| format!("dev-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut caller = begins(&hub, &with(of(&names), "concurrency", 3)).await;
    for number in 0..8 {
        let in_flight = format!("rtio_calls_in_flight {}\n", (8 - number).min(3));
        eventually("the next calls have begun", || hub.metrics().contains(&in_flight)).await;
        if let Some(device) = devices.get_mut(number + 3) {
            device.receives_nothing().await;
        }
        devices[number].answers_next(b"\x22").await;
        assert_eq!(told(&mut caller).await, format!("dev-{number} OK"));
    }
    assert_eq!(summary(&line(&mut caller).await).0, 8);
}

#[tokio::test]
async fn a_slow_device_holds_nobody_and_has_its_own_time() {
    let hub = hub().start().await;
    let mut slow = hub.device("A-slow").await;
    let mut others = Vec::new();
    for number in 0..20 {
        others.push(hub.device(&format!("B-{number}")).await.echoes());
    }
    let call = with(with(of(&["A-slow", "B-*"]), "concurrency", 2), "wait", 7);
    let mut caller = begins(&hub, &call).await;
    for _ in 0..20 {
        assert!(told(&mut caller).await.starts_with("B-"));
    }
    slow.receives_request().await;
    let clock = Clock::stopped();
    clock.passes(Duration::from_millis(6_900)).await;
    caller.has_received_nothing();
    clock.passes(Duration::from_millis(500)).await;
    let (told, last) = rest(caller).await;
    assert_eq!(told, ["A-slow REQUEST_TIMEOUT"]);
    assert_eq!(summary(&last), (21, &json!({"OK": 20, "REQUEST_TIMEOUT": 1})));
}
