//! What a client can make the hub do and remember, at its edge: the hub stays there for others, and says what it did not do.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::time::Duration;

use rtio_server::realer::ports::CatalogChange;
use rtio_server::realer::{Command, CommandId, Resource, ResourceId};
use tokio::time::Instant;

use crate::support::mqtt::{
    CONNACK, Connect, DISCONNECT, MqttClient, MqttDevice, PINGREQ, PINGRESP, PUBACK, PUBLISH, SUBACK, UNSUBACK,
    Version, item, mqtt_device, packet, text,
};
use crate::support::{Clock, TestHub, eventually, hub};

async fn hub_with_mqtt() -> TestHub {
    hub().with_realer().with_mqtt().start().await
}

/// CONNECT of version 5 with these properties.
fn connect5_with(device: &MqttDevice<'_>, properties: &[u8]) -> Vec<u8> {
    let Connect { id, name, password, .. } = device.connect();
    let properties = [&[u8::try_from(properties.len()).unwrap()], properties].concat();
    let head = [text("MQTT"), vec![5, 0b1100_0010, 0, 60], properties].concat();
    packet(0x10, &[head, text(&id), text(&name), text(&password)].concat())
}

async fn connects_with(device: &MqttDevice<'_>, properties: &[u8]) -> MqttClient {
    let mut client = MqttClient::dials(device.hub, Version::V5).await;
    client.sends(&connect5_with(device, properties)).await;
    assert_eq!(client.packet_of(CONNACK).await.body[1], 0);
    client
}

/// §7.3: only catalog topics, no wildcards.
#[tokio::test]
async fn no_topic_but_those_of_the_device_and_its_catalog_is_read() {
    let hub = hub_with_mqtt().await;
    let (device, other) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let (acks, desired) = (device.acks(), device.desired());
    let unknown = desired.replace(device.it.relay.as_str(), other.it.relay.as_str());
    let shared = format!("$share/group/{acks}");
    let long = format!("{acks}/{}", "x".repeat(15_000));
    let forbidden = [
        "#",
        "+",
        "/",
        "a",
        "$SYS/#",
        "$SYS/broker/uptime",
        "iot/v1/devices/#",
        "iot/v1/devices/+/feed-data/acks",
        "$share/g/#",
        &shared,
        &other.acks(),
        &other.desired(),
        &other.requests(),
        &unknown,
        &device.readings(),
        &device.reports(),
        &device.responses(),
        &format!("{acks}/"),
        &format!("/{acks}"),
        &acks.to_uppercase(),
        &device.topic("#"),
        &device.topic("resources/+/commands/+/desired"),
        &long,
    ];
    for (version, refused) in [(Version::V3, 0x80), (Version::V5, 0x87)] {
        let mut client = device.connects_as(Connect { version, ..device.connect() }).await;
        let all: Vec<_> = forbidden.iter().copied().chain([&*acks, &desired]).collect();
        let mut expected = vec![refused; forbidden.len()];
        expected.extend([1, 1]);
        assert_eq!(client.subscribes(&all).await, expected);
        for topic in [&other.readings(), "$SYS/broker", "a", &desired, &acks, "+/#"] {
            let mut client = device.connects_as(Connect { version, ..device.connect() }).await;
            client.sends(&client.publish(0x32, 3, topic, item("m", "1.0").as_bytes())).await;
            client.says_no_more().await;
            let rest: Vec<_> = client.rest().await.iter().map(|packet| (packet.kind(), packet.body.clone())).collect();
            match version {
                Version::V3 => assert_eq!(rest, [], "{topic}"),
                Version::V5 => assert_eq!(rest, [(PUBACK, vec![0, 3, 0x87])], "{topic}"),
            }
        }
    }
    let kept = hub.realer().store();
    for it in [&device.it, &other.it] {
        assert!(kept.feed_data(&it.id, 0, 10).await.unwrap().is_empty());
    }
    hub.stops().await;
}

#[tokio::test]
async fn a_packet_beyond_the_limit_ends_its_connection_with_a_reason() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let longest = "t".repeat(65_535);
    for version in [Version::V3, Version::V5] {
        let connect = Connect { version, ..device.connect() };
        let client = device.connects_as(connect.clone()).await;
        let many = vec!["a"; 10_000];
        let large = [
            client.subscribe(1, &many),
            client.unsubscribe(1, &many),
            client.subscribe(1, &[&longest]),
            client.publish(0x32, 1, &longest, b"{}"),
            client.publish(0x32, 1, &device.readings(), &[b'x'; 100_000]),
        ];
        client.resets();
        for bytes in large {
            let mut client = device.connects_as(connect.clone()).await;
            client.tries_to_send(&bytes).await;
            let rest: Vec<_> = client.rest().await.iter().map(|packet| (packet.kind(), packet.body[0])).collect();
            let expected = (version == Version::V5).then_some((DISCONNECT, 0x95));
            assert_eq!(rest, expected.into_iter().collect::<Vec<_>>());
        }
    }
    hub.stops().await;
}

#[tokio::test]
async fn as_many_topics_as_one_packet_has_are_each_answered_and_so_are_ten_thousand_packets() {
    let hub = hub_with_mqtt().await;
    let (device, bystander) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let mut other = bystander.connects().await;
    let mut client = device.connects5().await;
    let many = vec!["a"; 5_000];
    assert_eq!(client.subscribes(&many).await, vec![0x87; 5_000]);
    client.sends(&client.unsubscribe(9, &many)).await;
    let unsuback = client.packet_of(UNSUBACK).await;
    assert_eq!(unsuback.body[3..], vec![0x11; 5_000]);
    let acks = device.acks();
    for round in 0..100_u16 {
        let topic = if round % 2 == 0 { &*acks } else { "$SYS/#" };
        let ids = (0..100).map(|number| round * 100 + number + 1);
        let bytes: Vec<u8> =
            ids.flat_map(|id| [client.subscribe(id, &[topic]), client.unsubscribe(id, &[topic])].concat()).collect();
        client.sends(&bytes).await;
        for _ in 0..100 {
            client.packet_of(SUBACK).await;
            client.packet_of(UNSUBACK).await;
        }
        other.pings().await;
    }
    hub.stops().await;
}

/// Each SUBSCRIBE to a desired topic reads the catalog: 256 at once, then one in 20 ms.
#[tokio::test]
async fn who_subscribes_again_and_again_waits_for_its_turn_and_others_do_not() {
    let hub = hub_with_mqtt().await;
    let (device, bystander) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let mut other = bystander.connects().await;
    let mut client = device.connects().await;
    let clock = Clock::stopped();
    let desired = device.desired();
    let bytes: Vec<u8> = (1..=300).flat_map(|id| client.subscribe(id, &[&desired])).collect();
    client.sends(&bytes).await;
    for _ in 0..256 {
        assert_eq!(client.packet_of(SUBACK).await.body[2], 1);
    }
    other.pings().await;
    client.has_heard_nothing().await;
    clock.passes(Duration::from_millis(200)).await;
    for _ in 0..9 {
        client.packet_of(SUBACK).await;
    }
    clock.passes(Duration::from_secs(1)).await;
    for _ in 265..300 {
        assert_eq!(client.packet_of(SUBACK).await.body[2], 1);
    }
    client.pings().await;
    hub.stops().await;
}

#[tokio::test]
async fn a_flood_of_pings_is_answered_and_leaves_room_to_others() {
    let hub = hub_with_mqtt().await;
    let (device, bystander) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let mut other = bystander.connects().await;
    let mut client = device.connects().await;
    for _ in 0..20 {
        client.sends(&PINGREQ.repeat(5_000)).await;
        for _ in 0..5_000 {
            client.packet_of(PINGRESP).await;
        }
        other.pings().await;
    }
    hub.stops().await;
}

/// §7.3: a client's window is ten; the oldest acknowledgements give way, and each that does is counted.
#[tokio::test]
async fn who_acknowledges_nothing_has_ten_in_flight_and_loses_acknowledgements() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let mut client = device.connects().await;
    assert_eq!(client.subscribes(&[&device.acks()]).await, [1]);
    let mut flying = Vec::new();
    for number in 0..300_u16 {
        client.sends(&client.publish(0x32, number + 1, &device.readings(), b"no item")).await;
        let mut packet = client.packet().await;
        while packet.kind() != PUBACK {
            flying.push(client.read_message(&packet).id.unwrap());
            packet = client.packet().await;
        }
    }
    assert_eq!(flying.len(), 10);
    // Ids that were never given out, and some twice, change nothing.
    for id in (20_000..21_000_u16).chain([flying[0], flying[0]]) {
        client.sends(&packet(0x40, &id.to_be_bytes())).await;
    }
    for id in &flying[1..] {
        client.sends(&packet(0x40, &id.to_be_bytes())).await;
    }
    let lost = hub.counts("mqtt_acks_dropped_total");
    assert!(lost > 100, "{lost}");
    for _ in flying.len()..300 - usize::try_from(lost).unwrap() {
        client.message().await;
    }
    client.pings().await;
    assert_eq!(hub.counts("mqtt_acks_dropped_total"), lost);
    hub.stops().await;
}

#[tokio::test]
async fn a_client_that_takes_one_message_at_a_time_gets_one_at_a_time() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let mut client = connects_with(&device, &[0x21, 0, 1]).await;
    assert_eq!(client.subscribes(&[&device.acks()]).await, [1]);
    for id in 1..=5 {
        client.sends(&client.publish(0x32, id, &device.readings(), b"no item")).await;
    }
    let mut messages = Vec::new();
    for _ in 0..6 {
        let packet = client.packet().await;
        if packet.kind() == PUBLISH {
            messages.push(client.read_message(&packet).id.unwrap());
        }
    }
    assert_eq!(messages.len(), 1);
    client.hears_nothing().await;
    client.sends(&packet(0x40, &messages[0].to_be_bytes())).await;
    for _ in 0..4 {
        client.message().await;
    }
    client.pings().await;
    // As few as none is no number of messages.
    let mut client = MqttClient::dials(&hub, Version::V5).await;
    client.sends(&connect5_with(&device, &[0x21, 0, 0])).await;
    assert_eq!(client.packet_of(CONNACK).await.body[1], 0x82);
    hub.stops().await;
}

#[tokio::test]
async fn what_is_too_large_for_a_client_is_not_sent_and_said() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let mut client = MqttClient::dials(&hub, Version::V5).await;
    client.sends(&connect5_with(&device, &[0x27, 0, 0, 0, 8])).await;
    assert!(client.rest().await.len() <= 1, "what it takes is less than a CONNACK");
    let mut client = connects_with(&device, &[0x27, 0, 0, 0, 64]).await;
    assert_eq!(client.subscribes(&[&device.acks(), &device.requests()]).await, [1, 1]);
    client.publishes(&device.readings(), &item("m-1", "20.5")).await;
    eventually("it is counted", || hub.counts("mqtt_messages_too_large_total") == 1).await;
    let reply = hub.calls(&format!("/{}/uri", device.it.id), b"x").await;
    assert_eq!((reply.status, reply.field("delivery")), (413, "not_sent".to_owned()));
    client.pings().await;
    let many = vec!["a"; 100];
    client.sends(&client.subscribe(9, &many)).await;
    assert_eq!(client.packet_of(DISCONNECT).await.body[0], 0x97);
    hub.stops().await;
}

/// What it does not read stays where it is; it is not read either, and so counts as silent.
#[tokio::test]
async fn who_reads_no_answers_is_not_read_any_more_and_ends() {
    let hub = hub_with_mqtt().await;
    let (device, bystander) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let mut other = bystander.connects().await;
    for floods in ["pings", "publishes"] {
        let mut client = MqttClient::dials_with_small_buffer(&hub, Version::V3).await;
        client.sends(&Connect { keep_alive: 1, ..device.connect() }.bytes()).await;
        assert_eq!(client.packet_of(CONNACK).await.body[1], 0);
        let at_most_once = [text(&device.acks()), vec![0]].concat();
        client.sends(&packet(0x82, &[vec![0, 1], at_most_once].concat())).await;
        client.packet_of(SUBACK).await;
        let bytes = match floods {
            "pings" => PINGREQ.repeat(20_000),
            _ => client.publish(0x30, 0, &device.readings(), b"no item").repeat(300),
        };
        let mut sent = 0;
        while client.tries_to_send(&bytes).await {
            sent += bytes.len();
            assert!(sent < 64 << 20, "the hub takes all that a client sends who reads nothing");
        }
        other.pings().await;
        let silent =
            format!("mqtt_sessions_ended_total{{reason=\"silent\"}} {}", if floods == "pings" { 1 } else { 2 });
        eventually("it counts as silent", || hub.metrics().contains(&silent)).await;
    }
    hub.stops().await;
}

/// §5.1, §7.6: desired states wait in the store; callers hear how far their call has got.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_no_messages_holds_up_neither_callers_nor_others() {
    let hub = hub_with_mqtt().await;
    let (device, bystander) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let mut other = bystander.connects().await;
    let mut client = MqttClient::dials_with_small_buffer(&hub, Version::V3).await;
    client.sends(&device.connect().bytes()).await;
    assert_eq!(client.packet_of(CONNACK).await.body[1], 0);
    assert_eq!(client.subscribes(&[&device.desired(), &device.requests()]).await, [1, 1]);
    for number in 0..400 {
        device.it.is_wished(&hub, &format!("0.{number:03}")).await;
        hub.realer().changes().tell(&device.it.id);
    }
    let path = format!("/{}/uri", device.it.id);
    let calls: Vec<_> = (0..1500)
        .map(|_| hub.is_asked("POST", Box::leak(path.clone().into_boxed_str()), &[("prefer", "wait=1")], &[b'x'; 500]))
        .collect();
    let mut tally = std::collections::BTreeMap::new();
    for call in calls {
        let (status, _, delivery) = call.await.unwrap().problem();
        *tally.entry((status, delivery)).or_insert(0) += 1;
    }
    assert_eq!(tally.values().sum::<i32>(), 1500);
    assert!(tally.keys().all(|(status, _)| [429, 504].contains(status)), "{tally:?}");
    let waiting = tally.get(&(504, "not_sent".to_owned())).copied().unwrap_or_default();
    assert!(waiting * 500 <= 64 * 1024, "64 KiB may wait: {tally:?}");
    let handed = hub.counts("mqtt_desired_states_sent_total");
    assert!(handed <= 10 + 128, "{handed}");
    other.publishes(&bystander.readings(), &item("m-1", "20.5")).await;
    hub.stops().await;
}

/// How much one SUBSCRIBE costs where the catalog is as large as it may be.
#[tokio::test]
async fn a_flood_of_subscriptions_to_a_large_catalog_leaves_room_to_others() {
    let hub = hub_with_mqtt().await;
    let (device, bystander) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let now = hub.realer().now_ms();
    let resources: Vec<_> = (0..15).map(|_| ResourceId::new(now).unwrap()).collect();
    let mut changes: Vec<_> = resources
        .iter()
        .map(|id| CatalogChange::PutResource(Resource { id: id.clone(), label: format!("r {id}") }))
        .collect();
    changes.extend((0..250).map(|_| {
        let id = CommandId::new(now).unwrap();
        let (label, resources) = (format!("c {id}"), resources.clone());
        let command = Command { id, label, resources, ..device.it.command() };
        CatalogChange::PutCommand { device: device.it.id.clone(), command }
    }));
    hub.changes_catalog(changes).await;
    let mut other = bystander.connects().await;
    let mut client = device.connects().await;
    let desired = device.desired();
    let begun = Instant::now();
    let bytes: Vec<u8> = (1..=200).flat_map(|id| client.subscribe(id, &[&desired])).collect();
    client.sends(&bytes).await;
    client.packet_of(SUBACK).await;
    other.pings().await;
    let pinged = begun.elapsed();
    for _ in 1..200 {
        client.packet_of(SUBACK).await;
    }
    assert!(pinged < begun.elapsed() / 2, "others do not wait for all of them");
    hub.stops().await;
}
