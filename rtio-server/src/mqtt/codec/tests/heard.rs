//! What a client of the library makes of what the hub says, in one form for both versions.
#![expect(clippy::wildcard_enum_match_arm, reason = "what a hub does not say is no case of these tests")]

use mqtt_protocol_core::mqtt::packet::{Packet, Property};

use super::super::reasons;
use super::support::*;
use crate::mqtt::codec::*;

/// What a client understands, whatever it is written in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) kind: &'static str,
    pub(super) id: u16,
    pub(super) flag: bool,
    pub(super) codes: Vec<u8>,
    pub(super) properties: Vec<String>,
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
}

/// `None` where the version has no packet for it.
pub(super) fn meaning(version: Version, outgoing: &Outgoing) -> Option<Heard> {
    let v5 = version == Version::V5;
    Some(match outgoing {
        Outgoing::Accepted { session_present, keep_alive, session_expiry } => {
            let mut properties: Vec<String> = [
                "maximum_qos 1",
                "retain_available 0",
                "wildcard_subscription_available 0",
                "subscription_identifier_available 0",
                "shared_subscription_available 0",
            ]
            .map(String::from)
            .into();
            properties.extend(keep_alive.map(|seconds| format!("server_keep_alive {seconds}")));
            properties.extend(session_expiry.map(|seconds| format!("session_expiry_interval {seconds}")));
            properties.extend([
                format!("maximum_packet_size {MAX_PACKET_BYTES}"),
                format!("receive_maximum {RECEIVE_MAXIMUM}"),
            ]);
            let properties = if v5 { properties } else { Vec::new() };
            Heard { kind: "connack", flag: *session_present, codes: vec![0], properties, ..Heard::default() }
        }
        Outgoing::Refused(refusal) => {
            let code = if v5 { reasons::connack_v5(*refusal) as u8 } else { reasons::connack_v3(*refusal)? as u8 };
            Heard { kind: "connack", codes: vec![code], ..Heard::default() }
        }
        Outgoing::Acknowledge { id, reason } => {
            let codes = reason.filter(|_| v5).map(|reason| reasons::puback(reason) as u8).into_iter().collect();
            Heard { kind: "puback", id: id.get(), codes, ..Heard::default() }
        }
        Outgoing::Subscribed { id, results } => {
            let code =
                |result: &_| if v5 { reasons::suback_v5(*result) as u8 } else { reasons::suback_v3(*result) as u8 };
            Heard { kind: "suback", id: id.get(), codes: results.iter().map(code).collect(), ..Heard::default() }
        }
        Outgoing::Unsubscribed { id, existed } => {
            let codes = existed.iter().filter(|_| v5).map(|existed| reasons::unsuback(*existed) as u8).collect();
            Heard { kind: "unsuback", id: id.get(), codes, ..Heard::default() }
        }
        Outgoing::Pong => Heard { kind: "pingresp", ..Heard::default() },
        Outgoing::Disconnect(_) if !v5 => return None,
        Outgoing::Disconnect(reason) => {
            Heard { kind: "disconnect", codes: vec![reasons::disconnect(*reason) as u8], ..Heard::default() }
        }
    })
}

pub(super) fn of_message(version: Version, message: &Message, number: Option<PacketId>, again: bool) -> Heard {
    let mut properties = Vec::new();
    if let Some(request) = message.request.as_ref().filter(|_| version == Version::V5) {
        properties.push(format!("response_topic {}", request.response_topic));
        properties.push(format!("correlation_data {:?}", request.correlation));
        properties.extend(request.user.iter().map(|(key, value)| format!("{key}={value}")));
    }
    Heard {
        kind: "publish",
        id: number.map_or(0, PacketId::get),
        flag: again,
        codes: vec![u8::from(number.is_some())],
        properties,
        topic: message.topic.to_string(),
        payload: message.payload.to_vec(),
    }
}

pub(super) fn heard(packet: Packet) -> Heard {
    match packet {
        Packet::V3_1_1Connack(heard) => Heard {
            kind: "connack",
            flag: heard.session_present(),
            codes: vec![heard.return_code() as u8],
            ..Heard::default()
        },
        Packet::V5_0Connack(heard) => {
            let properties = heard.props().iter().map(property).collect();
            Heard {
                kind: "connack",
                flag: heard.session_present(),
                codes: vec![heard.reason_code() as u8],
                properties,
                ..Heard::default()
            }
        }
        Packet::V3_1_1Puback(heard) => Heard { kind: "puback", id: heard.packet_id(), ..Heard::default() },
        Packet::V5_0Puback(heard) => {
            let codes = heard.reason_code().map(|code| code as u8).into_iter().collect();
            Heard { kind: "puback", id: heard.packet_id(), codes, ..Heard::default() }
        }
        Packet::V3_1_1Suback(heard) => {
            let codes = heard.return_codes().into_iter().map(|code| code as u8).collect();
            Heard { kind: "suback", id: heard.packet_id(), codes, ..Heard::default() }
        }
        Packet::V5_0Suback(heard) => {
            let codes = heard.reason_codes().into_iter().map(|code| code as u8).collect();
            Heard { kind: "suback", id: heard.packet_id(), codes, ..Heard::default() }
        }
        Packet::V3_1_1Unsuback(heard) => Heard { kind: "unsuback", id: heard.packet_id(), ..Heard::default() },
        Packet::V5_0Unsuback(heard) => {
            let codes = heard.reason_codes().into_iter().map(|code| code as u8).collect();
            Heard { kind: "unsuback", id: heard.packet_id(), codes, ..Heard::default() }
        }
        Packet::V3_1_1Pingresp(_) | Packet::V5_0Pingresp(_) => Heard { kind: "pingresp", ..Heard::default() },
        Packet::V5_0Disconnect(heard) => {
            let codes = heard.reason_code().map(|code| code as u8).into_iter().collect();
            Heard { kind: "disconnect", codes, ..Heard::default() }
        }
        Packet::V3_1_1Publish(heard) => Heard {
            kind: "publish",
            id: heard.packet_id().unwrap_or(0),
            flag: heard.dup(),
            codes: vec![heard.qos() as u8],
            topic: heard.topic_name().to_owned(),
            payload: heard.payload().as_slice().to_vec(),
            ..Heard::default()
        },
        Packet::V5_0Publish(heard) => Heard {
            kind: "publish",
            id: heard.packet_id().unwrap_or(0),
            flag: heard.dup(),
            codes: vec![heard.qos() as u8],
            properties: heard.props().iter().map(property).collect(),
            topic: heard.topic_name().to_owned(),
            payload: heard.payload().as_slice().to_vec(),
        },
        other => panic!("nothing that a hub says: {other}"),
    }
}

pub(super) fn property(property: &Property) -> String {
    match property {
        Property::MaximumQos(value) => format!("maximum_qos {}", value.val()),
        Property::RetainAvailable(value) => format!("retain_available {}", value.val()),
        Property::SubscriptionIdentifierAvailable(value) => {
            format!("subscription_identifier_available {}", value.val())
        }
        Property::WildcardSubscriptionAvailable(value) => format!("wildcard_subscription_available {}", value.val()),
        Property::SharedSubscriptionAvailable(value) => format!("shared_subscription_available {}", value.val()),
        Property::ServerKeepAlive(value) => format!("server_keep_alive {}", value.val()),
        Property::SessionExpiryInterval(value) => format!("session_expiry_interval {}", value.val()),
        Property::MaximumPacketSize(value) => format!("maximum_packet_size {}", value.val()),
        Property::ReceiveMaximum(value) => format!("receive_maximum {}", value.val()),
        Property::ResponseTopic(value) => format!("response_topic {}", value.val()),
        Property::CorrelationData(value) => format!("correlation_data {:?}", value.val()),
        Property::UserProperty(pair) => format!("{}={}", pair.key(), pair.val()),
        other => panic!("nothing that a hub says: {other}"),
    }
}
