//! Control devices that speak MQTT: `mqtt_device(&hub).await.connects().await`, and a client that is bytes, so that it can do right and
//! wrong things.

use rtio_server::realer::DeviceSettings;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::realer::{ControlDevice, bearer, control_device_with};
use super::tls::Wire;
use super::wait::{SILENCE, STALL, within};
use super::{Peer, TestHub};

/// A control device with MQTT, and a credential with all rights.
#[derive(Debug)]
pub(crate) struct MqttDevice<'a> {
    pub(crate) hub: &'a TestHub,
    pub(crate) it: ControlDevice,
    pub(crate) credential: String,
}

/// A new one.
pub(crate) async fn mqtt_device(hub: &TestHub) -> MqttDevice<'_> {
    mqtt_device_with(hub, |_| {}).await
}

/// A new one with which something else is agreed.
pub(crate) async fn mqtt_device_with(hub: &TestHub, change: impl FnOnce(&mut DeviceSettings)) -> MqttDevice<'_> {
    let it = control_device_with(hub, |settings| {
        settings.protocols.mqtt = true;
        change(settings);
    });
    let it = it.await;
    let credential = credential_for(hub, &it, ALL_SCOPES).await;
    MqttDevice { hub, it, credential }
}

/// A new credential of a device with the rights of a token of these scopes.
pub(crate) async fn credential_for(hub: &TestHub, it: &ControlDevice, scopes: &str) -> String {
    let token = it.token_for(hub, scopes).await;
    let headers = [("authorization", &*bearer(&token)), ("content-type", "application/json")];
    let reply = hub.asks("POST", "/iot/v1/mqtt-credentials", &headers, b"{}").await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.field("mqtt_credential")
}

/// Which MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V3,
    V5,
}

/// What a client says first.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub(crate) version: Version,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) starts_clean: bool,
    pub(crate) keep_alive: u16,
    /// In seconds, of version 5.
    pub(crate) session_expiry: u32,
}

impl Connect {
    /// Its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (level, properties) = match self.version {
            Version::V3 => (4, Vec::new()),
            Version::V5 => (5, [&[5, 0x11][..], &self.session_expiry.to_be_bytes()].concat()),
        };
        let flags = 0b1100_0000 | u8::from(self.starts_clean) << 1;
        let head = [text("MQTT"), vec![level, flags], self.keep_alive.to_be_bytes().to_vec(), properties].concat();
        packet(0x10, &[head, text(&self.id), text(&self.name), text(&self.password)].concat())
    }
}

impl<'a> MqttDevice<'a> {
    /// How it connects unless a test says otherwise: 3.1.1, clean, with a keep-alive of a minute.
    pub(crate) fn connect(&self) -> Connect {
        let id = self.it.id.to_string();
        Connect {
            version: Version::V3,
            name: id.clone(),
            id,
            password: self.credential.clone(),
            starts_clean: true,
            keep_alive: 60,
            session_expiry: 0,
        }
    }

    /// The same in version 5.
    pub(crate) fn connect5(&self) -> Connect {
        Connect { version: Version::V5, ..self.connect() }
    }

    /// A client that is in.
    pub(crate) async fn connects(&self) -> MqttClient {
        self.connects_as(self.connect()).await
    }

    /// The same in version 5.
    pub(crate) async fn connects5(&self) -> MqttClient {
        self.connects_as(self.connect5()).await
    }

    /// A client that is in, as it says.
    pub(crate) async fn connects_as(&self, connect: Connect) -> MqttClient {
        let (client, connack) = self.tries(connect).await;
        assert_eq!(connack.body[1], 0, "let in: {connack:?}");
        client
    }

    /// A client that wants in, and what it hears.
    pub(crate) async fn tries(&self, connect: Connect) -> (MqttClient, Packet) {
        let mut client = MqttClient::dials(self.hub, connect.version).await;
        client.sends(&connect.bytes()).await;
        let connack = client.packet().await;
        assert_eq!(connack.kind(), CONNACK);
        (client, connack)
    }

    /// A topic of its own, such as `feed-data/acks`.
    pub(crate) fn topic(&self, rest: &str) -> String {
        format!("iot/v1/devices/{}/{rest}", self.it.id)
    }

    /// Where it hears what became of what it published.
    pub(crate) fn acks(&self) -> String {
        self.topic("feed-data/acks")
    }

    /// Where its thermistor is published.
    pub(crate) fn readings(&self) -> String {
        self.topic(&format!("resources/{}/sensors/{}/feed-data", self.it.resource, self.it.thermistor))
    }

    /// Where its relay is published.
    pub(crate) fn reports(&self) -> String {
        self.topic(&format!("resources/{}/commands/{}/feed-data", self.it.resource, self.it.relay))
    }

    /// Where it hears what its relay shall be.
    pub(crate) fn desired(&self) -> String {
        self.topic(&format!("resources/{}/commands/{}/desired", self.it.resource, self.it.relay))
    }

    /// Where callers ask.
    pub(crate) fn requests(&self) -> String {
        self.topic("rtio/requests")
    }

    /// Where it answers them.
    pub(crate) fn responses(&self) -> String {
        self.topic("rtio/responses")
    }
}

/// An item for a topic of feed data.
pub(crate) fn item(message_id: &str, value: &str) -> String {
    json!({"message_id": message_id, "value": value, "value_received_at": "2026-05-12T08:31:10Z"}).to_string()
}

/// One packet as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) first: u8,
    pub(crate) body: Vec<u8>,
}

impl Packet {
    /// Its type.
    pub(crate) const fn kind(&self) -> u8 {
        self.first >> 4
    }
}

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    /// Of version 5, as bytes.
    pub(crate) properties: Vec<u8>,
    /// `None` at most once.
    pub(crate) id: Option<u16>,
    /// Whether it may have come before.
    pub(crate) dup: bool,
}

impl Message {
    /// Its payload as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.payload).expect("the payload is JSON")
    }

    /// Its payload as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.payload).expect("the payload is text")
    }
}

/// A client of the hub's MQTT port, as bytes.
#[derive(Debug)]
pub(crate) struct MqttClient {
    stream: Wire,
    version: Version,
    next_id: u16,
}

impl MqttClient {
    /// A connection that has said nothing.
    pub(crate) async fn dials(hub: &TestHub, version: Version) -> Self {
        let stream = within("an MQTT connection", TcpStream::connect(hub.mqtt_addr())).await;
        Self::over(stream.expect("the port accepts"), version)
    }

    /// The same over a connection whose kernel keeps little of what it does not read.
    pub(crate) async fn dials_with_small_buffer(hub: &TestHub, version: Version) -> Self {
        Self::over(Peer::tcp_with_small_buffer(hub.mqtt_addr()).await, version)
    }

    /// One over a connection that exists, with TLS or without.
    pub(crate) fn over(stream: impl Into<Wire>, version: Version) -> Self {
        Self { stream: stream.into(), version, next_id: 0 }
    }

    /// What it speaks.
    pub(crate) const fn version(&self) -> Version {
        self.version
    }

    /// Sends bytes, whatever they are.
    pub(crate) async fn sends(&mut self, bytes: &[u8]) {
        within("the hub to read", self.stream.write_all(bytes)).await.expect("the connection is open");
    }

    /// Sends what may meet a connection that the hub closes, or bytes that it does not read; whether all of them left.
    pub(crate) async fn tries_to_send(&mut self, bytes: &[u8]) -> bool {
        tokio::time::timeout(STALL, self.stream.send(bytes)).await.is_ok_and(|sent| sent.is_ok())
    }

    /// Says no more, and goes on listening.
    pub(crate) async fn says_no_more(&mut self) {
        // The hub may have closed it.
        let _ = within("the end of what is sent", self.stream.shutdown()).await;
    }

    /// Closes without a goodbye, as a crash does.
    pub(crate) fn resets(self) {
        self.stream.tcp().set_zero_linger().expect("the option exists");
    }

    /// Asks whether anybody is there, and hears it.
    pub(crate) async fn pings(&mut self) {
        self.sends(&PINGREQ).await;
        self.packet_of(PINGRESP).await;
    }

    /// The next packet.
    pub(crate) async fn packet(&mut self) -> Packet {
        within("a packet", self.read_packet()).await.expect("a packet, and not the end")
    }

    /// The next packet, which is of this type.
    pub(crate) async fn packet_of(&mut self, kind: u8) -> Packet {
        let packet = self.packet().await;
        assert_eq!(packet.kind(), kind, "{packet:?}");
        packet
    }

    /// The next packet; `None` at the end.
    pub(crate) async fn tries_to_hear(&mut self) -> Option<Packet> {
        within("a packet, or the end", self.read_packet()).await
    }

    /// Publishes at least once, and hears that the hub took it and what became of it, in any order.
    pub(crate) async fn publishes_and_hears(&mut self, topic: &str, payload: &str) {
        let id = self.id();
        self.sends(&self.publish(0x32, id, topic, payload.as_bytes())).await;
        let mut kinds = [self.packet().await.kind(), self.packet().await.kind()];
        kinds.sort_unstable();
        assert_eq!(kinds, [PUBLISH, PUBACK]);
    }

    /// Waits for the end; what comes before it.
    pub(crate) async fn rest(&mut self) -> Vec<Packet> {
        let mut packets = Vec::new();
        while let Some(packet) = within("the end of the connection", self.read_packet()).await {
            packets.push(packet);
        }
        packets
    }

    /// For a while nothing comes.
    pub(crate) async fn hears_nothing(&mut self) {
        let heard = tokio::time::timeout(SILENCE, self.read_packet()).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    /// Nothing has come by now: for a clock that stands still.
    pub(crate) async fn has_heard_nothing(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        let read = self.stream.tcp().try_read(&mut [0]);
        assert!(read.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "{read:?}");
    }

    /// Subscribes at least once; what the hub says of each topic.
    pub(crate) async fn subscribes(&mut self, topics: &[&str]) -> Vec<u8> {
        let id = self.id();
        self.sends(&self.subscribe(id, topics)).await;
        let suback = self.packet_of(SUBACK).await;
        assert_eq!(suback.body[..2], id.to_be_bytes());
        suback.body[suback.body.len() - topics.len()..].to_vec()
    }

    /// Publishes at least once, and hears that the hub took it.
    pub(crate) async fn publishes(&mut self, topic: &str, payload: &str) {
        let id = self.id();
        self.sends(&self.publish(0x32, id, topic, payload.as_bytes())).await;
        let puback = self.packet_of(PUBACK).await;
        assert_eq!(puback.body, id.to_be_bytes(), "taken");
    }

    /// The next packet, which is a message; it is acknowledged.
    pub(crate) async fn message(&mut self) -> Message {
        let packet = self.packet_of(PUBLISH).await;
        let message = self.read_message(&packet);
        if let Some(id) = message.id {
            self.sends(&self::packet(0x40, &id.to_be_bytes())).await;
        }
        message
    }

    /// A packet as the message that it is.
    pub(crate) fn read_message(&self, packet: &Packet) -> Message {
        let (first, body) = (packet.first, &packet.body);
        let topic_len = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let topic = String::from_utf8(body[2..2 + topic_len].to_vec()).expect("a topic is text");
        let mut rest = &body[2 + topic_len..];
        let mut id = None;
        if first & 0b110 != 0 {
            id = Some(u16::from_be_bytes([rest[0], rest[1]]));
            rest = &rest[2..];
        }
        let mut properties = &rest[..0];
        if self.version == Version::V5 {
            let len = usize::from(rest[0]);
            assert!(len < 128, "properties of the hub's messages are short");
            (properties, rest) = (&rest[1..=len], &rest[1 + len..]);
        }
        let (properties, payload) = (properties.to_vec(), rest.to_vec());
        Message { topic, payload, properties, id, dup: first & 8 != 0 }
    }

    /// The bytes of a SUBSCRIBE.
    pub(crate) fn subscribe(&self, id: u16, topics: &[&str]) -> Vec<u8> {
        let filters = topics.iter().flat_map(|topic| [text(topic), vec![1]].concat()).collect();
        packet(0x82, &[id.to_be_bytes().to_vec(), self.no_properties(), filters].concat())
    }

    /// The bytes of an UNSUBSCRIBE.
    pub(crate) fn unsubscribe(&self, id: u16, topics: &[&str]) -> Vec<u8> {
        let filters = topics.iter().flat_map(|topic| text(topic)).collect();
        packet(0xa2, &[id.to_be_bytes().to_vec(), self.no_properties(), filters].concat())
    }

    /// The bytes of a PUBLISH, whose first byte says quality and retain.
    pub(crate) fn publish(&self, first: u8, id: u16, topic: &str, payload: &[u8]) -> Vec<u8> {
        let id = if first & 0b110 == 0 { Vec::new() } else { id.to_be_bytes().to_vec() };
        packet(first, &[text(topic), id, self.no_properties(), payload.to_vec()].concat())
    }

    /// A number for the next packet.
    pub(crate) const fn id(&mut self) -> u16 {
        self.next_id = self.next_id % 65_000 + 1;
        self.next_id
    }

    fn no_properties(&self) -> Vec<u8> {
        if self.version == Version::V5 { vec![0] } else { Vec::new() }
    }

    /// `None`: the connection has ended.
    async fn read_packet(&mut self) -> Option<Packet> {
        let first = self.stream.read_u8().await.ok()?;
        let (mut len, mut place) = (0, 0);
        loop {
            let byte = self.stream.read_u8().await.ok()?;
            len |= usize::from(byte & 0x7f) << (7 * place);
            place += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; len];
        self.stream.read_exact(&mut body).await.ok()?;
        Some(Packet { first, body })
    }
}

/// The bytes of a packet.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let (mut bytes, mut len) = (vec![first], body.len());
    loop {
        let byte = u8::try_from(len & 0x7f).expect("seven bits");
        len >>= 7;
        bytes.push(byte | if len > 0 { 0x80 } else { 0 });
        if len == 0 {
            break;
        }
    }
    [bytes, body.to_vec()].concat()
}

/// A text as MQTT has it.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).expect("texts of tests are short");
    [&len.to_be_bytes()[..], text.as_bytes()].concat()
}

/// All scopes of MQTT.
pub(crate) const ALL_SCOPES: &str =
    "iot:catalog:read iot:mqtt:connect iot:mqtt:ack:read iot:mqtt:feed-data:write iot:mqtt:desired:read";

pub(crate) const CONNACK: u8 = 2;
pub(crate) const PUBLISH: u8 = 3;
pub(crate) const PUBACK: u8 = 4;
pub(crate) const SUBACK: u8 = 9;
pub(crate) const UNSUBACK: u8 = 11;
pub(crate) const PINGRESP: u8 = 13;
pub(crate) const DISCONNECT: u8 = 14;

/// What a client says that has nothing to say.
pub(crate) const PINGREQ: [u8; 2] = [0xc0, 0];
