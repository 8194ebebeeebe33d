//! What becomes of what a device publishes, and how it is told. (Contract §7.3, §7.4, §7.5.)
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::time::Duration;

use rtio_server::realer::{ResourceId, SensorId};
use serde_json::{Value, json};

use crate::support::mqtt::{
    Connect, DISCONNECT, MqttClient, MqttDevice, PUBACK, PUBLISH, Version, item, mqtt_device, mqtt_device_with,
};
use crate::support::{Clock, TestHub, eventually, hub};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

async fn hub_with_mqtt() -> TestHub {
    hub().with_realer().with_mqtt().start().await
}

/// A client that hears what becomes of what it publishes.
async fn listens(device: &MqttDevice<'_>, version: Version) -> MqttClient {
    let mut client = device.connects_as(Connect { version, ..device.connect() }).await;
    assert_eq!(client.subscribes(&[&device.acks()]).await, [1]);
    client
}

/// Publishes, and hears what became of it, once.
async fn ack(client: &mut MqttClient, topic: &str, payload: &str) -> Value {
    client.publishes(topic, payload).await;
    client.message().await.json()
}

/// Values of what the device told, in their order.
async fn kept(device: &MqttDevice<'_>) -> Vec<String> {
    let records = device.hub.realer().store().feed_data(&device.it.id, 0, 1000).await.unwrap();
    records.iter().map(|record| record.value.as_str().to_owned()).collect()
}

/// An ack without what cannot be known before: when it was made, and the words of an error.
fn in_short(mut ack: Value) -> Value {
    let ack_at = ack.as_object_mut().unwrap().shift_remove("acknowledged_at").unwrap();
    let at: jiff::Timestamp = ack_at.as_str().unwrap().parse().unwrap();
    assert!((at - jiff::Timestamp::now()).total(jiff::Unit::Second).unwrap().abs() < 20.0, "{ack_at}");
    if let Some(message) = ack.pointer_mut("/error/message") {
        assert!(message.as_str().is_some_and(|text| !text.is_empty()));
        *message = Value::Null;
    }
    ack
}

#[tokio::test]
async fn an_ack_says_which_source_and_what_became_of_it_7_5() {
    let hub = hub_with_mqtt().await;
    for version in BOTH {
        let device = mqtt_device(&hub).await;
        let mut client = listens(&device, version).await;
        for (topic, source, id) in [
            (device.readings(), "sensor_id", device.it.thermistor.as_str()),
            (device.reports(), "command_id", device.it.relay.as_str()),
        ] {
            let created = in_short(ack(&mut client, &topic, &item("m1", "1.0")).await);
            let number = created["feed_data_id"].as_u64().unwrap();
            let mut expected = json!({
                "message_id": "m1", source: id, "status": "created", "retryable": false, "feed_data_id": number,
                "warnings": []
            });
            assert_eq!(created, expected);
            expected["status"] = json!("replayed");
            assert_eq!(in_short(ack(&mut client, &topic, &item("m1", "1.0")).await), expected);
            let error = json!({"type": "message_conflict", "message": null});
            let expected = json!({
                "message_id": "m1", source: id, "status": "rejected", "retryable": false, "error": error
            });
            assert_eq!(in_short(ack(&mut client, &topic, &item("m1", "2.0")).await), expected);
        }
        assert_eq!(kept(&device).await, ["1.0", "1.0"]);
    }
}

#[tokio::test]
async fn what_is_no_item_is_rejected_and_is_not_to_be_sent_again_7_5() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let time = "2026-05-12T08:31:10Z";
    for version in BOTH {
        let mut client = listens(&device, version).await;
        for (payload, message, kind) in [
            ("", Value::Null, "bad_request"),
            ("on", Value::Null, "bad_request"),
            ("{", Value::Null, "bad_request"),
            ("\u{feff}{}", Value::Null, "bad_request"),
            (&json!([item("m", "1")]).to_string(), Value::Null, "validation_failed"),
            ("{}", Value::Null, "validation_failed"),
            (&json!({"message_id": "m2", "value_received_at": time}).to_string(), json!("m2"), "validation_failed"),
            (
                &json!({"message_id": "m3", "value": [1], "value_received_at": time}).to_string(),
                json!("m3"),
                "validation_failed",
            ),
            (
                &json!({"message_id": "m4", "value": "1.0", "value_received_at": "today"}).to_string(),
                json!("m4"),
                "validation_failed",
            ),
            (&item("m5", ""), json!("m5"), "validation_failed"),
            (&item(&"m".repeat(129), "1.0"), json!("m".repeat(129)), "validation_failed"),
            (
                &json!({"message_id": "m6", "value": "1.0", "value_received_at": time, "report_status": "applied"})
                    .to_string(),
                json!("m6"),
                "validation_failed",
            ),
        ] {
            let told = ack(&mut client, &device.readings(), payload).await;
            assert_eq!((&told["status"], &told["retryable"]), (&json!("rejected"), &json!(false)), "{payload}: {told}");
            assert_eq!(told["error"]["type"], kind, "{payload}: {told}");
            assert_eq!(told["message_id"], message, "{payload}: {told}");
            assert_eq!(told["sensor_id"], device.it.thermistor.as_str());
            assert!(told.get("feed_data_id").is_none() && told.get("warnings").is_none(), "{told}");
        }
    }
    assert_eq!(kept(&device).await, [""; 0]);
}

#[tokio::test]
async fn a_route_that_the_catalog_does_not_have_is_not_found_7_5() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let (sensor, resource) = (SensorId::new(1).unwrap(), ResourceId::new(1).unwrap());
    let topics = [
        device.topic(&format!("resources/{}/sensors/{sensor}/feed-data", device.it.resource)),
        device.topic(&format!("resources/{resource}/sensors/{}/feed-data", device.it.thermistor)),
        device.topic(&format!("resources/{resource}/commands/{}/feed-data", device.it.relay)),
    ];
    for version in BOTH {
        let mut client = listens(&device, version).await;
        let payloads = [item("m", "1.0"), "{}".to_owned()];
        for (topic, payload) in topics.iter().flat_map(|topic| payloads.iter().map(move |payload| (topic, payload))) {
            let told = ack(&mut client, topic, payload).await;
            assert_eq!((&told["status"], &told["retryable"]), (&json!("rejected"), &json!(false)));
            assert_eq!(told["error"]["type"], "resource_not_found");
        }
        // It goes on with what there is, and a message id that was refused is free.
        assert_eq!(ack(&mut client, &device.readings(), &item("m", "1.0")).await["error"], Value::Null);
    }
}

#[tokio::test]
async fn topics_of_others_and_topics_to_read_are_not_published_to_7_3() {
    let hub = hub_with_mqtt().await;
    let (device, other) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    for topic in [
        other.readings(),
        other.responses(),
        device.acks(),
        device.desired(),
        device.requests(),
        device.topic("feed-data"),
        device.readings().replace("sensors", "commands"),
        format!("{}/", device.readings()),
        "$SYS/x".to_owned(),
    ] {
        let mut client = device.connects().await;
        let publish = client.publish(0x32, 7, &topic, item("m", "1.0").as_bytes());
        client.sends(&publish).await;
        assert_eq!(client.rest().await, [], "{topic}");

        let mut client = device.connects5().await;
        let publish = client.publish(0x32, 7, &topic, item("m", "1.0").as_bytes());
        client.sends(&publish).await;
        assert_eq!(client.packet_of(PUBACK).await.body, [0, 7, 0x87], "{topic}");
        let publish = client.publish(0x30, 0, &topic, item("m", "1.0").as_bytes());
        client.sends(&publish).await;
        let rest = client.rest().await;
        assert_eq!((rest.len(), rest[0].kind(), rest[0].body[0]), (1, DISCONNECT, 0x87), "{topic}");
    }
    assert_eq!((kept(&device).await, kept(&other).await), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_payload_beyond_the_plan_is_too_large_and_the_next_one_is_taken_7_5() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let padded = |message: &str, len: usize| {
        let bare = item(message, "1.0");
        format!("{}{}", bare, " ".repeat(len - bare.len()))
    };
    for (version, message) in [(Version::V3, "a"), (Version::V5, "b")] {
        let mut client = listens(&device, version).await;
        let told = ack(&mut client, &device.readings(), &padded(message, 5121)).await;
        assert_eq!((&told["error"]["type"], &told["retryable"]), (&json!("payload_too_large"), &json!(false)));
        let told = ack(&mut client, &device.readings(), &padded(message, 5120)).await;
        assert_eq!(told["status"], "created", "§7.1: 5120 is what the catalog says");
    }
}

#[tokio::test]
async fn who_publishes_too_often_is_told_when_to_try_again_7_5() {
    let clock = Clock::stopped();
    let hub = hub_with_mqtt().await;
    let device = mqtt_device_with(&hub, |settings| settings.plan.minimum_interval_ms = Some(50_000)).await;
    let mut client = listens(&device, Version::V3).await;
    let mut number = 0;
    let told = loop {
        let told = ack(&mut client, &device.readings(), &item(&format!("m{number}"), "1.0")).await;
        if told["status"] == "rejected" {
            break told;
        }
        number += 1;
    };
    assert_eq!(number, 32, "a tenth of the interval, and 32 at once");
    assert_eq!((&told["error"]["type"], &told["retryable"]), (&json!("rate_limited"), &json!(true)));
    assert_eq!(told["error"]["retry_after"], 5);
    assert_eq!(told["message_id"], "m32");
    clock.passes(Duration::from_secs(5)).await;
    assert_eq!(ack(&mut client, &device.readings(), &item("m32", "1.0")).await["status"], "created");
}

#[tokio::test]
async fn retain_is_rejected_in_3_1_1_and_ends_the_connection_in_5_7_3() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let mut client = listens(&device, Version::V3).await;
    for (first, quality) in [(0x33, 1), (0x31, 0)] {
        let publish = client.publish(first, 9, &device.readings(), item("m", "1.0").as_bytes());
        client.sends(&publish).await;
        if quality == 1 {
            assert_eq!(client.packet_of(PUBACK).await.body, [0, 9]);
        }
        let told = client.message().await.json();
        assert_eq!((&told["error"]["type"], &told["message_id"]), (&json!("validation_failed"), &json!("m")));
        assert!(told["error"].to_string().contains("retain") || told["error"].get("details").is_none(), "{told}");
    }
    assert_eq!(ack(&mut client, &device.readings(), &item("m", "1.0")).await["status"], "created");
    let mut client = listens(&device, Version::V5).await;
    let publish = client.publish(0x33, 9, &device.readings(), item("m5", "1.0").as_bytes());
    client.sends(&publish).await;
    let end = client.packet_of(DISCONNECT).await;
    assert_eq!(end.body[0], 0x9a);
    assert_eq!(kept(&device).await, ["1.0"]);
}

#[tokio::test]
async fn at_most_once_is_taken_too_and_exactly_once_is_not_7_3() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for (version, message) in [(Version::V3, "a"), (Version::V5, "b")] {
        let mut client = listens(&device, version).await;
        let publish = client.publish(0x30, 0, &device.readings(), item(message, "1.0").as_bytes());
        client.sends(&publish).await;
        assert_eq!(client.message().await.json()["status"], "created");
        let publish = client.publish(0x34, 1, &device.readings(), item("twice", "1.0").as_bytes());
        client.sends(&publish).await;
        let rest: Vec<_> = client.rest().await.iter().map(|end| (end.kind(), end.body.clone())).collect();
        let expected = if version == Version::V3 { vec![] } else { vec![(DISCONNECT, 0x9b)] };
        assert_eq!(rest.iter().map(|(kind, body)| (*kind, body[0])).collect::<Vec<_>>(), expected);
    }
    assert_eq!(kept(&device).await.len(), 2);
}

#[tokio::test]
async fn each_publish_has_one_ack_duplicates_too_7_5() {
    for version in BOTH {
        let hub = hub_with_mqtt().await;
        let device = mqtt_device(&hub).await;
        let mut client = listens(&device, version).await;
        let payload = item("m", "1.0");
        // The same bytes again and again: as a client does that has heard nothing.
        let publishes =
            [0x32, 0x3a, 0x3a, 0x30].map(|first| client.publish(first, 5, &device.readings(), payload.as_bytes()));
        client.sends(&publishes.concat()).await;
        let (mut pubacks, mut acks) = (0, Vec::new());
        while pubacks + acks.len() < 7 {
            let packet = client.packet().await;
            match packet.kind() {
                PUBACK => pubacks += 1,
                _ => acks.push(client.read_message(&packet).json()["status"].clone()),
            }
        }
        assert_eq!(
            (pubacks, acks),
            (3, vec![json!("created"), json!("replayed"), json!("replayed"), json!("replayed")])
        );
        client.hears_nothing().await;
    }
}

/// The ids of so many PUBACKs, and the message ids of as many acks, which are acknowledged.
async fn acknowledged(client: &mut MqttClient, count: usize) -> (Vec<u16>, Vec<String>) {
    let (mut pubacks, mut acks) = (Vec::new(), Vec::new());
    while pubacks.len() < count || acks.len() < count {
        let packet = client.packet().await;
        if packet.kind() == PUBACK {
            pubacks.push(u16::from_be_bytes([packet.body[0], packet.body[1]]));
            continue;
        }
        assert_eq!(packet.kind(), PUBLISH);
        let message = client.read_message(&packet);
        assert_eq!(message.json()["status"], "created");
        acks.push(message.json()["message_id"].as_str().unwrap().to_owned());
        client.sends(&packet_of_ack(message.id.unwrap())).await;
    }
    (pubacks, acks)
}

fn packet_of_ack(id: u16) -> Vec<u8> {
    crate::support::mqtt::packet(0x40, &id.to_be_bytes())
}

#[tokio::test]
async fn a_burst_is_taken_and_acknowledged_in_its_order_7_5() {
    for version in BOTH {
        let hub = hub_with_mqtt().await;
        let device = mqtt_device(&hub).await;
        let mut client = listens(&device, version).await;
        let burst = (1..=50).map(|id| {
            let topics = [device.readings(), device.reports()];
            client.publish(
                0x32,
                id,
                &topics[usize::from(id) % 2],
                item(&format!("m{id}"), &format!("{id}.0")).as_bytes(),
            )
        });
        let burst = burst.collect::<Vec<_>>().concat();
        client.sends(&burst).await;
        let (pubacks, acks) = acknowledged(&mut client, 50).await;
        assert_eq!(pubacks, (1..=50).collect::<Vec<_>>());
        assert_eq!(acks, (1..=50).map(|id| format!("m{id}")).collect::<Vec<_>>());
        assert_eq!(kept(&device).await, (1..=50).map(|id| format!("{id}.0")).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn what_was_published_before_goodbye_is_kept_7_4() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let ways = BOTH.into_iter().flat_map(|version| [(version, 0x30), (version, 0x32)]);
    for (way, (version, first)) in ways.enumerate() {
        let mut client = device.connects_as(Connect { version, ..device.connect() }).await;
        let publish =
            |nth: u16| client.publish(first, nth, &device.readings(), item(&format!("{way}-{nth}"), "1.0").as_bytes());
        // DISCONNECT in the same breath, as a tool does that publishes one value and ends.
        let bytes = [publish(1), publish(2), publish(3), vec![0xe0, 0]].concat();
        client.sends(&bytes).await;
        client.rest().await;
        assert_eq!(kept(&device).await.len(), 3 * (way + 1), "{version:?} {first}");
    }
    let ended = "mqtt_sessions_ended_total{reason=\"left\"}";
    eventually("it left by itself", || hub.counts(ended) == 4).await;
}

#[tokio::test]
async fn what_is_published_is_what_callers_read_12() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let mut client = listens(&device, Version::V5).await;
    let told = ack(&mut client, &device.readings(), &item("m1", "21.5")).await;
    let page = hub.calls(&format!("/{}/iot/v1/feed-data", device.it.id), b"").await.json();
    assert_eq!(page["feed_data"][0]["feed_data_id"], told["feed_data_id"]);
    let state = hub.calls(&format!("/{}/iot/v1/state", device.it.id), b"").await.json();
    assert_eq!((&state["online"], &state["sensors"][0]["reported"]["value"]), (&json!(true), &json!("21.5")));
}

#[tokio::test]
async fn who_does_not_listen_to_acks_is_told_by_puback_alone_7_3() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let mut client = device.connects().await;
    client.publishes(&device.readings(), &item("m1", "1.0")).await;
    client.publishes(&device.readings(), "{").await;
    client.hears_nothing().await;
    assert_eq!(client.subscribes(&[&device.acks()]).await, [1]);
    client.hears_nothing().await;
    assert_eq!(kept(&device).await, ["1.0"]);
}
