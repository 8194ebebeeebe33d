//! How long a credential counts, and for what. (Contract §7.2.)

use std::time::Duration;

use rtio_server::realer::Subscription;
use serde_json::json;

use crate::support::events::{operated, operates};
use crate::support::mqtt::{
    ALL_SCOPES, Connect, DISCONNECT, MqttClient, MqttDevice, PINGREQ, PINGRESP, Version, credential_for, item,
    mqtt_device,
};
use crate::support::realer::bearer;
use crate::support::{Clock, TestHub, hub};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

async fn hub_with_mqtt() -> TestHub {
    hub().with_realer().with_mqtt().start().await
}

fn with(device: &MqttDevice<'_>, version: Version, password: &str) -> Connect {
    Connect { version, password: password.to_owned(), keep_alive: 0, ..device.connect() }
}

/// CONNACK's code in 3.1.1 and in 5.
async fn refusals(device: &MqttDevice<'_>) -> (u8, u8) {
    let codes = [device.connect(), device.connect5()].map(async |connect| device.tries(connect).await.1.body[1]);
    let [three, five] = codes;
    (three.await, five.await)
}

/// The hub ends it, and says why where there is a word for it.
async fn is_ended(mut client: MqttClient, version: Version, reason: u8) {
    let rest: Vec<_> = client.rest().await.iter().map(|packet| (packet.kind(), packet.body.clone())).collect();
    let expected = if version == Version::V3 { vec![] } else { vec![(DISCONNECT, vec![reason])] };
    assert_eq!(rest.iter().map(|(kind, body)| (*kind, body[..1].to_vec())).collect::<Vec<_>>(), expected);
}

async fn lives(client: &mut MqttClient) {
    client.sends(&PINGREQ).await;
    client.packet_of(PINGRESP).await;
}

const BAD: (u8, u8) = (4, 0x86);
const NOT_NOW: (u8, u8) = (5, 0x87);

#[tokio::test]
async fn a_session_ends_with_its_credential_and_no_other_begins_7_2() {
    let clock = Clock::stopped();
    let lifetime = Duration::from_secs(60);
    for version in BOTH {
        let hub = hub().with(|config| config.realer.mqtt_credential_lifetime = lifetime).with_realer();
        let hub = hub.with_mqtt().start().await;
        let device = mqtt_device(&hub).await;
        let keep_alive = if version == Version::V3 { 0 } else { 3600 };
        let connect = Connect { version, keep_alive, ..device.connect() };
        let mut client = device.connects_as(connect).await;
        clock.passes(Duration::from_secs(59)).await;
        lives(&mut client).await;
        // Sessions are looked at every four seconds.
        clock.passes(Duration::from_secs(5)).await;
        is_ended(client, version, 0x87).await;
        assert_eq!(refusals(&device).await, BAD);
        assert_eq!(hub.counts("mqtt_sessions_ended_total{reason=\"expired\"}"), 1);
        assert_eq!(hub.core.devices_online(), 0);
        let newer = credential_for(&hub, &device.it, ALL_SCOPES).await;
        device.connects_as(with(&device, version, &newer)).await;
    }
}

#[tokio::test]
async fn the_one_before_counts_until_its_own_time_is_over_7_2() {
    let clock = Clock::stopped();
    let hub = hub().with(|config| config.realer.mqtt_credential_lifetime = Duration::from_secs(100)).with_realer();
    let hub = hub.with_mqtt().start().await;
    let device = mqtt_device(&hub).await;
    clock.leaps(Duration::from_secs(80)).await;
    let newer = credential_for(&hub, &device.it, ALL_SCOPES).await;
    for password in [&newer, &device.credential, &newer, &device.credential] {
        device.connects_as(with(&device, Version::V3, password)).await;
    }
    let mut renewed = device.connects_as(with(&device, Version::V3, &newer)).await;
    clock.leaps(Duration::from_secs(30)).await;
    assert_eq!(refusals(&device).await, BAD, "the one before is over");
    lives(&mut renewed).await;
    clock.leaps(Duration::from_secs(100)).await;
    is_ended(renewed, Version::V3, 0).await;
}

#[tokio::test]
async fn rights_are_those_of_the_token_that_asked_7_2() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for (scopes, publishes, acks, desired) in [
        ("iot:mqtt:connect", false, false, false),
        ("iot:mqtt:connect iot:mqtt:feed-data:write", true, false, false),
        ("iot:mqtt:connect iot:mqtt:ack:read", false, true, false),
        ("iot:mqtt:connect iot:mqtt:desired:read", false, false, true),
        (ALL_SCOPES, true, true, true),
    ] {
        let credential = credential_for(&hub, &device.it, scopes).await;
        for (version, refused) in [(Version::V3, 0x80), (Version::V5, 0x87)] {
            let mut client = device.connects_as(with(&device, version, &credential)).await;
            let (acks_topic, desired_topic, requests) = (device.acks(), device.desired(), device.requests());
            let topics = [&*acks_topic, &desired_topic, &requests];
            let expected = [acks, desired, desired].map(|allowed| u8::from(allowed).max(u8::from(!allowed) * refused));
            assert_eq!(client.subscribes(&topics).await, expected, "{scopes}");
            let publish = client.publish(0x32, 9, &device.readings(), item("m", "1.0").as_bytes());
            client.sends(&publish).await;
            match (publishes, version) {
                (true, _) => assert_eq!(client.packet().await.body, [0, 9], "{scopes}"),
                (false, Version::V5) => assert_eq!(client.packet().await.body, [0, 9, 0x87], "{scopes}"),
                (false, Version::V3) => assert_eq!(client.rest().await, [], "{scopes}"),
            }
        }
    }
}

#[tokio::test]
async fn without_the_scope_to_connect_there_is_no_credential_7_2() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let token = device.it.token_for(&hub, "iot:catalog:read iot:mqtt:feed-data:write").await;
    let headers = [("authorization", &*bearer(&token)), ("content-type", "application/json")];
    let reply = hub.asks("POST", "/iot/v1/mqtt-credentials", &headers, b"{}").await;
    assert_eq!((reply.status, &reply.json()["error"]["type"]), (403, &json!("insufficient_scope")));
}

#[tokio::test]
async fn what_happens_to_the_token_later_does_not_matter_7_2() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let token = device.it.token_for(&hub, ALL_SCOPES).await;
    let headers = [("authorization", &*bearer(&token)), ("content-type", "application/json")];
    let credential = hub.asks("POST", "/iot/v1/mqtt-credentials", &headers, b"{}").await.field("mqtt_credential");
    let mut before = device.connects_as(with(&device, Version::V5, &credential)).await;
    let revoke = [("authorization", &*device.it.basic()), ("content-type", crate::support::realer::FORM)];
    let reply = hub.asks("POST", "/oauth/revoke", &revoke, format!("token={token}").as_bytes()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(hub.asks("POST", "/iot/v1/mqtt-credentials", &headers, b"{}").await.status, 401);
    // Nor does a newer one with fewer rights.
    device.it.token_for(&hub, "iot:mqtt:connect").await;
    lives(&mut before).await;
    assert_eq!(before.subscribes(&[&device.acks()]).await, [1]);
    let mut after = device.connects_as(with(&device, Version::V5, &credential)).await;
    assert_eq!(after.subscribes(&[&device.acks(), &device.desired()]).await, [1, 1]);
}

#[tokio::test]
async fn operators_end_sessions_by_taking_away_what_stands_behind_the_credential_7_2() {
    let (builder, _token) = operated(hub().with_realer().with_mqtt());
    let hub = builder.start().await;
    for (method, route, code) in [
        ("POST", "/v1/registry/devices/ID/disable", BAD),
        ("POST", "/v1/registry/devices/ID/rotate?old=drop", BAD),
        ("POST", "/v1/realer/devices/ID/rotate?old=drop", BAD),
        ("DELETE", "/v1/realer/devices/ID", NOT_NOW),
    ] {
        for version in BOTH {
            let device = mqtt_device(&hub).await;
            let client = device.connects_as(Connect { version, ..device.connect() }).await;
            let reply = operates(&hub, method, &route.replace("ID", device.it.id.as_str())).await;
            assert!((200..300).contains(&reply.status), "{route}: {reply:?}");
            is_ended(client, version, 0x87).await;
            assert_eq!(refusals(&device).await, code, "{route}");
            assert!(hub.core.info(&device.it.id).is_none(), "{route}");
        }
    }
}

#[tokio::test]
async fn without_a_subscription_the_session_ends_and_comes_back_with_it_7_2() {
    let hub = hub_with_mqtt().await;
    for version in BOTH {
        let device = mqtt_device(&hub).await;
        let client = device.connects_as(Connect { version, ..device.connect() }).await;
        device.it.is_changed(&hub, |settings| settings.subscription = Subscription::Inactive).await;
        is_ended(client, version, 0x87).await;
        assert_eq!(refusals(&device).await, NOT_NOW);
        device.it.is_changed(&hub, |_| {}).await;
        assert_eq!(refusals(&device).await, NOT_NOW, "it has lost MQTT with that");
        device.it.is_changed(&hub, |settings| settings.protocols.mqtt = true).await;
        let mut client = device.connects_as(Connect { version, ..device.connect() }).await;
        client.publishes(&device.readings(), &item("m", "1.0")).await;
    }
}
