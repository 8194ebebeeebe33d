//! Clients that mean harm, or are broken. Each costs itself only: another device's session goes on, and the hub stops in good order
//! afterwards.

use std::time::Duration;

use crate::support::mqtt::{
    CONNACK, Connect, DISCONNECT, MqttClient, MqttDevice, PINGREQ, PUBACK, Packet, SUBACK, Version, item, mqtt_device,
    packet, text,
};
use crate::support::{Clock, Peer, TestHub, eventually, hub, within};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

async fn hub_with_mqtt() -> TestHub {
    hub().with_realer().with_mqtt().start().await
}

/// Sessions that have ended so far, for whatever reason.
fn ended(hub: &TestHub) -> u64 {
    let metrics = hub.metrics();
    let lines = metrics.lines().filter(|line| line.starts_with("rtio_mqtt_sessions_ended_total{"));
    lines.map(|line| line.rsplit(' ').next().and_then(|count| count.parse::<u64>().ok()).expect("a number")).sum()
}

fn connect(device: &MqttDevice<'_>, version: Version) -> Connect {
    Connect { version, ..device.connect() }
}

/// A packet that no client may send.
struct Wrong {
    name: &'static str,
    bytes: Vec<u8>,
    /// What version 5 says of it.
    reason: u8,
}

fn wrong(name: &'static str, bytes: Vec<u8>, reason: u8) -> Wrong {
    Wrong { name, bytes, reason }
}

const MALFORMED: u8 = 0x81;
const PROTOCOL_ERROR: u8 = 0x82;
const TOO_LARGE: u8 = 0x95;

/// What is wrong in both versions: `none` are the properties where there are none.
fn wrong_in_both(device: &MqttDevice<'_>, none: &[u8]) -> Vec<Wrong> {
    let acks = device.acks();
    let publish = |first: u8, topic: &[u8], id: &[u8]| packet(first, &[topic, id, none, b"{}"].concat());
    let raw = |bytes: &[u8]| [&u16::try_from(bytes.len()).expect("texts are short").to_be_bytes()[..], bytes].concat();
    let subscribe = |id: u16, filter: &[u8]| packet(0x82, &[&id.to_be_bytes()[..], none, filter].concat());
    let unsubscribe = |id: u16, filter: &[u8]| packet(0xa2, &[&id.to_be_bytes()[..], none, filter].concat());
    let readings = text(&device.readings());
    let mut list = vec![
        wrong("type 0", vec![0, 0], MALFORMED),
        wrong("a CONNACK", packet(0x20, &[0, 0]), PROTOCOL_ERROR),
        wrong("a PUBREC", packet(0x50, &[0, 1]), PROTOCOL_ERROR),
        wrong("a PUBREL", packet(0x62, &[0, 1]), PROTOCOL_ERROR),
        wrong("a PUBCOMP", packet(0x70, &[0, 1]), PROTOCOL_ERROR),
        wrong("a SUBACK", packet(0x90, &[0, 1, 0]), PROTOCOL_ERROR),
        wrong("an UNSUBACK", packet(0xb0, &[0, 1]), PROTOCOL_ERROR),
        wrong("a PINGRESP", vec![0xd0, 0], PROTOCOL_ERROR),
        wrong("an AUTH", vec![0xf0, 0], PROTOCOL_ERROR),
        wrong("flags of a PUBACK", packet(0x41, &[0, 1]), MALFORMED),
        wrong("flags of a SUBSCRIBE", packet(0x80, &[0, 1]), MALFORMED),
        wrong("flags of an UNSUBSCRIBE", packet(0xa0, &[0, 1]), MALFORMED),
        wrong("flags of a PINGREQ", vec![0xc1, 0], MALFORMED),
        wrong("flags of a DISCONNECT", vec![0xe1, 0], MALFORMED),
        wrong("a quality of 3", publish(0x36, &readings, &[0, 1]), MALFORMED),
        wrong("at most once, and again", publish(0x38, &readings, &[]), MALFORMED),
        wrong("exactly once", publish(0x34, &readings, &[0, 1]), 0x9b),
        wrong("a message without a number", publish(0x32, &readings, &[0, 0]), MALFORMED),
        wrong("a message without a topic", packet(0x30, &[]), MALFORMED),
        wrong("half a topic", packet(0x30, &[0, 40, b'i', b'o', b't']), MALFORMED),
        wrong("a topic that is no text", publish(0x30, &raw(b"iot/\xff"), &[]), MALFORMED),
        wrong("half a surrogate", publish(0x30, &raw(b"iot/\xed\xa0\x80"), &[]), MALFORMED),
        wrong("a NUL in a topic", publish(0x30, &raw(b"iot\0v1"), &[]), MALFORMED),
        wrong("an acknowledgement of nothing", packet(0x40, &[]), MALFORMED),
        wrong("half an acknowledgement", packet(0x40, &[1]), MALFORMED),
        wrong("an acknowledgement of 0", packet(0x40, &[0, 0]), MALFORMED),
        wrong("an empty SUBSCRIBE", packet(0x82, &[]), MALFORMED),
        wrong("a SUBSCRIBE to nothing", subscribe(1, &[]), PROTOCOL_ERROR),
        wrong("a SUBSCRIBE without a number", subscribe(0, &[text(&acks), vec![1]].concat()), MALFORMED),
        wrong("a SUBSCRIBE without options", subscribe(1, &text(&acks)), MALFORMED),
        wrong("a SUBSCRIBE with a quality of 3", subscribe(1, &[text(&acks), vec![3]].concat()), MALFORMED),
        wrong("reserved options", subscribe(1, &[text(&acks), vec![0xc1]].concat()), MALFORMED),
        wrong("a filter that is no text", subscribe(1, &[raw(b"\xc3\x28"), vec![1]].concat()), MALFORMED),
        wrong("a filter with a NUL", subscribe(1, &[raw(b"a\0b"), vec![1]].concat()), MALFORMED),
        wrong("an empty filter", subscribe(1, &[0, 0, 1]), MALFORMED),
        wrong("half a filter", subscribe(1, &[0, 200, b'i']), MALFORMED),
        wrong("an UNSUBSCRIBE from nothing", unsubscribe(1, &[]), PROTOCOL_ERROR),
        wrong("an UNSUBSCRIBE without a number", unsubscribe(0, &text(&acks)), MALFORMED),
        wrong("an UNSUBSCRIBE from half", unsubscribe(1, &[0, 200, b'i']), MALFORMED),
        wrong("an empty filter to leave", unsubscribe(1, &[0, 0]), MALFORMED),
        wrong("a PINGREQ with something in it", packet(0xc0, &[0]), MALFORMED),
        wrong("a length of five bytes", vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x01], MALFORMED),
        wrong("256 MB announced", vec![0x30, 0xff, 0xff, 0xff, 0x7f], TOO_LARGE),
    ];
    for version in BOTH {
        list.push(wrong("another CONNECT", connect(device, version).bytes(), PROTOCOL_ERROR));
    }
    list
}

/// What is wrong in version 5 alone.
fn wrong_in_5(device: &MqttDevice<'_>) -> Vec<Wrong> {
    let readings = text(&device.readings());
    let publish = |first: u8, properties: &[u8]| packet(first, &[&readings[..], &[0, 1], properties, b"{}"].concat());
    let filter = [text(&device.acks()), vec![1]].concat();
    let subscribe = |properties: &[u8]| packet(0x82, &[&[0, 1][..], properties, &filter].concat());
    vec![
        wrong("retain", publish(0x33, &[0]), 0x9a),
        wrong("an alias of a topic", publish(0x32, &[3, 0x23, 0, 1]), 0x94),
        wrong("an alias and no topic", packet(0x32, &[0, 0, 0, 1, 3, 0x23, 0, 1, b'x']), 0x94),
        // As the alias that would be needed then.
        wrong("no topic at all", packet(0x32, &[0, 0, 0, 1, 0, b'x']), 0x94),
        wrong("a property that there is not", publish(0x32, &[2, 0x7f, 0]), MALFORMED),
        wrong("a property of another packet", publish(0x32, &[2, 0x24, 1]), PROTOCOL_ERROR),
        wrong("a property twice", publish(0x32, &[4, 0x01, 1, 0x01, 1]), PROTOCOL_ERROR),
        wrong("more properties than bytes", publish(0x32, &[0x7f, 0x01]), MALFORMED),
        wrong("a length of properties without an end", publish(0x32, &[0xff, 0xff, 0xff, 0xff]), MALFORMED),
        wrong("a message that ends before its properties", packet(0x32, &[&readings[..], &[0, 1]].concat()), MALFORMED),
        wrong("a number of a subscription", subscribe(&[2, 0x0b, 1]), 0xa1),
        wrong("number 0 of a subscription", subscribe(&[2, 0x0b, 0]), PROTOCOL_ERROR),
        wrong("a DISCONNECT with a reason that there is not", packet(0xe0, &[0x03]), MALFORMED),
        wrong("a session that lasts after all", packet(0xe0, &[0, 5, 0x11, 0, 0, 0, 9]), PROTOCOL_ERROR),
        wrong("a PUBACK with a reason that there is not", packet(0x40, &[0, 1, 0x42]), MALFORMED),
    ]
}

fn wrong_in(device: &MqttDevice<'_>, version: Version) -> Vec<Wrong> {
    match version {
        Version::V3 => {
            let mut list = wrong_in_both(device, &[]);
            list.push(wrong("a DISCONNECT with something in it", packet(0xe0, &[0]), MALFORMED));
            list.push(wrong("a PUBACK with a reason", packet(0x40, &[0, 1, 0]), MALFORMED));
            list
        }
        Version::V5 => {
            let mut list = wrong_in_both(device, &[0]);
            list.extend(wrong_in_5(device));
            list
        }
    }
}

/// Packets by their type and what comes first in them.
fn ends(packets: &[Packet]) -> Vec<(u8, u8)> {
    packets.iter().map(|packet| (packet.kind(), packet.body[0])).collect()
}

/// What a client hears last that is thrown out.
fn expected_end(version: Version, reason: u8) -> Vec<(u8, u8)> {
    if version == Version::V5 { vec![(DISCONNECT, reason)] } else { Vec::new() }
}

/// §7.3, MQTT 3.1.1 §4.8, 5 §4.13.
#[tokio::test]
async fn a_packet_that_no_client_may_send_ends_its_connection_and_no_other() {
    let hub = hub_with_mqtt().await;
    let (device, bystander) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let mut other = bystander.connects().await;
    for version in BOTH {
        for Wrong { name, bytes, reason } in wrong_in(&device, version) {
            let (before, broken) = (ended(&hub), hub.counts("mqtt_connects_total{result=\"accepted\"}"));
            let mut client = device.connects_as(connect(&device, version)).await;
            // What comes after it is not looked at.
            client.sends(&[&bytes[..], &PINGREQ].concat()).await;
            let rest = client.rest().await;
            assert_eq!(ends(&rest), expected_end(version, reason), "{name}");
            assert_eq!((ended(&hub), hub.counts("mqtt_connects_total{result=\"accepted\"}")), (before + 1, broken + 1));
        }
        other.pings().await;
    }
    other.publishes(&bystander.readings(), &item("m-1", "20.5")).await;
    eventually("nobody else is there", || hub.core.devices_online() == 1).await;
    hub.stops().await;
}

/// Sound packets of every type.
fn sound(device: &MqttDevice<'_>, client: &MqttClient) -> Vec<Vec<u8>> {
    let none: &[u8] = if client.version() == Version::V5 { &[0] } else { &[] };
    vec![
        client.subscribe(7, &[&device.acks(), &device.desired()]),
        client.unsubscribe(8, &[&device.acks()]),
        client.publish(0x32, 9, &device.readings(), item("m", "1.0").as_bytes()),
        client.publish(0x30, 0, &device.responses(), b"000000000001 ok\n"),
        packet(0x40, &[0, 9]),
        [vec![0xe0], packet(0, none)[1..].to_vec()].concat(),
        PINGREQ.to_vec(),
    ]
}

/// Each packet cut short and with each of its first bits and some of the others turned, whatever comes of it.
fn maimed(packets: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut list = Vec::new();
    for whole in packets {
        let body = &whole[2..];
        list.extend((0..body.len()).step_by(11).map(|len| packet(whole[0], &body[..len])));
        list.extend((0..whole.len()).step_by(17).map(|len| whole[..len].to_vec()));
        let bits = (0..whole.len() * 8).filter(|bit| *bit < 32 || bit % 97 == 0);
        list.extend(bits.map(|bit| {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        }));
    }
    list
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn maimed_packets_of_every_type_are_answered_or_end_their_connection() {
    let hub = hub_with_mqtt().await;
    let (device, bystander) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let mut other = bystander.connects().await;
    let mut begun = 0;
    for version in BOTH {
        let client = device.connects_as(connect(&device, version)).await;
        let packets = sound(&device, &client);
        client.resets();
        begun += 1;
        for bytes in maimed(&packets) {
            eventually("the one before is gone", || hub.core.devices_online() == 1).await;
            let mut client = device.connects_as(connect(&device, version)).await;
            begun += 1;
            client.tries_to_send(&[&bytes[..], &PINGREQ].concat()).await;
            client.says_no_more().await;
            client.rest().await;
        }
    }
    // A task that panics ends no session.
    eventually("all have ended", || ended(&hub) == begun).await;
    other.pings().await;
    hub.stops().await;
}

#[tokio::test]
async fn nothing_counts_before_connect_and_a_connect_must_be_one() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let (v3, v5) = (device.connect().bytes(), device.connect5().bytes());
    let with = |bytes: &[u8], at: usize, byte: u8| {
        let mut bytes = bytes.to_vec();
        bytes[at] = byte;
        bytes
    };
    assert_eq!((&v3[2..8], &v5[3..9]), (&b"\0\x04MQTT"[..], &b"\0\x04MQTT"[..]), "lengths of one byte and two");
    let silent: [(&str, Vec<u8>); 14] = [
        ("a PINGREQ", PINGREQ.to_vec()),
        ("a DISCONNECT", vec![0xe0, 0]),
        ("a PUBLISH", packet(0x30, &[text(&device.readings()), b"{}".to_vec()].concat())),
        ("a SUBSCRIBE", packet(0x82, &[&[0, 1][..], &text("a"), &[1]].concat())),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: hub\r\n\r\n".to_vec()),
        ("a TLS hello", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
        ("the devices' own protocol", vec![0x10, 0, 1, 0, 2, 0, b'a']),
        ("flags of a CONNECT", with(&v3, 0, 0x11)),
        ("another protocol", with(&v3, 4, b'X')),
        ("the reserved flag", with(&v3, 9, 0xc3)),
        ("a will's quality without a will", with(&v3, 9, 0xd2)),
        ("a text that is none", with(&v3, 14, 0xff)),
        ("256 MB", vec![0x10, 0xff, 0xff, 0xff, 0x7f]),
        ("more than a CONNECT has", packet(0x10, &[b'x'; 5000])),
    ];
    for (name, bytes) in silent {
        let mut peer = Peer::connect(hub.mqtt_addr()).await;
        peer.tries_to_send(&bytes).await;
        assert_eq!(peer.tries_to_receive_all().await, b"", "{name}");
    }
    for (name, bytes, reason) in [
        ("the reserved flag", with(&v5, 10, 0xc3), MALFORMED),
        ("an unknown property", with(&v5, 14, 0x7f), MALFORMED),
        ("a version that will be", with(&v5, 9, 6), 0x84),
        ("a version that was", with(&v3, 8, 3), 1),
    ] {
        let mut client = MqttClient::dials(&hub, Version::V5).await;
        client.sends(&bytes).await;
        let rest = client.rest().await;
        let [connack] = &rest[..] else { panic!("{name}: {rest:?}") };
        assert_eq!((connack.kind(), connack.body[1]), (CONNACK, reason), "{name}");
    }
    eventually("none of them is there", || hub.counts("mqtt_unverified_connections") == 0).await;
    device.connects().await.pings().await;
    hub.stops().await;
}

#[tokio::test]
async fn a_connection_without_a_connect_is_closed_after_10_seconds_however_slow_it_is() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let clock = Clock::stopped();
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(Peer::connect(hub.mqtt_addr()).await);
    }
    let mut slow = Peer::connect(hub.mqtt_addr()).await;
    let bytes = device.connect().bytes();
    for byte in &bytes[..9] {
        slow.sends(&[*byte]).await;
        clock.passes(Duration::from_secs(1)).await;
    }
    assert_eq!(hub.counts("mqtt_unverified_connections"), 51);
    clock.passes(Duration::from_millis(1500)).await;
    slow.is_closed().await;
    for mut peer in silent {
        peer.is_closed().await;
    }
    assert_eq!(hub.counts("mqtt_connects_total{result=\"no_connect\"}"), 51);
    assert_eq!(hub.counts("mqtt_unverified_connections"), 0);
    drop(clock);
    device.connects().await.pings().await;
    hub.stops().await;
}

#[tokio::test]
async fn bytes_that_come_one_by_one_are_understood() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut client = MqttClient::dials(&hub, version).await;
        let subscribe = client.subscribe(5, &[&device.acks()]);
        let publish = client.publish(0x32, 6, &device.readings(), item("m", "1.0").as_bytes());
        for byte in [connect(&device, version).bytes(), subscribe, publish].concat() {
            client.sends(&[byte]).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(client.packet_of(CONNACK).await.body[1], 0);
        assert_eq!(client.packet_of(SUBACK).await.body.last(), Some(&1));
        client.packet_of(PUBACK).await;
        assert!(client.message().await.json()["status"].is_string());
    }
}

/// §7.3: one and a half keep-alives.
#[tokio::test]
async fn a_client_that_is_silent_or_gone_is_offline_after_one_and_a_half_keep_alives() {
    let hub = hub_with_mqtt().await;
    let (talks, silent) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let clock = Clock::stopped();
    for version in BOTH {
        let mut talking = talks.connects_as(connect(&talks, version)).await;
        let mut gone = silent.connects_as(connect(&silent, version)).await;
        // Part of a packet is a sign of life, too, once.
        gone.sends(&[0x32, 100]).await;
        for _ in 0..2 {
            clock.passes(Duration::from_secs(44)).await;
            assert_eq!(hub.core.devices_online(), 2);
            talking.pings().await;
        }
        clock.passes(Duration::from_secs(7)).await;
        assert_eq!(hub.core.devices_online(), 1);
        let rest = gone.rest().await;
        assert_eq!(ends(&rest), expected_end(version, 0x8d));
        talking.pings().await;
        talking.sends(&[0xe0, 0]).await;
        talking.rest().await;
    }
    assert_eq!(hub.counts("mqtt_sessions_ended_total{reason=\"silent\"}"), 2);
    assert_eq!(hub.counts("mqtt_sessions_ended_total{reason=\"left\"}"), 2);
    hub.stops().await;
}

/// 3.1.1 §3.1.2.10, 5 §3.2.2.3.14: no keep-alive is for ever in the one, and told what it is in the other.
#[tokio::test]
async fn without_a_keep_alive_the_credential_still_ends_the_session() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let connect = Connect { keep_alive: 0, ..device.connect() };
    let mut client = device.connects_as(connect).await;
    let clock = Clock::stopped();
    clock.leaps(Duration::from_secs(890)).await;
    client.pings().await;
    clock.passes(Duration::from_secs(16)).await;
    assert_eq!(client.rest().await, []);
    assert_eq!(hub.counts("mqtt_sessions_ended_total{reason=\"expired\"}"), 1);
    drop(clock);
    let (_, connack) = device.tries(Connect { keep_alive: 0, ..device.connect5() }).await;
    assert_eq!(connack.body[1], 0x86, "and it counts no more");
    hub.stops().await;
}

#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_anything_is_gone() {
    let hub = hub_with_mqtt().await;
    let device = mqtt_device(&hub).await;
    let whole = {
        let client = device.connects().await;
        let bytes = client.publish(0x32, 9, &device.readings(), item("m", "1.0").as_bytes());
        client.resets();
        bytes
    };
    for cut in (0..whole.len()).step_by(29) {
        eventually("the one before is gone", || hub.core.devices_online() == 0).await;
        let mut client = device.connects().await;
        client.sends(&whole[..cut]).await;
        if cut % 2 == 0 { drop(client) } else { client.resets() }
    }
    eventually("it is gone", || hub.core.devices_online() == 0).await;
    let left = within("the end of all connections", async {
        while hub.counts("connections_open{port=\"mqtt\"}") > 0 {
            tokio::task::yield_now().await;
        }
    });
    left.await;
    hub.stops().await;
}
