//! Desired states that callers set, and how long they wait for the outcome.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use rtio_server::realer::DesiredId;
use serde_json::{Value, json};

use super::{answer, open, path, refusal, tells, wish};
use crate::support::realer::{ControlDevice, control_device};
use crate::support::{TestHub, hub};

/// Desired states that were ever set.
async fn count(hub: &TestHub, device: &ControlDevice) -> usize {
    hub.realer().store().desired_states(&device.id, None, 100).await.unwrap().len()
}

/// What a caller that waits is answered once `happens` has happened to its wish.
async fn outcome(status: &str) -> (u16, Value) {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let waits = hub.is_asked("POST", &path(&device, "desired"), &[("prefer", "wait=60")], &wish(&device, "1.0"));
    let desired = open(&hub, &device).await;
    match status {
        "superseded" => drop(device.is_wished(&hub, "0.5").await),
        _ => drop(tells(&hub, &device, answer(&device, &desired, status, 12)).await),
    }
    hub.realer().changes().tell(&device.id);
    let reply = waits.await.unwrap();
    assert_eq!(reply.header("preference-applied"), Some("wait=60"));
    let document = reply.json();
    assert_eq!(document["desired_id"], desired.as_str());
    (reply.status, document)
}

#[tokio::test]
async fn who_waits_is_told_the_outcome_5_1() {
    for (status, reported) in
        [("applied", json!("1.0")), ("rejected", json!("0.0")), ("stale", json!("0.0")), ("superseded", Value::Null)]
    {
        let (http, document) = outcome(status).await;
        assert_eq!((http, &document["code"], &document["status"]), (200, &json!(2000), &json!(status)));
        assert_eq!(document["reported"]["value"], reported, "{status}");
        assert!(document["closed_at"].is_string(), "{document}");
    }
}

#[tokio::test]
async fn a_device_that_polls_closes_what_a_caller_waits_for_and_is_online_since_12() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    let online = async || hub.calls(&path(&device, "state"), b"").await.json()["online"].clone();
    assert_eq!(online().await, false);
    let waits = hub.is_asked("POST", &path(&device, "desired"), &[("prefer", "wait=60")], &wish(&device, "1.0"));
    open(&hub, &device).await;
    let polled = device.gets(&hub, &token, "/desired-states").await.json();
    let desired = DesiredId::parse(polled["desired_states"][0]["desired_id"].as_str().unwrap()).unwrap();
    let reply = device.posts(&hub, &token, "/feed-data", &answer(&device, &desired, "applied", 12)).await;
    assert_eq!(reply.status, 201);
    let outcome = waits.await.unwrap();
    assert_eq!((outcome.status, outcome.field("status")), (200, "applied".to_owned()));
    assert_eq!(outcome.json()["reported"]["feed_data_id"], reply.json()["feed_data_id"]);
    assert_eq!(online().await, true);
}

#[tokio::test]
async fn who_waits_for_what_expires_is_told_so_5_1() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let body = json!({"command_id": device.relay.as_str(), "value": "1.0", "expires_in": 1}).to_string();
    let reply = hub.asks("POST", &path(&device, "desired"), &[("prefer", "wait=60")], body.as_bytes()).await;
    assert_eq!((reply.status, reply.field("status")), (200, "expired".to_owned()));
}

#[tokio::test]
async fn who_does_not_wait_or_not_long_enough_is_told_the_id() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    for headers in [&[][..], &[("prefer", "wait=0")], &[("prefer", "wait=1")]] {
        let reply = hub.asks("POST", &path(&device, "desired"), headers, &wish(&device, "1.0")).await;
        let document = reply.json();
        assert_eq!((reply.status, reply.header("content-type")), (202, Some("application/json")), "{headers:?}");
        assert_eq!((&document["code"], &document["status"]), (&json!(2002), &json!("pending")));
        assert_eq!(document["desired_id"], open(&hub, &device).await.as_str(), "the newest one is open");
        assert_eq!((&document["value"], &document["reported"]), (&json!("1.0"), &Value::Null));
        assert_eq!(document["resource_id"], device.resource.as_str());
    }
    let state = hub.calls(&path(&device, "state"), b"").await.json();
    assert_eq!(state["commands"][0]["desired"][0]["sequence_number"], 3);
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused_and_sets_nothing() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let command = device.relay.as_str();
    for (body, expected) in [
        ("on".to_owned(), (400, 4000, "bad_request")),
        (json!({}).to_string(), (422, 4022, "validation_failed")),
        (json!({"command_id": command, "value": "on"}).to_string(), (422, 4022, "validation_failed")),
        (json!({"command_id": command, "value": "1", "expires_in": 0}).to_string(), (422, 4022, "validation_failed")),
        (json!({"command_id": command, "value": "1", "expires": 5}).to_string(), (422, 4022, "validation_failed")),
        (json!({"command_id": "cmd_x", "value": "1"}).to_string(), (422, 4022, "validation_failed")),
    ] {
        let reply = hub.asks("POST", &path(&device, "desired"), &[("prefer", "wait=5")], body.as_bytes()).await;
        let (status, code, kind) = expected;
        assert_eq!(refusal(&reply), (status, code, kind.to_owned()), "{body}");
    }
    assert_eq!(count(&hub, &device).await, 0);
    let data = "d".repeat(505);
    assert_eq!(hub.calls(&path(&device, "desired"), data.as_bytes()).await.status, 413);
}

#[tokio::test]
async fn a_wish_that_is_repeated_with_its_key_is_set_once() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let asks = async |value: &str| {
        let headers = [("idempotency-key", "k1")];
        hub.asks("POST", &path(&device, "desired"), &headers, &wish(&device, value)).await
    };
    let (first, again) = (asks("1.0").await, asks("1.0").await);
    assert_eq!((first.status, first.header("idempotency-replayed")), (202, None));
    assert_eq!((again.status, again.header("idempotency-replayed")), (202, Some("true")));
    assert_eq!((again.header("content-type"), &again.body), (Some("application/json"), &first.body));
    assert_eq!(asks("0.0").await.problem().0, 422, "another request with the key");
    assert_eq!(count(&hub, &device).await, 1);
}

#[tokio::test]
async fn a_wish_of_the_compatible_form_is_answered_in_its_data() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let asks = async |data: &[u8]| {
        use base64::Engine;
        let data = base64::engine::general_purpose::STANDARD.encode(data);
        let body = json!({"method": "copost", "id": 7, "uri": "/iot/v1/desired", "data": data}).to_string();
        let (code, data) = hub.asks("POST", &format!("/{}", device.id), &[], body.as_bytes()).await.envelope();
        (code, serde_json::from_slice::<Value>(&data).unwrap())
    };
    let (code, document) = asks(&wish(&device, "1.0")).await;
    assert_eq!((code.as_str(), &document["code"], &document["status"]), ("OK", &json!(2002), &json!("pending")));
    let (code, document) = asks(b"{}").await;
    assert_eq!((code.as_str(), &document["error"]["type"]), ("OK", &json!("validation_failed")));
}

#[tokio::test]
async fn a_group_call_that_says_how_long_waits_for_the_outcome_of_each_device() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let wish = String::from_utf8(wish(&device, "1.0")).unwrap();
    let body = json!({"devices": [device.id.as_str()], "uri": "/iot/v1/desired", "data": wish, "wait": 60}).to_string();
    let waits = hub.is_asked("POST", "/v1/calls", &[], body.as_bytes());
    let desired = open(&hub, &device).await;
    tells(&hub, &device, answer(&device, &desired, "applied", 12)).await;
    let text = waits.await.unwrap().text();
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(super::data_of(&line)["status"], "applied");
}
