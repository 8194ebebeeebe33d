//! Sessions that outlive their connection or do not, and connections that take each other over. (Contract §7.3; MQTT 3.1.1 §3.1.2.4, 5 §3.1.2.)
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::time::Duration;

use serde_json::json;

use crate::support::device::Device;
use crate::support::events::{EventReader, operated};
use crate::support::mqtt::{
    CONNACK, Connect, DISCONNECT, Message, MqttClient, MqttDevice, PUBLISH, SUBACK, Version, item, mqtt_device, packet,
    text,
};
use crate::support::{Clock, TestHub, eventually, hub};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

async fn hub_with_mqtt() -> TestHub {
    hub().with_realer().with_mqtt().start().await
}

/// A CONNECT whose session shall be kept.
fn keeping(device: &MqttDevice<'_>, version: Version) -> Connect {
    Connect { version, starts_clean: false, session_expiry: 60, ..device.connect() }
}

/// A client that is in, and whether it found its earlier session.
async fn resumes(device: &MqttDevice<'_>, connect: Connect) -> (MqttClient, bool) {
    let (client, connack) = device.tries(connect).await;
    assert_eq!(connack.body[1], 0, "{connack:?}");
    (client, connack.body[0] == 1)
}

/// The connection ends without a word, and the hub has seen it.
async fn breaks(hub: &TestHub, client: MqttClient) {
    drop(client);
    eventually("it is offline", || hub.core.devices_online() == 0).await;
    // Its end goes on after that, until what is kept is in its place.
    eventually("its end is done", || ended(hub, "broke") > 0).await;
}

fn ended(hub: &TestHub, reason: &str) -> u64 {
    hub.counts(&format!("mqtt_sessions_ended_total{{reason=\"{reason}\"}}"))
}

/// The next message, which the client does not acknowledge.
async fn unacknowledged(client: &mut MqttClient) -> Message {
    let packet = client.packet_of(PUBLISH).await;
    client.read_message(&packet)
}

fn acknowledge(message: &Message) -> Vec<u8> {
    packet(0x40, &message.id.unwrap().to_be_bytes())
}

#[tokio::test]
async fn a_clean_session_leaves_nothing_7_3() {
    for version in BOTH {
        let hub = hub_with_mqtt().await;
        let device = mqtt_device(&hub).await;
        let connect = Connect { version, ..device.connect() };
        let mut client = device.connects_as(connect.clone()).await;
        client.subscribes(&[&device.acks(), &device.desired()]).await;
        client.publishes(&device.readings(), &item("m", "1.0")).await;
        unacknowledged(&mut client).await;
        breaks(&hub, client).await;
        let (mut client, present) = resumes(&device, Connect { starts_clean: false, ..connect }).await;
        assert!(!present);
        client.publishes(&device.readings(), &item("m", "1.0")).await;
        client.hears_nothing().await;
        assert_eq!(hub.counts("mqtt_parked_sessions"), 0);
    }
}

#[tokio::test]
async fn a_kept_session_has_its_subscriptions_and_what_was_not_acknowledged_7_3() {
    for version in BOTH {
        let hub = hub_with_mqtt().await;
        let device = mqtt_device(&hub).await;
        let (mut client, present) = resumes(&device, keeping(&device, version)).await;
        assert!(!present);
        client.subscribes(&[&device.acks(), &device.desired()]).await;
        // Ten are in flight, and two wait for their place.
        let mut before = Vec::new();
        for nth in 0..10 {
            client.publishes(&device.readings(), &item(&format!("m{nth}"), "1.0")).await;
            before.push(unacknowledged(&mut client).await);
        }
        client.publishes(&device.readings(), &item("m10", "1.0")).await;
        client.publishes(&device.readings(), &item("m11", "1.0")).await;
        breaks(&hub, client).await;
        eventually("it is kept", || hub.counts("mqtt_parked_sessions") == 1).await;
        let body = json!({"command_id": device.it.relay.as_str(), "value": "1.0"}).to_string();
        let wish = hub.realer().wish(&device.it.id, body.as_bytes()).await.unwrap();
        let (mut client, present) = resumes(&device, keeping(&device, version)).await;
        assert!(present);
        assert_eq!(hub.counts("mqtt_parked_sessions"), 0);
        for message in before {
            let again = unacknowledged(&mut client).await;
            assert!(again.dup && !message.dup);
            assert_eq!((again.id, &again.payload), (message.id, &message.payload));
            client.sends(&acknowledge(&again)).await;
        }
        let mut rest = Vec::new();
        while rest.len() < 3 {
            let message = client.message().await;
            assert!(!message.dup);
            let told = message.json();
            let name = told.get("desired_id").unwrap_or_else(|| &told["message_id"]);
            rest.push(name.as_str().unwrap().to_owned());
        }
        rest.sort();
        assert_eq!(rest, [wish.id.as_str(), "m10", "m11"]);
        client.hears_nothing().await;
        client.publishes(&device.readings(), &item("next", "1.0")).await;
        assert_eq!(client.message().await.json()["message_id"], "next");
    }
}

#[tokio::test]
async fn a_desired_state_that_was_not_acknowledged_comes_again_as_it_was_7_3() {
    for version in BOTH {
        let hub = hub_with_mqtt().await;
        let device = mqtt_device(&hub).await;
        let (mut client, _) = resumes(&device, keeping(&device, version)).await;
        client.subscribes(&[&device.desired()]).await;
        let body = json!({"command_id": device.it.relay.as_str(), "value": "1.0"}).to_string();
        hub.realer().wish(&device.it.id, body.as_bytes()).await.unwrap();
        let first = unacknowledged(&mut client).await;
        breaks(&hub, client).await;
        let (mut client, present) = resumes(&device, keeping(&device, version)).await;
        let again = unacknowledged(&mut client).await;
        assert_eq!((present, again.dup, again.id, &again.payload), (true, true, first.id, &first.payload));
        client.hears_nothing().await;
        client.sends(&acknowledge(&again)).await;
        // Acknowledged is not answered: with a new connection it is told again.
        client.sends(&[0xe0, 0]).await;
        client.rest().await;
        let (mut client, _) = resumes(&device, keeping(&device, version)).await;
        let once_more = client.message().await;
        assert_eq!((once_more.dup, &once_more.payload), (false, &first.payload));
    }
}

/// A session that shall be kept for `wanted` seconds is kept for `kept`.
async fn is_kept(version: Version, wanted: u32, kept: u64) {
    let clock = Clock::stopped();
    let day = Duration::from_secs(86_400);
    let hub = hub().with(|config| config.realer.mqtt_credential_lifetime = day).with_realer().with_mqtt();
    let hub = hub.start().await;
    let device = mqtt_device(&hub).await;
    let connect = Connect { session_expiry: wanted, ..keeping(&device, version) };
    let (mut client, connack) = device.tries(connect.clone()).await;
    let told = [&[0x11][..], &3600u32.to_be_bytes()].concat();
    assert_eq!(connack.body.windows(5).any(|bytes| bytes == told), wanted > 3600, "{connack:?}");
    client.subscribes(&[&device.acks()]).await;
    for (after, expected) in [(kept - 5, true), (kept + 5, false)] {
        drop(client);
        eventually("it is kept", || hub.counts("mqtt_parked_sessions") == 1).await;
        tokio::time::advance(Duration::from_secs(after)).await;
        clock.passes(Duration::from_secs(1)).await;
        let present;
        (client, present) = resumes(&device, connect.clone()).await;
        assert_eq!(present, expected, "after {after} s");
    }
}

#[tokio::test]
async fn a_session_is_kept_for_its_time_7_3() {
    is_kept(Version::V5, 30, 30).await;
}

#[tokio::test]
async fn a_session_is_kept_for_an_hour_at_most_7_3() {
    is_kept(Version::V5, u32::MAX, 3600).await;
}

#[tokio::test]
async fn a_session_of_3_1_1_that_is_not_clean_is_kept_for_an_hour_7_3() {
    is_kept(Version::V3, 0, 3600).await;
}

#[tokio::test]
async fn who_starts_clean_gives_up_what_was_kept_7_3() {
    for version in BOTH {
        let hub = hub_with_mqtt().await;
        let device = mqtt_device(&hub).await;
        let (mut client, _) = resumes(&device, keeping(&device, version)).await;
        client.subscribes(&[&device.acks()]).await;
        client.publishes(&device.readings(), &item("m1", "1.0")).await;
        unacknowledged(&mut client).await;
        breaks(&hub, client).await;
        let (mut client, present) = resumes(&device, Connect { starts_clean: true, ..keeping(&device, version) }).await;
        assert!(!present);
        client.publishes(&device.readings(), &item("m2", "1.0")).await;
        client.hears_nothing().await;
        client.sends(&[0xe0, 0]).await;
        client.rest().await;
        // In 5 a session that began clean may be kept all the same; nothing of the one before is in it.
        let (mut client, present) = resumes(&device, keeping(&device, version)).await;
        assert_eq!(present, version == Version::V5);
        client.publishes(&device.readings(), &item("m3", "1.0")).await;
        client.hears_nothing().await;
    }
}

#[tokio::test]
async fn the_newest_connection_is_the_device_and_has_the_session_7_3() {
    let (builder, _token) = operated(hub().with_realer().with_mqtt());
    let hub = builder.start().await;
    let mut events = EventReader::begin(&hub, "").await;
    for version in BOTH {
        let device = mqtt_device(&hub).await;
        let id = device.it.id.to_string();
        let (mut old, _) = resumes(&device, keeping(&device, version)).await;
        old.subscribes(&[&device.acks()]).await;
        old.publishes(&device.readings(), &item("m", "1.0")).await;
        let first = unacknowledged(&mut old).await;
        let (mut new, present) = resumes(&device, keeping(&device, version)).await;
        assert!(present, "it was not parked, but taken over");
        let rest: Vec<_> = old.rest().await.iter().map(|end| (end.kind(), end.body[0])).collect();
        assert_eq!(rest, if version == Version::V3 { vec![] } else { vec![(DISCONNECT, 0x8e)] });
        let again = unacknowledged(&mut new).await;
        assert_eq!((again.dup, again.id, &again.payload), (true, first.id, &first.payload));
        assert_eq!(hub.core.devices_online(), 1);
        assert_eq!(events.hears().await, format!("online {id}"));
        assert_eq!(events.hears().await, format!("offline {id} replaced"));
        assert_eq!(events.hears().await, format!("replaced {id}"));
        new.sends(&[0xe0, 0]).await;
        new.rest().await;
        assert_eq!(events.hears().await, format!("offline {id} closed_by_device"));
    }
}

#[tokio::test]
async fn over_either_protocol_it_is_one_device_12() {
    let (builder, _token) = operated(hub().with_realer().with_mqtt());
    let hub = builder.start().await;
    let mut events = EventReader::begin(&hub, "").await;
    let device = mqtt_device(&hub).await;
    let id = device.it.id.to_string();
    let (mut over_mqtt, _) = resumes(&device, keeping(&device, Version::V5)).await;
    over_mqtt.subscribes(&[&device.desired()]).await;
    assert_eq!(events.hears().await, format!("online {id}"));
    let mut over_rtio = Device::verify_with(hub.peer().await, &id, &device.it.secret, 0).await;
    let end = over_mqtt.rest().await;
    assert_eq!((end.len(), end[0].kind(), end[0].body[0]), (1, DISCONNECT, 0x8e));
    assert_eq!(events.hears().await, format!("offline {id} replaced"));
    assert_eq!(events.hears().await, format!("replaced {id}"));
    assert_eq!(hub.core.devices_online(), 1);
    // Whatever it holds hears what it shall be.
    let body = json!({"command_id": device.it.relay.as_str(), "value": "1.0"}).to_string();
    let wish = hub.realer().wish(&device.it.id, body.as_bytes()).await.unwrap();
    let pushed = over_rtio.receives_request().await;
    assert!(String::from_utf8_lossy(&pushed.body).contains(wish.id.as_str()));
    let (mut over_mqtt, present) = resumes(&device, keeping(&device, Version::V5)).await;
    assert!(present, "its subscriptions are there");
    over_rtio.is_closed().await;
    assert_eq!(over_mqtt.message().await.json()["desired_id"], wish.id.as_str());
    assert_eq!(events.hears().await, format!("offline {id} replaced"));
    assert_eq!(events.hears().await, format!("replaced {id}"));
    assert_eq!(hub.core.devices_online(), 1);
}

#[tokio::test]
async fn a_will_is_never_published_7_3() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let (id, password) = (device.it.id.as_str(), &device.credential);
    for version in BOTH {
        let (level, none) = if version == Version::V3 { (4, vec![]) } else { (5, vec![0]) };
        for topic in [device.acks(), device.readings()] {
            let will = [none.clone(), text(&topic), text(&item("will", "66"))].concat();
            // Clean, with a will at QoS 1, a name and a password.
            let head = [text("MQTT"), vec![level, 0b1100_1110, 0, 60], none.clone(), text(id)].concat();
            let mut client = MqttClient::dials(&hub, version).await;
            client.sends(&packet(0x10, &[head, will, text(id), text(password)].concat())).await;
            assert_eq!(client.packet_of(CONNACK).await.body[1], 0);
            let before = ended(&hub, "broke");
            drop(client);
            eventually("it broke", || ended(&hub, "broke") > before).await;
        }
    }
    let mut client = device.connects().await;
    client.subscribes(&[&device.acks()]).await;
    client.hears_nothing().await;
    assert_eq!(hub.realer().store().feed_data(&device.it.id, 0, 9).await.unwrap().len(), 0);
}

#[tokio::test]
async fn after_a_restart_of_the_hub_the_session_is_gone_and_all_else_goes_on_10() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || hub().with_data_dir(folder.path()).with_mqtt().start().await;
    let before = start().await;
    let device = mqtt_device(&before).await;
    let (mut client, _) = resumes(&device, keeping(&device, Version::V5)).await;
    client.subscribes(&[&device.acks(), &device.desired()]).await;
    client.publishes(&device.readings(), &item("m", "1.0")).await;
    client.message().await;
    let MqttDevice { it, credential, .. } = device;
    let body = json!({"command_id": it.relay.as_str(), "value": "1.0"}).to_string();
    let wish = before.realer().wish(&it.id, body.as_bytes()).await.unwrap();
    client.message().await;
    before.stops().await;
    let end = client.rest().await;
    assert_eq!((end.len(), end[0].kind(), end[0].body[0]), (1, DISCONNECT, 0x8b));

    let after = start().await;
    let device = MqttDevice { hub: &after, it, credential };
    let (mut client, present) = resumes(&device, keeping(&device, Version::V5)).await;
    assert!(!present, "so that it subscribes again");
    client.hears_nothing().await;
    let subscribe = client.subscribe(1, &[&device.acks(), &device.desired()]);
    client.sends(&subscribe).await;
    assert_eq!(client.packet_of(SUBACK).await.body[3..], [1, 1]);
    assert_eq!(client.message().await.json()["desired_id"], wish.id.as_str());
    client.publishes(&device.readings(), &item("m", "1.0")).await;
    assert_eq!(client.message().await.json()["status"], "replayed");
}
