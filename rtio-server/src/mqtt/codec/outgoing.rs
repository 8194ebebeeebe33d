//! What the hub sends, in packets of the library.

use mqtt_protocol_core::mqtt::packet::{
    CorrelationData, MaximumQos, Packet, Property, Qos as LibraryQos, ResponseTopic, RetainAvailable, ServerKeepAlive,
    SessionExpiryInterval, SharedSubscriptionAvailable, SubscriptionIdentifierAvailable, UserProperty,
    WildcardSubscriptionAvailable, v3_1_1, v5_0,
};
use mqtt_protocol_core::mqtt::result_code::{ConnectReasonCode, ConnectReturnCode, MqttError};

use super::reasons;
use crate::mqtt::packet::{
    ConnectRefusal, Message, Outgoing, PacketId, PublishRefusal, Qos, Reason, RequestProperties, SubscribeRefusal,
    Version,
};

/// Of a packet of MQTT: first byte, four of the length, and the greatest length (MQTT 5 §2.1.4).
pub(super) const MAX_PACKET_BYTES: u32 = 1 + 4 + 268_435_455;

/// The least that a client must take: CONNACK is not longer, nor is an answer for one filter.
pub(super) const MIN_CLIENT_PACKET_BYTES: u32 = 32;

/// Whether the client may have the message already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivery {
    First,
    Again,
}

/// `None` where the version has no packet for it.
pub(super) fn packet(version: Version, packet: &Outgoing) -> Option<Packet> {
    let made = match packet {
        Outgoing::Accepted { session_present, keep_alive, session_expiry } => match version {
            Version::V3 => connack_v3(ConnectReturnCode::Accepted, *session_present),
            Version::V5 => accepted_v5(*session_present, *keep_alive, *session_expiry),
        },
        Outgoing::Refused(refusal) => refused(version, *refusal)?,
        Outgoing::Acknowledge { id, reason } => puback(version, *id, *reason),
        Outgoing::Subscribed { id, results } => suback(version, *id, results),
        Outgoing::Unsubscribed { id, existed } => unsuback(version, *id, existed),
        Outgoing::Pong => Ok(pong(version)),
        Outgoing::Disconnect(reason) => match version {
            Version::V3 => return None,
            Version::V5 => disconnect_v5(*reason),
        },
    };
    debug_assert!(made.is_ok(), "a packet that the library does not build");
    made.ok()
}

/// PUBLISH. `None` if it does not fit into a packet of MQTT.
pub(super) fn message(version: Version, message: &Message, id: Option<PacketId>, delivery: Delivery) -> Option<Packet> {
    // The library panics where a length has no form.
    if message_bytes(message) > MAX_PACKET_BYTES as usize {
        return None;
    }
    match version {
        Version::V3 => publish_v3(message, id, delivery),
        Version::V5 => publish_v5(message, id, delivery),
    }
    .ok()
}

/// CONNACK to a version that is not served.
pub(super) fn unsupported_version(told_in: Version) -> Vec<u8> {
    match told_in {
        Version::V3 => bytes(connack_v3(ConnectReturnCode::UnacceptableProtocolVersion, false), MAX_PACKET_BYTES),
        Version::V5 => bytes(connack_v5(ConnectReasonCode::UnsupportedProtocolVersion), MAX_PACKET_BYTES),
    }
}

/// CONNACK to a client that wants to authenticate in a way of its own.
pub(super) fn unknown_authentication() -> Vec<u8> {
    bytes(connack_v5(ConnectReasonCode::BadAuthenticationMethod), MAX_PACKET_BYTES)
}

/// CONNACK to a client that broke the protocol; 3.1.1 has none.
pub(super) fn refusal(version: Version, reason: Reason, max_bytes: u32) -> Vec<u8> {
    match version {
        Version::V3 => Vec::new(),
        Version::V5 => bytes(connack_v5(reasons::connack_of_reason(reason)), max_bytes),
    }
}

/// DISCONNECT to a client that broke the protocol; 3.1.1 has none.
pub(super) fn disconnect(version: Version, reason: Reason, max_bytes: u32) -> Vec<u8> {
    packet(version, &Outgoing::Disconnect(reason)).map_or_else(Vec::new, |packet| bytes(Ok(packet), max_bytes))
}

/// With properties that are empty: two clients that are much used read no reason where they are left out.
fn disconnect_v5(reason: Reason) -> Result<Packet, MqttError> {
    v5_0::Disconnect::builder().reason_code(reasons::disconnect(reason)).props(Vec::new()).build().map(Into::into)
}

fn refused(version: Version, refusal: ConnectRefusal) -> Option<Result<Packet, MqttError>> {
    match version {
        Version::V3 => reasons::connack_v3(refusal).map(|code| connack_v3(code, false)),
        Version::V5 => Some(connack_v5(reasons::connack_v5(refusal))),
    }
}

fn connack_v3(code: ConnectReturnCode, session_present: bool) -> Result<Packet, MqttError> {
    v3_1_1::Connack::builder().session_present(session_present).return_code(code).build().map(Into::into)
}

fn connack_v5(code: ConnectReasonCode) -> Result<Packet, MqttError> {
    v5_0::Connack::builder().session_present(false).reason_code(code).build().map(Into::into)
}

/// The library adds the greatest packet and the receive maximum by itself.
fn accepted_v5(
    session_present: bool,
    keep_alive: Option<u16>,
    session_expiry: Option<u32>,
) -> Result<Packet, MqttError> {
    let mut properties: Vec<Property> = vec![
        MaximumQos::new(1)?.into(),
        RetainAvailable::new(0)?.into(),
        WildcardSubscriptionAvailable::new(0)?.into(),
        SubscriptionIdentifierAvailable::new(0)?.into(),
        SharedSubscriptionAvailable::new(0)?.into(),
    ];
    if let Some(seconds) = keep_alive {
        properties.push(ServerKeepAlive::new(seconds)?.into());
    }
    if let Some(seconds) = session_expiry {
        properties.push(SessionExpiryInterval::new(seconds)?.into());
    }
    let connack = v5_0::Connack::builder()
        .session_present(session_present)
        .reason_code(ConnectReasonCode::Success)
        .props(properties);
    connack.build().map(Into::into)
}

fn puback(version: Version, id: PacketId, refusal: Option<PublishRefusal>) -> Result<Packet, MqttError> {
    match (version, refusal) {
        (Version::V3, _) => v3_1_1::Puback::builder().packet_id(id.get()).build().map(Into::into),
        (Version::V5, None) => v5_0::Puback::builder().packet_id(id.get()).build().map(Into::into),
        (Version::V5, Some(refusal)) => {
            v5_0::Puback::builder().packet_id(id.get()).reason_code(reasons::puback(refusal)).build().map(Into::into)
        }
    }
}

fn suback(version: Version, id: PacketId, results: &[Result<Qos, SubscribeRefusal>]) -> Result<Packet, MqttError> {
    match version {
        Version::V3 => {
            let codes = results.iter().map(|result| reasons::suback_v3(*result)).collect();
            v3_1_1::Suback::builder().packet_id(id.get()).return_codes(codes).build().map(Into::into)
        }
        Version::V5 => {
            let codes = results.iter().map(|result| reasons::suback_v5(*result)).collect();
            v5_0::Suback::builder().packet_id(id.get()).reason_codes(codes).build().map(Into::into)
        }
    }
}

fn unsuback(version: Version, id: PacketId, existed: &[bool]) -> Result<Packet, MqttError> {
    match version {
        Version::V3 => v3_1_1::Unsuback::builder().packet_id(id.get()).build().map(Into::into),
        Version::V5 => {
            let codes = existed.iter().map(|existed| reasons::unsuback(*existed)).collect();
            v5_0::Unsuback::builder().packet_id(id.get()).reason_codes(codes).build().map(Into::into)
        }
    }
}

fn pong(version: Version) -> Packet {
    match version {
        Version::V3 => v3_1_1::Pingresp::new().into(),
        Version::V5 => v5_0::Pingresp::new().into(),
    }
}

fn publish_v3(message: &Message, id: Option<PacketId>, delivery: Delivery) -> Result<Packet, MqttError> {
    let publish = v3_1_1::Publish::builder().topic_name(&*message.topic)?.payload(&*message.payload);
    let publish = match id {
        None => publish.qos(LibraryQos::AtMostOnce),
        Some(id) => publish.qos(LibraryQos::AtLeastOnce).packet_id(id.get()).dup(delivery == Delivery::Again),
    };
    publish.build().map(Into::into)
}

fn publish_v5(message: &Message, id: Option<PacketId>, delivery: Delivery) -> Result<Packet, MqttError> {
    let publish = v5_0::Publish::builder().topic_name(&*message.topic)?.payload(&*message.payload);
    let publish = match id {
        None => publish.qos(LibraryQos::AtMostOnce),
        Some(id) => publish.qos(LibraryQos::AtLeastOnce).packet_id(id.get()).dup(delivery == Delivery::Again),
    };
    let publish = match &message.request {
        None => publish,
        Some(request) => publish.props(properties(request)?),
    };
    publish.build().map(Into::into)
}

fn properties(request: &RequestProperties) -> Result<Vec<Property>, MqttError> {
    let mut properties = Vec::with_capacity(2 + request.user.len());
    properties.push(ResponseTopic::new(request.response_topic.as_str())?.into());
    properties.push(CorrelationData::new(request.correlation.clone())?.into());
    for (key, value) in &request.user {
        properties.push(UserProperty::new(*key, value.as_str())?.into());
    }
    Ok(properties)
}

/// Not less than the bytes of its packet.
fn message_bytes(message: &Message) -> usize {
    // First byte, length, length of the topic, id, length of the properties.
    const FRAME_BYTES: usize = 1 + 4 + 2 + 2 + 4;
    // The id of a property and two lengths.
    const PROPERTY_BYTES: usize = 1 + 2 + 2;
    let request = message.request.as_ref().map_or(0, |request| {
        let user: usize = request.user.iter().map(|(key, value)| PROPERTY_BYTES + key.len() + value.len()).sum();
        2 * PROPERTY_BYTES + request.response_topic.len() + request.correlation.len() + user
    });
    FRAME_BYTES + message.topic.len() + message.payload.len() + request
}

fn bytes(packet: Result<Packet, MqttError>, max_bytes: u32) -> Vec<u8> {
    use mqtt_protocol_core::mqtt::packet::GenericPacketTrait as _;
    packet
        .map(|packet| packet.to_continuous_buffer())
        .ok()
        .filter(|bytes| bytes.len() <= max_bytes as usize)
        .unwrap_or_default()
}
