//! Bootstrap, catalogs, errors. (Contract §1.5, §3, §4, §7.1.)

use std::time::Duration;

use serde_json::json;

use super::{json as to_json, nobody, runtime};
use crate::realer::fake_store::greenhouse::{self, HEATER, LAMP, NORTH, SOUTH, THERMOMETER, VAGUE, device};
use crate::realer::fake_store::{FakeClock, FakeStore};
use crate::realer::{Config, Plan, Protocols, Realer, Refusal, Scope};

#[tokio::test]
async fn a_bootstrap_has_all_that_a_device_needs() {
    let (realer, ..) = runtime();
    let bootstrap = to_json(realer.bootstrap(&device()).await.unwrap());
    let path = |rest: &str| format!("/iot/v1/devices/{}/{rest}", device());
    let expected = json!({
        "code": 2000,
        "device": { "id": device().as_str() },
        "available_protocols": ["https", "rtio"],
        "catalog_revision": "cat-1",
        "runtime_revision": bootstrap["runtime_revision"],
        "commands": [
            { "id": HEATER, "value": "0", "value_type": "NumericRange", "kind": "relay", "pin_port": "6" },
            { "id": LAMP, "value": "0", "value_type": "Binary", "kind": "relay", "pin_port": "7" },
            { "id": VAGUE, "error": {
                "type": "unsupported_definition",
                "message": "the definition is not complete: skip this item until the catalog's revision changes",
            } },
        ],
        "sensors": [{
            "id": THERMOMETER,
            "kind": "thermistor",
            "qc": "celsius_temperature",
            "mu": "degree_celsius:0",
            "pin_port": "5",
        }],
        "cadence": {
            "desired_states": { "expected_interval": 30, "minimum_interval": 5 },
            "feed_data": { "expected_interval": 60, "minimum_interval": 5 },
            "catalog": { "expected_interval": 3600, "minimum_interval": 5 },
        },
        "limits": { "max_request_bytes": 5120, "max_batch_items": 100 },
        "backoff": { "initial": 2, "multiplier": 2, "max": 300, "jitter": true },
        "endpoints": {
            "https": {
                "commands": path("commands"),
                "sensors": path("sensors"),
                "desired_states": path("desired-states"),
                "feed_data": path("feed-data"),
                "feed_data_batches": path("feed-data/batches"),
            },
            "rtio": {
                "bootstrap": "/iot/v1/bootstrap",
                "commands": "/iot/v1/commands",
                "sensors": "/iot/v1/sensors",
                "desired_states": "/iot/v1/desired-states",
                "feed_data": "/iot/v1/feed-data",
            },
        },
    });
    assert_eq!(bootstrap, expected);
}

#[tokio::test]
async fn a_bootstrap_follows_the_plan_and_hints_only_at_what_is_available() {
    let mut rows = greenhouse::rows();
    rows.device.settings.protocols = Protocols { https: false, mqtt: true, rtio: false };
    rows.device.settings.plan =
        Plan { minimum_interval_ms: Some(1500), max_request_bytes: Some(1000), max_batch_items: Some(3) };
    let config = Config { broker_url: "mqtts://hub.example:8883".to_owned().into(), ..Config::default() };
    let realer = Realer::new(FakeStore::of([rows]), FakeClock::at(0), config);
    let bootstrap = to_json(realer.bootstrap(&device()).await.unwrap());
    assert_eq!(bootstrap["available_protocols"], json!(["mqtt"]));
    let endpoints = json!({ "mqtt": {
        "catalog": format!("/iot/v1/devices/{}/mqtt", device()),
        "credentials": "/iot/v1/mqtt-credentials",
    } });
    assert_eq!(bootstrap["endpoints"], endpoints);
    assert_eq!(bootstrap["limits"], json!({ "max_request_bytes": 1000, "max_batch_items": 3 }));
    let rounded_up = json!({ "expected_interval": 60, "minimum_interval": 2 });
    assert_eq!(bootstrap["cadence"]["feed_data"], rounded_up);
}

#[tokio::test]
async fn one_item_is_a_list_of_one_and_another_is_not_found() {
    let (realer, ..) = runtime();
    let all = to_json(realer.commands(&device()).await.unwrap());
    let one = to_json(realer.command(&device(), LAMP).await.unwrap());
    assert_eq!(one, json!({ "code": 2000, "commands": [all["commands"][1]] }));
    let all = to_json(realer.sensors(&device()).await.unwrap());
    assert_eq!(to_json(realer.sensor(&device(), THERMOMETER).await.unwrap()), all);
    for id in ["", "cmd_zzzzzzzzzzzzzzzzzzzzzzzzzz", THERMOMETER] {
        assert_eq!(realer.command(&device(), id).await, Err(Refusal::NotFound("command")), "{id}");
    }
    assert_eq!(realer.sensor(&device(), HEATER).await, Err(Refusal::NotFound("sensor")));
}

#[tokio::test]
async fn the_mqtt_catalog_has_a_route_for_each_source_and_resource() {
    let mut rows = greenhouse::rows();
    rows.device.settings.protocols.mqtt = true;
    let store = FakeStore::of([rows]);
    let config = Config { broker_url: "mqtts://hub.example:8883".to_owned().into(), ..Config::default() };
    let realer = Realer::new(store, FakeClock::at(0), config);
    let mqtt = to_json(realer.mqtt(&device()).await.unwrap());
    assert_eq!(mqtt["broker_url"], "mqtts://hub.example:8883");
    assert_eq!(mqtt["credential_endpoint"], "/iot/v1/mqtt-credentials");
    assert_eq!(mqtt["mqtt_client_id"], device().as_str());
    assert_eq!(mqtt["credential_request"], json!({ "device_id": device().as_str() }));
    assert_eq!(mqtt["scopes"], json!(Scope::ALL[3..].iter().map(|scope| scope.name()).collect::<Vec<_>>()));
    let limits = json!({
        "max_payload_bytes": 5120, "minimum_publish_interval": 5, "keep_alive": 60, "max_inflight": 10, "qos": 1,
        "retain": false,
    });
    assert_eq!(mqtt["limits"], limits);
    let routes: Vec<_> = mqtt["routes"].as_array().unwrap().iter().map(|route| &route["resource_id"]).collect();
    assert_eq!(routes, [NORTH, NORTH, SOUTH], "a sensor of one resource, a command of two, and no command of none");
    let topic = format!("iot/v1/devices/{}/resources/{SOUTH}/commands/{HEATER}", device());
    let heater_south = json!({
        "source_type": "command",
        "command_id": HEATER,
        "resource_id": SOUTH,
        "feed_data_topic": format!("{topic}/feed-data"),
        "desired_topic": format!("{topic}/desired"),
    });
    assert_eq!(mqtt["routes"][2], heater_south);
}

#[tokio::test]
async fn without_a_broker_there_is_no_mqtt() {
    let mut rows = greenhouse::rows();
    rows.device.settings.protocols.mqtt = true;
    let realer = FakeStore::of([rows]).runtime(&FakeClock::at(0));
    let bootstrap = realer.bootstrap(&device()).await.unwrap();
    assert_eq!((bootstrap.available_protocols, bootstrap.endpoints.mqtt), (vec!["https", "rtio"], None));
    let mqtt = to_json(realer.mqtt(&device()).await.unwrap());
    assert_eq!((mqtt.get("broker_url"), mqtt.get("credential_endpoint")), (None, None));
}

#[tokio::test]
async fn a_device_that_is_not_there_is_not_found_and_a_broken_store_is_unavailable() {
    let (realer, store, _) = runtime();
    let missing = Err(Refusal::NotFound("device"));
    assert_eq!(realer.bootstrap(&nobody()).await.map(drop), missing);
    assert_eq!(realer.desired_states(&nobody()).await.map(drop), missing);
    assert_eq!(realer.feed_batch(&nobody(), b"{}").await.map(drop), missing);
    store.break_down();
    let broken = Err(Refusal::Unavailable);
    assert_eq!(realer.bootstrap(&device()).await.map(drop), broken);
    assert_eq!(realer.desired_states(&device()).await.map(drop), broken);
    assert_eq!(realer.feed_batch(&device(), b"{}").await.map(drop), broken);
}

#[test]
fn every_refusal_has_the_code_and_label_of_the_outcome_table() {
    let (realer, ..) = runtime();
    for (refusal, code, label) in [
        (Refusal::Malformed("no".to_owned()), 4000, "bad_request"),
        (Refusal::NoCredentials, 4001, "unauthorized"),
        (Refusal::BadToken, 4001, "invalid_token"),
        (Refusal::SubscriptionInactive, 4002, "subscription_inactive"),
        (Refusal::Forbidden("another device's"), 4003, "forbidden"),
        (Refusal::LacksScope(Scope::CatalogRead), 4003, "insufficient_scope"),
        (Refusal::NotFound("device"), 4004, "resource_not_found"),
        (Refusal::WrongMethod, 4005, "method_not_allowed"),
        (Refusal::Conflict, 4009, "message_conflict"),
        (Refusal::TooLarge { max: 1 }, 4013, "payload_too_large"),
        (Refusal::NotJson, 4015, "unsupported_media_type"),
        (Refusal::invalid("value", "empty"), 4022, "validation_failed"),
        (Refusal::TooSoon { retry_after: Duration::from_secs(1) }, 4029, "rate_limited"),
        (Refusal::Bug, 5000, "internal_error"),
        (Refusal::Unavailable, 5003, "service_unavailable"),
    ] {
        let document = to_json(realer.error_document(&refusal));
        assert_eq!((&document["code"], &document["error"]["type"]), (&json!(code), &json!(label)));
        let has_details = matches!(refusal, Refusal::Invalid(_));
        assert_eq!(document["error"].get("details").is_some(), has_details, "{document}");
    }
}

#[tokio::test]
async fn codes_are_as_configured() {
    let mut config = Config::default();
    config.codes.renamed = vec![(2000, 1), (4004, 4040)];
    let realer = Realer::new(FakeStore::of([greenhouse::rows()]), FakeClock::at(0), config);
    assert_eq!(realer.commands(&device()).await.unwrap().code, 1);
    assert_eq!(realer.error_document(&Refusal::NotFound("device")).code, 4040);
}
