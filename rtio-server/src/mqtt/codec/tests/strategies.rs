//! What clients and the hub may say, at random.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::support::*;
use crate::mqtt::codec::*;
use crate::mqtt::packet::{PublishRefusal, RequestProperties, SubscribeRefusal};

pub(super) fn version() -> impl Strategy<Value = Version> {
    prop::sample::select(BOTH.to_vec())
}

pub(super) fn qos() -> impl Strategy<Value = Qos> {
    prop::sample::select(vec![Qos::AtMostOnce, Qos::AtLeastOnce])
}

pub(super) fn first_byte() -> impl Strategy<Value = u8> {
    prop::sample::select(vec![0x10, 0x30, 0x31, 0x32, 0x33, 0x3A, 0x40, 0x82, 0xA2, 0xC0, 0xE0])
}

/// Mostly what makes short lengths and known properties.
pub(super) fn body_byte() -> impl Strategy<Value = u8> {
    prop_oneof![3 => 0..4_u8, 2 => prop::sample::select(vec![0x01, 0x02, 0x08, 0x09, 0x0B, 0x11, 0x1F, 0x21, 0x23, 0x26, 0x27]), 1 => any::<u8>()]
}

/// Packets of one client.
pub(super) fn conversation() -> impl Strategy<Value = (Version, Vec<Vec<u8>>)> {
    version().prop_flat_map(|version| (Just(version), vec(of_client(version), 0..12)))
}

pub(super) fn of_client(version: Version) -> impl Strategy<Value = Vec<u8>> {
    let topic = "[a-zä/+#]{1,12}";
    let message = (topic, option::of(1..=u16::MAX), vec(any::<u8>(), 0..200)).prop_map(move |(topic, id, payload)| {
        let flags = if id.is_some() { 0b10 } else { 0 };
        let id = id.map_or_else(Vec::new, |id| id.to_be_bytes().to_vec());
        packet(0x30 | flags, &[string(topic.as_bytes()), id, listed(version, b""), payload].concat())
    });
    let subscribe = (1..=u16::MAX, vec((topic, 0..3_u8), 1..5)).prop_map(move |(id, filters)| {
        let filters: Vec<(&[u8], u8)> = filters.iter().map(|(topic, options)| (topic.as_bytes(), *options)).collect();
        subscribe(version, id, b"", &filters)
    });
    let unsubscribe = (1..=u16::MAX, vec(topic, 1..5)).prop_map(move |(id, topics)| {
        let topics: Vec<&[u8]> = topics.iter().map(String::as_bytes).collect();
        unsubscribe(version, id, &topics)
    });
    let acknowledgement = (1..=u16::MAX).prop_map(|id| packet(0x40, &id.to_be_bytes()));
    prop_oneof![4 => message, 1 => subscribe, 1 => unsubscribe, 1 => acknowledgement, 1 => Just(vec![0xC0, 0])]
}

/// What is sent, still without its number.
#[derive(Debug, Clone)]
pub(super) enum Unnumbered {
    Accepted(bool, Option<u16>, Option<u32>),
    Refused(ConnectRefusal),
    Acknowledge(Option<PublishRefusal>),
    Subscribed(Vec<Result<Qos, SubscribeRefusal>>),
    Unsubscribed(Vec<bool>),
    Pong,
    Disconnect(Reason),
}

impl Unnumbered {
    pub(super) fn numbered(self, id: PacketId) -> Outgoing {
        match self {
            Self::Accepted(session_present, keep_alive, session_expiry) => {
                Outgoing::Accepted { session_present, keep_alive, session_expiry }
            }
            Self::Refused(refusal) => Outgoing::Refused(refusal),
            Self::Acknowledge(reason) => Outgoing::Acknowledge { id, reason },
            Self::Subscribed(results) => Outgoing::Subscribed { id, results },
            Self::Unsubscribed(existed) => Outgoing::Unsubscribed { id, existed },
            Self::Pong => Outgoing::Pong,
            Self::Disconnect(reason) => Outgoing::Disconnect(reason),
        }
    }
}

pub(super) fn outgoing() -> impl Strategy<Value = Unnumbered> {
    let refusal = prop::sample::select(vec![
        ConnectRefusal::Malformed,
        ConnectRefusal::UnsupportedVersion,
        ConnectRefusal::ClientId,
        ConnectRefusal::BadCredential,
        ConnectRefusal::NotAuthorized,
        ConnectRefusal::Unavailable,
    ]);
    let result = prop::sample::select(vec![
        Ok(Qos::AtMostOnce),
        Ok(Qos::AtLeastOnce),
        Err(SubscribeRefusal::NotAuthorized),
        Err(SubscribeRefusal::TooMany),
        Err(SubscribeRefusal::Unavailable),
    ]);
    let reason =
        prop::sample::select(vec![Reason::Malformed, Reason::TakenOver, Reason::ShuttingDown, Reason::NotAuthorized]);
    prop_oneof![
        (any::<bool>(), option::of(any::<u16>()), option::of(any::<u32>()))
            .prop_map(|(present, alive, expiry)| Unnumbered::Accepted(present, alive, expiry)),
        refusal.prop_map(Unnumbered::Refused),
        option::of(Just(PublishRefusal::NotAuthorized)).prop_map(Unnumbered::Acknowledge),
        vec(result, 1..200).prop_map(Unnumbered::Subscribed),
        vec(any::<bool>(), 1..200).prop_map(Unnumbered::Unsubscribed),
        Just(Unnumbered::Pong),
        reason.prop_map(Unnumbered::Disconnect),
    ]
}

pub(super) fn any_message() -> impl Strategy<Value = Message> {
    let user = vec((prop::sample::select(vec!["method", "uri", "status"]), "[a-zä]{0,8}"), 0..3);
    let request = ("[a-z/]{1,20}", vec(any::<u8>(), 0..16), user).prop_map(|(response_topic, correlation, user)| {
        Box::new(RequestProperties { response_topic, correlation, user })
    });
    ("[a-zä/]{1,40}", vec(any::<u8>(), 0..200), option::of(request)).prop_map(|(topic, payload, request)| Message {
        topic: topic.into(),
        payload: payload.into(),
        request,
    })
}
