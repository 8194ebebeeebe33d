//! Clients, byte by byte, and one of the library that hears what the hub says.

use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::Event;
use mqtt_protocol_core::mqtt::packet::{Packet, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::{Connection, Version as LibraryVersion, role};

use super::super::*;

pub(super) const BOTH: [Version; 2] = [Version::V3, Version::V5];

pub(super) const MAX_PACKET_BYTES: u32 = 4096;

pub(super) const RECEIVE_MAXIMUM: u16 = 10;

pub(super) const ACCEPTED: Outgoing =
    Outgoing::Accepted { session_present: false, keep_alive: None, session_expiry: None };

pub(super) fn codec() -> Codec {
    Codec::new(Limits {
        max_packet_bytes: MAX_PACKET_BYTES,
        receive_maximum: NonZeroU16::new(RECEIVE_MAXIMUM).unwrap(),
    })
}

/// After CONNECT and CONNACK.
pub(super) fn open(version: Version) -> Codec {
    open_with(&connect(version, b""))
}

pub(super) fn open_with(connect: &[u8]) -> Codec {
    let mut codec = codec();
    assert!(matches!(one(&mut codec, connect), Ok(Incoming::Connect(_))));
    codec.encode(&ACCEPTED, &mut Vec::new());
    codec
}

/// The one packet that the bytes are.
pub(super) fn one(codec: &mut Codec, bytes: &[u8]) -> Result<Incoming, Broken> {
    let (taken, packet) = codec.decode(bytes)?;
    assert_eq!(taken, bytes.len());
    Ok(packet.expect("the packet is whole"))
}

/// All packets that the bytes are, and how it ended.
pub(super) fn all(codec: &mut Codec, mut bytes: &[u8]) -> (Vec<Incoming>, Result<(), Broken>) {
    let mut packets = Vec::new();
    while !bytes.is_empty() {
        match codec.decode(bytes) {
            Ok((taken, packet)) => {
                assert!(0 < taken && taken <= bytes.len());
                assert!(packet.is_some() || taken == bytes.len(), "without a packet all is taken");
                packets.extend(packet);
                bytes = &bytes[taken..];
            }
            Err(broken) => return (packets, Err(broken)),
        }
    }
    (packets, Ok(()))
}

pub(super) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    bytes.extend(variable(body.len()));
    bytes.extend_from_slice(body);
    bytes
}

pub(super) fn variable(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = u8::try_from(value % 128).unwrap();
        value /= 128;
        bytes.push(if value > 0 { byte | 0x80 } else { byte });
        if value == 0 {
            return bytes;
        }
    }
}

/// With its length.
pub(super) fn string(text: &[u8]) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes(), text].concat()
}

/// A list of properties in 5, nothing in 3.1.1.
pub(super) fn listed(version: Version, properties: &[u8]) -> Vec<u8> {
    match version {
        Version::V3 => Vec::new(),
        Version::V5 => [variable(properties.len()), properties.to_vec()].concat(),
    }
}

/// With the tuple of contract §7.3; it wants its session kept.
pub(super) fn connect(version: Version, properties: &[u8]) -> Vec<u8> {
    let flags = 0b1100_0000;
    connect_with(version, flags, properties, &[string(b"cdv_1"), string(b"cdv_1"), string(b"secret")].concat())
}

pub(super) fn connect_with(version: Version, flags: u8, properties: &[u8], payload: &[u8]) -> Vec<u8> {
    let level = match version {
        Version::V3 => 4,
        Version::V5 => 5,
    };
    packet(0x10, &[&string(b"MQTT"), &[level, flags, 0, 60][..], &listed(version, properties), payload].concat())
}

pub(super) fn publish(version: Version, flags: u8, id: &[u8], properties: &[u8]) -> Vec<u8> {
    packet(0x30 | flags, &[&string(b"a/b"), id, &listed(version, properties), b"payload"].concat())
}

/// Each with its options.
pub(super) fn subscribe(version: Version, id: u16, properties: &[u8], filters: &[(&[u8], u8)]) -> Vec<u8> {
    let filters: Vec<u8> =
        filters.iter().flat_map(|(topic, options)| [string(topic), vec![*options]].concat()).collect();
    packet(0x82, &[&id.to_be_bytes()[..], &listed(version, properties), &filters].concat())
}

pub(super) fn unsubscribe(version: Version, id: u16, filters: &[&[u8]]) -> Vec<u8> {
    let filters: Vec<u8> = filters.iter().flat_map(|topic| string(topic)).collect();
    packet(0xA2, &[&id.to_be_bytes()[..], &listed(version, b""), &filters].concat())
}

pub(super) fn message(topic: &str, payload: &[u8]) -> Message {
    Message { topic: topic.into(), payload: payload.into(), request: None }
}

pub(super) fn id(id: u16) -> PacketId {
    PacketId::new(id).unwrap()
}

/// A client of the library.
pub(super) struct Client {
    version: Version,
    library: Connection<role::Client>,
}

impl Client {
    /// It has sent CONNECT.
    pub(super) fn new(version: Version) -> Self {
        let mut client = Self {
            version,
            library: Connection::new(match version {
                Version::V3 => LibraryVersion::V3_1_1,
                Version::V5 => LibraryVersion::V5_0,
            }),
        };
        client.say(match version {
            Version::V3 => {
                v3_1_1::Connect::builder().client_id("c").unwrap().clean_session(true).build().unwrap().into()
            }
            Version::V5 => v5_0::Connect::builder().client_id("c").unwrap().clean_start(true).build().unwrap().into(),
        });
        client
    }

    /// It is in.
    pub(super) fn open(version: Version) -> Self {
        let mut client = Self::new(version);
        let mut bytes = Vec::new();
        let mut codec = codec();
        one(&mut codec, &connect(version, b"")).unwrap();
        codec.encode(&ACCEPTED, &mut bytes);
        client.hear(&bytes);
        client
    }

    /// Has it wait for the answer of this id: to a PUBLISH, a SUBSCRIBE and an UNSUBSCRIBE, one after the other.
    pub(super) fn await_answer(&mut self, id: PacketId, to: To) {
        use mqtt_protocol_core::mqtt::packet::{Qos as LibraryQos, SubEntry, SubOpts};
        self.library.register_packet_id(id.get()).unwrap();
        let entries = || vec![SubEntry::new("a", SubOpts::new()).unwrap()];
        self.say(match (self.version, to) {
            (Version::V3, To::Publish) => {
                let publish = v3_1_1::Publish::builder()
                    .topic_name("a")
                    .unwrap()
                    .qos(LibraryQos::AtLeastOnce)
                    .packet_id(id.get());
                publish.build().unwrap().into()
            }
            (Version::V5, To::Publish) => {
                let publish =
                    v5_0::Publish::builder().topic_name("a").unwrap().qos(LibraryQos::AtLeastOnce).packet_id(id.get());
                publish.build().unwrap().into()
            }
            (Version::V3, To::Subscribe) => {
                v3_1_1::Subscribe::builder().packet_id(id.get()).entries(entries()).build().unwrap().into()
            }
            (Version::V5, To::Subscribe) => {
                v5_0::Subscribe::builder().packet_id(id.get()).entries(entries()).build().unwrap().into()
            }
            (Version::V3, To::Unsubscribe) => {
                v3_1_1::Unsubscribe::builder().packet_id(id.get()).entries(["a"]).unwrap().build().unwrap().into()
            }
            (Version::V5, To::Unsubscribe) => {
                v5_0::Unsubscribe::builder().packet_id(id.get()).entries(["a"]).unwrap().build().unwrap().into()
            }
        });
    }

    /// The one packet that the bytes are.
    pub(super) fn hear(&mut self, bytes: &[u8]) -> Packet {
        let mut cursor = Cursor::new(bytes);
        let mut heard = None;
        for event in self.library.recv(&mut cursor) {
            match event {
                Event::NotifyPacketReceived(packet) => heard = Some(packet),
                Event::NotifyError(error) => panic!("{error} of {bytes:x?}"),
                Event::RequestSendPacket { .. }
                | Event::NotifyPacketIdReleased(_)
                | Event::RequestTimerReset { .. }
                | Event::RequestTimerCancel(_)
                | Event::RequestClose => {}
            }
        }
        assert_eq!(cursor.position(), bytes.len() as u64, "one packet");
        heard.expect("a whole packet")
    }

    fn say(&mut self, packet: Packet) {
        let events = self.library.send(packet);
        assert!(events.iter().any(|event| matches!(event, Event::RequestSendPacket { .. })), "{events:?}");
    }
}

/// What a client awaits an answer to.
#[derive(Debug, Clone, Copy)]
pub(super) enum To {
    Publish,
    Subscribe,
    Unsubscribe,
}
