//! Desired states on their way to a device that listens, and its answers. (Contract §7.3, §7.6, §5.1.)

use std::time::Duration;

use rtio_server::realer::ports::CatalogChange;
use rtio_server::realer::{Command, Resource, ResourceId};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::support::mqtt::{Connect, MqttClient, MqttDevice, UNSUBACK, Version, mqtt_device};
use crate::support::{Reply, TestHub, hub};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

async fn hub_with_mqtt() -> TestHub {
    hub().with_realer().with_mqtt().start().await
}

/// A client that listens to acks and to what its relay shall be.
async fn listens(device: &MqttDevice<'_>, version: Version) -> MqttClient {
    let mut client = device.connects_as(Connect { version, ..device.connect() }).await;
    assert_eq!(client.subscribes(&[&device.acks(), &device.desired()]).await, [1, 1]);
    client
}

fn wish_of(device: &MqttDevice<'_>, value: &str) -> Value {
    json!({"command_id": device.it.relay.as_str(), "value": value})
}

/// A caller that waits for what becomes of its wish.
fn is_wished(device: &MqttDevice<'_>, wish: &Value) -> JoinHandle<Reply> {
    let path = format!("/{}/iot/v1/desired", device.it.id);
    device.hub.is_asked("POST", &path, &[("prefer", "wait=15")], wish.to_string().as_bytes())
}

/// A caller that does not wait; the id of what it wants.
async fn wishes(device: &MqttDevice<'_>, wish: &Value) -> Value {
    let path = format!("/{}/iot/v1/desired", device.it.id);
    let reply = device.hub.asks("POST", &path, &[("prefer", "wait=0")], wish.to_string().as_bytes()).await;
    assert_eq!(reply.status, 202, "{reply:?}");
    reply.json()["desired_id"].clone()
}

fn report(message: &str, desired: &Value, status: &str) -> String {
    json!({
        "message_id": message, "value": desired["value"], "value_received_at": "2026-05-12T08:31:12Z",
        "desired_id": desired["desired_id"], "sequence_number": desired["sequence_number"], "report_status": status,
    })
    .to_string()
}

#[tokio::test]
async fn a_wish_is_pushed_at_once_and_its_answer_is_the_callers_7_6() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut client = listens(&device, version).await;
        for status in ["applied", "rejected", "stale"] {
            let begun = Instant::now();
            let caller = is_wished(&device, &wish_of(&device, "1.0"));
            let message = client.message().await;
            assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
            assert_eq!((message.topic.clone(), message.id.is_some(), message.dup), (device.desired(), true, false));
            let desired = message.json();
            assert_eq!(desired["resource_id"], device.it.resource.as_str());
            let fields: Vec<_> = desired.as_object().unwrap().keys().cloned().collect();
            let expected =
                ["desired_id", "command_id", "resource_id", "value", "sequence_number", "issued_at", "expires_at"];
            assert_eq!(fields, expected);
            client.publishes(&device.reports(), &report(&format!("{version:?}-{status}"), &desired, status)).await;
            let ack = client.message().await.json();
            assert_eq!((&ack["status"], &ack["warnings"]), (&json!("created"), &json!([])));
            let told = caller.await.unwrap();
            assert_eq!((told.status, &told.json()["status"]), (200, &json!(status)));
            assert_eq!(told.json()["reported"]["feed_data_id"], ack["feed_data_id"]);
        }
        client.hears_nothing().await;
    }
}

#[tokio::test]
async fn what_is_open_is_told_with_each_subscription_7_3() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let first = wishes(&device, &wish_of(&device, "0.5")).await;
    let open = wishes(&device, &wish_of(&device, "1.0")).await;
    assert_ne!(first, open, "which is superseded");
    for version in BOTH {
        let mut client = device.connects_as(Connect { version, ..device.connect() }).await;
        client.hears_nothing().await;
        for _ in 0..3 {
            assert_eq!(client.subscribes(&[&device.desired()]).await, [1]);
            assert_eq!(client.message().await.json()["desired_id"], open);
            client.hears_nothing().await;
        }
    }
    let mut client = listens(&device, Version::V3).await;
    let desired = client.message().await.json();
    client.publishes(&device.reports(), &report("m", &desired, "applied")).await;
    client.message().await;
    client.subscribes(&[&device.desired()]).await;
    client.hears_nothing().await;
}

#[tokio::test]
async fn what_has_expired_is_not_told_5_1() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let mut wish = wish_of(&device, "1.0");
    wish["expires_in"] = json!(1);
    let over = is_wished(&device, &wish).await.unwrap();
    assert_eq!(over.json()["status"], "expired");
    let mut client = listens(&device, Version::V5).await;
    client.hears_nothing().await;
    let open = wishes(&device, &wish_of(&device, "0.0")).await;
    assert_eq!(client.message().await.json()["desired_id"], open);
}

#[tokio::test]
async fn who_does_not_listen_hears_nothing_until_it_does_and_nothing_after_it_did_7_6() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut client = device.connects_as(Connect { version, ..device.connect() }).await;
        assert_eq!(client.subscribes(&[&device.acks()]).await, [1]);
        let early = wishes(&device, &wish_of(&device, "1.0")).await;
        client.hears_nothing().await;
        assert_eq!(client.subscribes(&[&device.desired()]).await, [1]);
        assert_eq!(client.message().await.json()["desired_id"], early);
        let next = wishes(&device, &wish_of(&device, "0.0")).await;
        assert_eq!(client.message().await.json()["desired_id"], next);
        let unsubscribe = client.unsubscribe(77, &[&device.desired(), &device.desired()]);
        client.sends(&unsubscribe).await;
        let expected = if version == Version::V3 { vec![0, 77] } else { vec![0, 77, 0, 0, 0x11] };
        assert_eq!(client.packet_of(UNSUBACK).await.body, expected);
        let late = wishes(&device, &wish_of(&device, "1.0")).await;
        client.hears_nothing().await;
        assert_eq!(client.subscribes(&[&device.desired()]).await, [1]);
        assert_eq!(client.message().await.json()["desired_id"], late);
    }
}

#[tokio::test]
async fn a_command_of_two_resources_has_two_routes_7_1() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let south = ResourceId::new(hub.realer().now_ms()).unwrap();
    let resources = vec![device.it.resource.clone(), south.clone()];
    let command = Command { resources, ..device.it.command() };
    hub.changes_catalog(vec![
        CatalogChange::PutResource(Resource { id: south.clone(), label: "south".to_owned() }),
        CatalogChange::PutCommand { device: device.it.id.clone(), command },
    ])
    .await;
    let elsewhere = device.desired().replace(device.it.resource.as_str(), south.as_str());
    let mut client = device.connects().await;
    assert_eq!(client.subscribes(&[&elsewhere, &device.acks()]).await, [1, 1]);
    let mut here = wish_of(&device, "1.0");
    here["resource_id"] = json!(device.it.resource.as_str());
    let mut there = wish_of(&device, "0.5");
    there["resource_id"] = json!(south.as_str());
    let here = wishes(&device, &here).await;
    client.hears_nothing().await;
    let caller = is_wished(&device, &there);
    let message = client.message().await;
    assert_eq!((&message.topic, &message.json()["resource_id"]), (&elsewhere, &json!(south.as_str())));
    assert_eq!(client.subscribes(&[&device.desired()]).await, [1]);
    let first = client.message().await;
    assert_eq!((first.topic.clone(), first.json()["desired_id"].clone()), (device.desired(), here), "both are open");
    let route = device.reports().replace(device.it.resource.as_str(), south.as_str());
    client.publishes(&route, &report("m", &message.json(), "applied")).await;
    assert_eq!(client.message().await.json()["status"], "created");
    assert_eq!(caller.await.unwrap().json()["status"], "applied");
}

#[tokio::test]
async fn a_topic_of_no_route_of_ones_own_is_not_subscribed_to_7_3() {
    for (version, refused) in [(Version::V3, 0x80), (Version::V5, 0x87)] {
        let hub = hub_with_mqtt().await;
        let (device, other) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
        let unrelated = device.desired().replace(device.it.resource.as_str(), other.it.resource.as_str());
        let foreign = other.desired();
        let (readings, desired) = (device.readings(), device.desired());
        let mut client = device.connects_as(Connect { version, ..device.connect() }).await;
        let topics = ["#", "+", &*foreign, &*unrelated, &*readings, "$share/g/x", &*desired];
        let mut expected = vec![refused; 6];
        expected.push(1);
        assert_eq!(client.subscribes(&topics).await, expected);
        wishes(&other, &wish_of(&other, "1.0")).await;
        let wish = wishes(&device, &wish_of(&device, "1.0")).await;
        assert_eq!(client.message().await.json()["desired_id"], wish);
        client.hears_nothing().await;
    }
}

#[tokio::test]
async fn an_answer_to_what_is_superseded_or_anothers_is_told_so_5_1() {
    let hub = hub_with_mqtt().await;
    let (device, other) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let theirs = wishes(&other, &wish_of(&other, "1.0")).await;
    let mut client = listens(&device, Version::V5).await;
    wishes(&device, &wish_of(&device, "1.0")).await;
    let old = client.message().await.json();
    let caller = is_wished(&device, &wish_of(&device, "0.5"));
    let new = client.message().await.json();
    client.publishes(&device.reports(), &report("late", &old, "applied")).await;
    let ack = client.message().await.json();
    assert_eq!((&ack["status"], &ack["warnings"][0]["type"]), (&json!("created"), &json!("desired_state_closed")));
    let forged = json!({"desired_id": theirs, "value": "1.0", "sequence_number": 1});
    client.publishes(&device.reports(), &report("forged", &forged, "applied")).await;
    assert_eq!(client.message().await.json()["error"]["type"], "validation_failed");
    client.publishes(&device.readings(), &report("sensor", &new, "applied")).await;
    assert_eq!(client.message().await.json()["error"]["type"], "validation_failed");
    client.publishes(&device.reports(), &report("done", &new, "applied")).await;
    assert_eq!(client.message().await.json()["status"], "created");
    assert_eq!(caller.await.unwrap().json()["status"], "applied");
}
