//! What a client sends, in the words of this edge, and the rules that the library does not look at.

use mqtt_protocol_core::mqtt::packet::{Packet, Property, Qos as LibraryQos, RetainHandling, SubEntry, v3_1_1, v5_0};

use super::frames::{Frame, Kind};
use super::reasons;
use crate::mqtt::packet::{Filter, Incoming, PacketId, Publish, Qos, Reason, Version};

/// What is wrong with a packet before the library sees it.
pub(super) fn check(kind: Kind, frame: &Frame<'_>, version: Version) -> Result<(), Reason> {
    match kind {
        Kind::Publish => check_publish(frame, version),
        // The library takes a reason in 3.1.1, too.
        Kind::Acknowledgement if version == Version::V3 && frame.body().len() != 2 => Err(Reason::Malformed),
        Kind::Connect | Kind::Acknowledgement | Kind::Subscribe | Kind::Unsubscribe | Kind::Ping | Kind::Disconnect => {
            Ok(())
        }
    }
}

/// The id of a PUBACK.
pub(super) fn acknowledged(frame: &Frame<'_>, version: Version) -> Result<Option<PacketId>, Reason> {
    let body = frame.body();
    let (id, parsed) = match version {
        Version::V3 => v3_1_1::Puback::parse(body).map(|(packet, parsed)| (packet.packet_id(), parsed)),
        Version::V5 => v5_0::Puback::parse(body).map(|(packet, parsed)| (packet.packet_id(), parsed)),
    }
    .map_err(reasons::of_error)?;
    if parsed != body.len() {
        return Err(Reason::Malformed);
    }
    Ok(PacketId::new(id))
}

/// A packet of the library, in words of this edge.
///
/// # Errors
///
/// It breaks a rule that the library does not know, or that the hub has told in CONNACK.
pub(super) fn of_packet(packet: Packet) -> Result<Incoming, Reason> {
    match packet {
        Packet::V3_1_1Publish(packet) => Ok(Incoming::Publish(of_publish_v3(&packet)?)),
        Packet::V5_0Publish(packet) => Ok(Incoming::Publish(of_publish_v5(&packet)?)),
        Packet::V3_1_1Puback(packet) => Ok(Incoming::Acknowledged(id(packet.packet_id())?)),
        Packet::V5_0Puback(packet) => Ok(Incoming::Acknowledged(id(packet.packet_id())?)),
        Packet::V3_1_1Subscribe(packet) => {
            let filters = packet.entries().iter().map(filter_v3).collect::<Result<_, _>>()?;
            Ok(Incoming::Subscribe { id: id(packet.packet_id())?, filters })
        }
        Packet::V5_0Subscribe(packet) => {
            if packet.props().iter().any(|property| matches!(property, Property::SubscriptionIdentifier(_))) {
                return Err(Reason::SubscriptionIdentifierNotSupported);
            }
            let filters = packet.entries().iter().map(filter).collect::<Result<_, _>>()?;
            Ok(Incoming::Subscribe { id: id(packet.packet_id())?, filters })
        }
        Packet::V3_1_1Unsubscribe(packet) => {
            let filters =
                packet.entries().iter().map(|topic| topic_filter(topic.as_str())).collect::<Result<_, _>>()?;
            Ok(Incoming::Unsubscribe { id: id(packet.packet_id())?, filters })
        }
        Packet::V5_0Unsubscribe(packet) => {
            let filters =
                packet.entries().iter().map(|topic| topic_filter(topic.as_str())).collect::<Result<_, _>>()?;
            Ok(Incoming::Unsubscribe { id: id(packet.packet_id())?, filters })
        }
        Packet::V3_1_1Pingreq(_) | Packet::V5_0Pingreq(_) => Ok(Incoming::Ping),
        Packet::V3_1_1Disconnect(_) => Ok(Incoming::Disconnect { session_expiry: None }),
        Packet::V5_0Disconnect(packet) => {
            Ok(Incoming::Disconnect { session_expiry: session_expiry(packet.props().as_deref()) })
        }
        Packet::V3_1_1Connect(_)
        | Packet::V3_1_1Connack(_)
        | Packet::V3_1_1Suback(_)
        | Packet::V3_1_1Unsuback(_)
        | Packet::V3_1_1Pubrec(_)
        | Packet::V3_1_1Pubrel(_)
        | Packet::V3_1_1Pubcomp(_)
        | Packet::V3_1_1Pingresp(_)
        | Packet::V5_0Connect(_)
        | Packet::V5_0Connack(_)
        | Packet::V5_0Suback(_)
        | Packet::V5_0Unsuback(_)
        | Packet::V5_0Pubrec(_)
        | Packet::V5_0Pubrel(_)
        | Packet::V5_0Pubcomp(_)
        | Packet::V5_0Pingresp(_)
        | Packet::V5_0Auth(_) => Err(Reason::ProtocolError),
    }
}

/// Whether the client takes the answer, which has a byte for each filter.
pub(super) fn check_room(packet: &Incoming, version: Version, max_sent_bytes: u32) -> Result<(), Reason> {
    // First byte, length, id and an empty list of properties.
    const MAX_FRAME_BYTES: usize = 1 + 4 + 2 + 1;
    let answers = match packet {
        Incoming::Subscribe { filters, .. } => filters.len(),
        Incoming::Unsubscribe { filters, .. } => filters.len(),
        Incoming::Connect(_)
        | Incoming::Publish(_)
        | Incoming::Acknowledged(_)
        | Incoming::Ping
        | Incoming::Disconnect { .. } => 0,
    };
    if version == Version::V5 && MAX_FRAME_BYTES + answers > max_sent_bytes as usize {
        return Err(Reason::QuotaExceeded);
    }
    Ok(())
}

/// Text of a client, which must not have a NUL (MQTT 5 §1.5.4).
pub(super) fn text(text: &str) -> Result<String, Reason> {
    if text.contains('\0') { Err(Reason::Malformed) } else { Ok(text.to_owned()) }
}

fn check_publish(frame: &Frame<'_>, version: Version) -> Result<(), Reason> {
    let (retain, qos, dup) = (frame.flags() & 0b0001, (frame.flags() & 0b0110) >> 1, frame.flags() & 0b1000);
    if qos == 3 || (qos == 0 && dup != 0) {
        return Err(Reason::Malformed);
    }
    if qos == 2 {
        return Err(Reason::QosNotSupported);
    }
    match version {
        Version::V3 if topic_bytes(frame) == Some(0) => Err(Reason::Malformed),
        Version::V3 => Ok(()),
        Version::V5 if retain != 0 => Err(Reason::RetainNotSupported),
        Version::V5 => {
            // The library takes a message that ends before its properties.
            let before = topic_bytes(frame).ok_or(Reason::Malformed)? + if qos == 0 { 2 } else { 4 };
            if frame.body().len() > before { Ok(()) } else { Err(Reason::Malformed) }
        }
    }
}

fn topic_bytes(frame: &Frame<'_>) -> Option<usize> {
    let length = frame.body().first_chunk().copied()?;
    Some(usize::from(u16::from_be_bytes(length)))
}

fn of_publish_v3(packet: &v3_1_1::Publish) -> Result<Publish, Reason> {
    Ok(Publish {
        id: packet.packet_id().map(id).transpose()?,
        retain: packet.retain(),
        topic: text(packet.topic_name())?,
        payload: packet.payload().as_slice().to_vec(),
        correlation: None,
        status: None,
    })
}

fn of_publish_v5(packet: &v5_0::Publish) -> Result<Publish, Reason> {
    let mut publish = Publish {
        id: packet.packet_id().map(id).transpose()?,
        retain: packet.retain(),
        topic: text(packet.topic_name())?,
        payload: packet.payload().as_slice().to_vec(),
        correlation: None,
        status: None,
    };
    for property in packet.props() {
        if let Property::CorrelationData(data) = property {
            publish.correlation = Some(data.val().to_vec());
        } else if let Property::UserProperty(pair) = property {
            if pair.key() == "status" && publish.status.is_none() {
                publish.status = Some(text(pair.val())?);
            }
        } else if let Property::SubscriptionIdentifier(_) = property {
            return Err(Reason::ProtocolError);
        }
    }
    Ok(publish)
}

fn filter_v3(entry: &SubEntry) -> Result<Filter, Reason> {
    let options = entry.sub_opts();
    if options.nl() || options.rap() || options.rh() != RetainHandling::SendRetained {
        // Reserved in 3.1.1.
        return Err(Reason::Malformed);
    }
    filter(entry)
}

fn filter(entry: &SubEntry) -> Result<Filter, Reason> {
    let qos = match entry.sub_opts().qos() {
        LibraryQos::AtMostOnce => Qos::AtMostOnce,
        LibraryQos::AtLeastOnce | LibraryQos::ExactlyOnce => Qos::AtLeastOnce,
    };
    Ok(Filter { topic: topic_filter(entry.topic_filter())?, qos })
}

fn topic_filter(topic: &str) -> Result<String, Reason> {
    if topic.is_empty() { Err(Reason::Malformed) } else { text(topic) }
}

fn session_expiry(properties: Option<&[Property]>) -> Option<u32> {
    properties?.iter().find_map(|property| {
        if let Property::SessionExpiryInterval(seconds) = property { Some(seconds.val()) } else { None }
    })
}

fn id(id: u16) -> Result<PacketId, Reason> {
    PacketId::new(id).ok_or(Reason::Malformed)
}
