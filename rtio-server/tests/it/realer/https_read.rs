//! What a device reads over HTTPS: bootstrap, catalogs, desired states. (Contract §3, §4, §5.)

use rtio_server::realer::ports::CatalogChange;
use rtio_server::realer::{Command, CommandId};
use serde_json::{Value, json};

use super::https_admission::is_refused;
use crate::support::hub;
use crate::support::realer::{ControlDevice, control_device, control_device_with};

fn relay(device: &ControlDevice) -> Value {
    json!({"id": device.relay.as_str(), "value": "0.0", "value_type": "NumericRange", "kind": "relay", "pin_port": "6"})
}

fn thermistor(device: &ControlDevice) -> Value {
    let id = device.thermistor.as_str();
    json!({"id": id, "kind": "thermistor", "qc": "celsius_temperature", "mu": "degree_celsius:0", "pin_port": "5"})
}

#[tokio::test]
async fn a_bootstrap_has_all_that_a_device_needs_3() {
    let hub = hub().with_realer().start().await;
    let device = control_device_with(&hub, |settings| settings.plan.max_batch_items = Some(7)).await;
    let token = device.token(&hub).await;
    let reply = device.gets(&hub, &token, "/bootstrap").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    let body = reply.json();
    let id = device.id.as_str();
    assert_eq!((&body["code"], &body["device"]), (&json!(2000), &json!({"id": id})));
    assert_eq!(body["available_protocols"], json!(["https", "rtio"]));
    assert!(body["catalog_revision"].is_string() && body["runtime_revision"].is_string());
    assert_eq!((&body["commands"], &body["sensors"]), (&json!([relay(&device)]), &json!([thermistor(&device)])));
    assert_eq!(body["cadence"]["desired_states"], json!({"expected_interval": 30, "minimum_interval": 0}));
    assert_eq!(body["limits"], json!({"max_request_bytes": 5120, "max_batch_items": 7}));
    assert_eq!(body["backoff"], json!({"initial": 2, "multiplier": 2, "max": 300, "jitter": true}));
    assert_eq!(body["endpoints"]["mqtt"], Value::Null);
    // The hints lead somewhere.
    for (name, hint) in body["endpoints"]["https"].as_object().unwrap() {
        let method = if name.starts_with("feed_data") { "POST" } else { "GET" };
        let headers = [("authorization", &*crate::support::realer::bearer(&token))];
        let status = hub.asks(method, hint.as_str().unwrap(), &headers, b"").await.status;
        assert!([200, 415].contains(&status), "{name} {hint}: {status}");
    }
}

#[tokio::test]
async fn revisions_change_with_what_they_stand_for_3() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    let revisions = async |path: &str| {
        let body = device.gets(&hub, &token, path).await.json();
        (body["catalog_revision"].clone(), body["runtime_revision"].clone())
    };
    let before = revisions("/bootstrap").await;
    assert_eq!((revisions("/desired-states").await, revisions("/mqtt").await), (before.clone(), before.clone()));
    let put = |command| hub.changes_catalog(vec![CatalogChange::PutCommand { device: device.id.clone(), command }]);
    put(Command { value: "1.0".to_owned(), label: "lamp".to_owned(), ..device.command() }).await;
    assert_eq!(revisions("/bootstrap").await, before, "a value and a label are no part of it");
    put(Command { pin_port: "7".to_owned(), ..device.command() }).await;
    let after = revisions("/desired-states").await;
    assert!(after.0 != before.0 && after.1 == before.1, "{before:?} {after:?}");
    device.is_changed(&hub, |settings| settings.plan.max_request_bytes = Some(1000)).await;
    let last = revisions("/desired-states").await;
    assert!(last.0 == after.0 && last.1 != after.1, "{after:?} {last:?}");
}

#[tokio::test]
async fn catalogs_are_read_whole_and_item_by_item_4() {
    let hub = hub().with_realer().start().await;
    let (device, other) = (control_device(&hub).await, control_device(&hub).await);
    let token = device.token(&hub).await;
    let commands = json!({"code": 2000, "commands": [relay(&device)]});
    let sensors = json!({"code": 2000, "sensors": [thermistor(&device)]});
    for (path, expected) in [
        ("/commands".to_owned(), &commands),
        (format!("/commands/{}", device.relay), &commands),
        ("/sensors".to_owned(), &sensors),
        (format!("/sensors/{}", device.thermistor), &sensors),
    ] {
        let reply = device.gets(&hub, &token, &path).await;
        assert_eq!((reply.status, &reply.json()), (200, expected), "{path}");
    }
    for path in [
        format!("/commands/{}", other.relay),
        format!("/commands/{}", device.thermistor),
        "/commands/cmd_01jv3k8q2m5n7p9r1s4t6v8w0x".to_owned(),
        "/commands/%ff".to_owned(),
        format!("/sensors/{}", other.thermistor),
        "/sensors/x".to_owned(),
    ] {
        is_refused(&device.gets(&hub, &token, &path).await, 404, 4004, "resource_not_found");
    }
}

#[tokio::test]
async fn an_item_that_firmware_cannot_act_on_has_the_error_form_4() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let id = CommandId::new(hub.realer().now_ms()).unwrap();
    let command = Command { id: id.clone(), label: "later".to_owned(), kind: String::new(), ..device.command() };
    hub.changes_catalog(vec![CatalogChange::PutCommand { device: device.id.clone(), command }]).await;
    let reply = device.gets(&hub, &device.token(&hub).await, &format!("/commands/{id}")).await;
    let item = &reply.json()["commands"][0];
    assert_eq!((&item["id"], &item["error"]["type"]), (&json!(id.as_str()), &json!("unsupported_definition")));
    assert_eq!(item.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn desired_states_stay_until_they_are_answered_5() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    assert_eq!(device.gets(&hub, &token, "/desired-states").await.json()["desired_states"], json!([]));
    let old = device.is_wished(&hub, "1.0").await;
    let new = device.is_wished(&hub, "0.5").await;
    for _ in 0..2 {
        let body = device.gets(&hub, &token, "/desired-states").await.json();
        let items = body["desired_states"].as_array().unwrap();
        assert_eq!(items.len(), 1, "the newer one took the place of the older: {old:?}");
        let (item, id) = (&items[0], new.id.as_str());
        assert_eq!(
            (&item["desired_id"], &item["value"], &item["sequence_number"]),
            (&json!(id), &json!("0.5"), &json!(2))
        );
        assert_eq!(item["resource_id"], json!(device.resource.as_str()));
        assert!(
            item["issued_at"].as_str().unwrap().ends_with('Z') && item["expires_at"].as_str().unwrap().ends_with('Z')
        );
    }
    let mut answer = device.reading("m1", "0.5");
    answer.as_object_mut().unwrap().remove("sensor_id");
    answer["command_id"] = json!(device.relay.as_str());
    answer["desired_id"] = json!(new.id.as_str());
    answer["sequence_number"] = json!(2);
    let reply = device.posts(&hub, &token, "/feed-data", &answer).await;
    assert_eq!((reply.status, reply.json()["warnings"].clone()), (201, json!([])));
    assert_eq!(device.gets(&hub, &token, "/desired-states").await.json()["desired_states"], json!([]));
}

#[tokio::test]
async fn a_query_means_nothing_5() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    assert_eq!(device.gets(&hub, &token, "/desired-states?wait=60&limit=x").await.status, 200);
}
