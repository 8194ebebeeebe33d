//! Calls in both forms, to devices that are offline and online, and whoever is refused one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rtio_server::hub::UriDigest;
use rtio_server::realer::{Subscription, new_control_device};
use serde_json::{Value, json};

use super::{path, refusal, tells, wish};
use crate::support::realer::control_device;
use crate::support::tokens::Issuer;
use crate::support::{Device, hub};

#[tokio::test]
async fn each_document_is_read_in_both_forms_of_a_device_that_is_offline() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let realer = hub.realer();
    let bootstrap = serde_json::to_value(realer.bootstrap(&device.id).await.unwrap()).unwrap();
    let commands = serde_json::to_value(realer.commands(&device.id).await.unwrap()).unwrap();
    let sensors = serde_json::to_value(realer.sensors(&device.id).await.unwrap()).unwrap();
    for (name, document) in [("bootstrap", bootstrap), ("commands", commands), ("sensors", sensors)] {
        for body in [&b""[..], b"{}"] {
            let reply = hub.calls(&path(&device, name), body).await;
            assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{name}");
            assert_eq!(reply.json(), document, "{name}");
        }
        let body = json!({"method": "copost", "id": 7, "uri": format!("/iot/v1/{name}")}).to_string();
        let reply = hub.asks("POST", &format!("/{}", device.id), &[], body.as_bytes()).await;
        let (code, data) = reply.envelope();
        assert_eq!((code.as_str(), serde_json::from_slice::<Value>(&data).unwrap()), ("OK", document), "{name}");
        let unfit = hub.calls(&path(&device, name), b"now").await;
        assert_eq!(refusal(&unfit), (400, 4000, "bad_request".to_owned()), "{name}");
    }
}

#[tokio::test]
async fn state_has_desired_and_reported_side_by_side_6_5() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let state = hub.calls(&path(&device, "state"), b"").await.json();
    let (relay, thermistor) = (&state["commands"][0], &state["sensors"][0]);
    assert_eq!((&state["code"], &state["device_id"]), (&json!(2000), &json!(device.id.as_str())));
    assert_eq!((&state["online"], &state["subscription"]), (&json!(false), &json!("active")));
    assert_eq!((&relay["label"], &relay["value"], &relay["sync"]), (&json!("relay"), &json!("0.0"), &json!("unknown")));
    assert_eq!((&relay["reported"], &thermistor["reported"]), (&Value::Null, &Value::Null));

    let desired = device.is_wished(&hub, "1.0").await;
    let number = tells(&hub, &device, device.reading("m1", "21.5")).await;
    let later = hub.calls(&path(&device, "state"), b"").await.json();
    let (relay, thermistor) = (&later["commands"][0], &later["sensors"][0]);
    assert!(later["change"].as_u64() > state["change"].as_u64(), "{later}");
    assert_eq!((&relay["value"], &relay["sync"]), (&json!("1.0"), &json!("pending")));
    assert_eq!(relay["desired"][0]["desired_id"], desired.id.as_str());
    assert_eq!(
        (&relay["desired"][0]["status"], &relay["desired"][0]["sequence_number"]),
        (&json!("pending"), &json!(1))
    );
    let reported = &thermistor["reported"];
    assert_eq!((&reported["value"], &reported["feed_data_id"]), (&json!("21.5"), &json!(number)));
    assert_eq!(reported["value_received_at"], "2026-05-12T08:31:10Z");

    tells(&hub, &device, super::answer(&device, &desired.id, "applied", 12)).await;
    let closed = hub.calls(&path(&device, "state"), b"").await.json();
    let relay = &closed["commands"][0];
    assert_eq!((&relay["sync"], &relay["desired"][0]["status"]), (&json!("in_sync"), &json!("applied")));
    assert_eq!(relay["reported"]["value"], "1.0");
}

#[tokio::test]
async fn a_device_that_holds_a_session_is_online_and_is_not_asked_12() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let session = Device::verify_with(hub.peer().await, device.id.as_str(), &device.secret, 0).await;
    let _session = session.answers("/own", b"mine");
    let state = hub.calls(&path(&device, "state"), b"").await;
    assert_eq!((state.status, &state.json()["online"]), (200, &json!(true)));
    assert_eq!(refusal(&hub.calls(&path(&device, "own"), b"").await).0, 404, "nothing below /iot/v1/ reaches it");
    assert_eq!(hub.calls(&format!("/{}/own", device.id), b"").await.body, b"mine");
    assert_eq!((hub.counts("calls_total{outcome=\"shadow\"}"), hub.counts("calls_total{outcome=\"ok\"}")), (2, 1));
}

#[tokio::test]
async fn no_uri_reaches_the_device_that_reads_like_the_one_where_it_takes_wishes() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let session = Device::verify_with(hub.peer().await, device.id.as_str(), &device.secret, 0).await;
    let _session = session.answers("/iot/v1/desired-states", b"mine");
    // A device tells URIs apart by their digest, and these two have the same one.
    assert_eq!(UriDigest::of(ALIKE), UriDigest::of("/iot/v1/desired-states"));
    let wish = br#"{"command_id":"forged","value":"1"}"#;
    assert_eq!(refusal(&hub.calls(&format!("/{}{ALIKE}", device.id), wish).await).0, 404);
    assert_eq!(hub.asks("GET", &format!("/{}{ALIKE}", device.id), &[], b"").await.problem().0, 404);
    let body = json!({"devices": [device.id.as_str()], "uri": ALIKE, "data": "{}"}).to_string();
    let lines = hub.asks("POST", "/v1/calls", &[], body.as_bytes()).await.text();
    assert!(!lines.contains(&STANDARD.encode("mine")), "{lines}");
}

#[tokio::test]
async fn other_devices_keep_their_own_uris_below_iot_v1() {
    let hub = hub().with_realer().start().await;
    let _device = hub.device("cdv_printer").await.answers("/iot/v1/state", b"mine");
    let reply = hub.calls("/cdv_printer/iot/v1/state", b"").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/octet-stream")));
    assert_eq!(reply.body, b"mine");
    assert_eq!(hub.calls("/nobody/iot/v1/state", b"").await.problem().1, "DEVICEID_OFFLINE");
}

#[tokio::test]
async fn a_device_or_uri_that_is_not_there_is_404_1_6() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let nobody = new_control_device(1).unwrap();
    let not_found = (404, 4004, "resource_not_found".to_owned());
    for name in ["bootstrap", "commands", "sensors", "state", "feed-data"] {
        assert_eq!(refusal(&hub.calls(&format!("/{nobody}/iot/v1/{name}"), b"").await), not_found, "{name}");
    }
    let reply = hub.calls(&format!("/{nobody}/iot/v1/desired"), &wish(&device, "1.0")).await;
    assert_eq!(refusal(&reply), not_found);
    for name in ["", "states", "state/", "desired-states"] {
        assert_eq!(refusal(&hub.calls(&path(&device, name), b"").await), not_found, "{name:?}");
    }
    let other = control_device(&hub).await;
    let reply = hub.calls(&path(&device, "desired"), &wish(&other, "1.0")).await;
    assert_eq!(refusal(&reply), not_found, "a command of another device");
}

#[tokio::test]
async fn history_comes_in_pages_6_1() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let desired = device.is_wished(&hub, "1.0").await;
    for nth in 1..=4 {
        tells(&hub, &device, device.reading(&format!("m{nth}"), "20")).await;
    }
    tells(&hub, &device, super::answer(&device, &desired.id, "rejected", 5)).await;
    let page = async |body: Value| hub.calls(&path(&device, "feed-data"), body.to_string().as_bytes()).await;
    let first = page(json!({"limit": 4})).await.json();
    let ids: Vec<_> = first["feed_data"].as_array().unwrap().iter().map(|one| one["feed_data_id"].clone()).collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(first["next"], ids[3]);
    assert_eq!(first["feed_data"][0]["sensor_id"], device.thermistor.as_str());
    let second = page(json!({"after": first["next"], "limit": 4})).await.json();
    let report = &second["feed_data"][0];
    assert_eq!((second["feed_data"].as_array().unwrap().len(), &second["next"]), (1, &Value::Null));
    assert_eq!((&report["desired_id"], &report["report_status"]), (&json!(desired.id.as_str()), &json!("rejected")));
    let all = hub.calls(&path(&device, "feed-data"), b"").await.json();
    assert_eq!((all["feed_data"].as_array().unwrap().len(), &all["next"]), (5, &Value::Null));
    for unfit in [json!({"limit": 0}), json!({"limit": 501}), json!({"after": "1"}), json!({"page": 1})] {
        assert_eq!(refusal(&page(unfit.clone()).await), (422, 4022, "validation_failed".to_owned()), "{unfit}");
    }
}

#[tokio::test]
async fn a_group_call_asks_control_devices_that_are_offline() {
    let hub = hub().with_realer().start().await;
    let (one, other) = (control_device(&hub).await, control_device(&hub).await);
    let body = json!({"devices": [one.id.as_str(), other.id.as_str(), "nobody"], "uri": "/iot/v1/state"}).to_string();
    let reply = hub.asks("POST", "/v1/calls", &[], body.as_bytes()).await;
    let lines: Vec<Value> = reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for device in [&one, &other] {
        let line = lines.iter().find(|line| line["device"] == device.id.as_str()).unwrap();
        let state: Value = serde_json::from_slice(&STANDARD.decode(line["data"].as_str().unwrap()).unwrap()).unwrap();
        assert_eq!((&line["code"], &state["device_id"]), (&json!("OK"), &json!(device.id.as_str())));
    }
    assert_eq!(lines[3]["summary"]["codes"], json!({"DEVICEID_OFFLINE": 1, "OK": 2}));
}

#[tokio::test]
async fn the_token_says_who_may_read_and_who_may_wish() {
    let issuer = Issuer::new();
    let hub = issuer.is_trusted_by(hub().with_realer()).start().await;
    let device = control_device(&hub).await;
    let uris = json!(["/iot/v1/state", "/iot/v1/feed-data"]);
    let grant = json!([{"devices": ["cdv_*"], "methods": ["copost"], "uris": uris}]);
    let reader = format!("Bearer {}", issuer.token(json!({"sub": "reader", "rtio": grant})));
    let its_own = format!("Bearer {}", issuer.token(json!({"sub": device.id.as_str()})));
    let asks = async |method: &'static str, name: &str, token: &str, body: &[u8]| {
        hub.asks(method, &path(&device, name), &[("authorization", token), ("prefer", "wait=0")], body).await.status
    };
    assert_eq!(asks("POST", "state", &reader, b"").await, 200);
    assert_eq!(asks("POST", "desired", &reader, &wish(&device, "1.0")).await, 403);
    assert_eq!(asks("POST", "bootstrap", &reader, b"").await, 403);
    assert_eq!(asks("GET", "state", &reader, b"").await, 403);
    assert_eq!(asks("POST", "desired", &its_own, &wish(&device, "1.0")).await, 202);
    assert_eq!(asks("POST", "state", "Bearer x", b"").await, 401);
    // Whether a device exists is told to whoever may ask it only.
    let nobody = new_control_device(1).unwrap();
    let stranger = hub.asks("POST", &format!("/{nobody}/iot/v1/state"), &[("authorization", &its_own)], b"").await;
    assert_eq!(stranger.status, 401);
}

#[tokio::test]
async fn callers_read_of_a_device_whose_subscription_is_inactive() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    device.is_changed(&hub, |settings| settings.subscription = Subscription::Inactive).await;
    let state = hub.calls(&path(&device, "state"), b"").await;
    assert_eq!((state.status, &state.json()["subscription"]), (200, &json!("inactive")));
    assert_eq!(hub.calls(&path(&device, "desired"), &wish(&device, "1.0")).await.status, 202, "it waits, as §12 says");
}

#[tokio::test]
async fn what_the_hub_answers_is_in_the_audit_log_with_its_status() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let hub = hub().with_flags(&["--audit-log", file.to_str().unwrap()]).with_realer().start().await;
    let device = control_device(&hub).await;
    hub.calls(&path(&device, "state"), b"").await;
    hub.calls(&path(&device, "desired"), b"{}").await;
    hub.calls(&path(&device, "desired"), &wish(&device, "1.0")).await;
    hub.stops().await;
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |line: &Value| (line["uri"].clone(), line["code"].clone(), line["status"].clone());
    let expected = [("state", 200), ("desired", 422), ("desired", 202)];
    for (line, (name, status)) in lines.iter().zip(expected) {
        assert_eq!(told(line), (json!(format!("/iot/v1/{name}")), json!("OK"), json!(status)));
        assert_eq!((&line["event"], &line["delivery"]), (&json!("call"), &json!("answered")));
    }
}

/// Made so that its digest is that of `/iot/v1/desired-states`, as anybody can: it is a CRC.
const ALIKE: &str = "/own/abdn9pt6";
