//! What the hub sends, byte by byte where a client depends on the code, and as a client of the library hears it.

use mqtt_protocol_core::mqtt::packet::GenericPacketTrait as _;

use super::heard::heard;
use super::support::*;
use crate::mqtt::codec::*;
use crate::mqtt::packet::{PublishRefusal, RequestProperties, SubscribeRefusal};

/// What is written after CONNECT.
fn first_word(version: Version, packet: &Outgoing) -> Vec<u8> {
    let mut codec = codec();
    one(&mut codec, &connect(version, b"")).unwrap();
    let mut out = Vec::new();
    codec.encode(packet, &mut out);
    out
}

fn word(version: Version, packet: &Outgoing) -> Vec<u8> {
    let mut out = Vec::new();
    open(version).encode(packet, &mut out);
    out
}

#[test]
fn connack_says_what_the_hub_serves() {
    let accepted = Outgoing::Accepted { session_present: true, keep_alive: Some(60), session_expiry: Some(3600) };
    assert_eq!(first_word(Version::V3, &accepted), [0x20, 2, 1, 0]);
    let expected = [
        &[0x20, 29, 1, 0, 26][..],
        &[0x24, 1, 0x25, 0, 0x28, 0, 0x29, 0, 0x2a, 0],
        &[0x13, 0, 60, 0x11, 0, 0, 0x0E, 0x10],
        &[0x27, 0, 0, 0x10, 0, 0x21, 0, 10],
    ]
    .concat();
    assert_eq!(first_word(Version::V5, &accepted), expected);
    // Neither what it asked for nor a topic alias maximum.
    assert_eq!(
        first_word(Version::V5, &ACCEPTED),
        [&[0x20, 21, 0, 0, 18][..], &expected[5..15], &expected[23..]].concat()
    );
}

#[test]
fn each_refusal_has_its_code() {
    for (refusal, v3, v5) in [
        (ConnectRefusal::Malformed, None, 0x81),
        (ConnectRefusal::UnsupportedVersion, Some(1), 0x84),
        (ConnectRefusal::ClientId, Some(2), 0x85),
        (ConnectRefusal::BadCredential, Some(4), 0x86),
        (ConnectRefusal::NotAuthorized, Some(5), 0x87),
        (ConnectRefusal::Unavailable, Some(3), 0x88),
    ] {
        let refused = Outgoing::Refused(refusal);
        assert_eq!(first_word(Version::V3, &refused), v3.map_or(vec![], |code| vec![0x20, 2, 0, code]));
        assert_eq!(first_word(Version::V5, &refused), [0x20, 3, 0, v5, 0]);
    }
}

#[test]
fn each_reason_has_its_code() {
    for (reason, code) in [
        (Reason::Malformed, 0x81),
        (Reason::ProtocolError, 0x82),
        (Reason::NotAuthorized, 0x87),
        (Reason::ShuttingDown, 0x8B),
        (Reason::KeepAliveTimeout, 0x8D),
        (Reason::TakenOver, 0x8E),
        (Reason::ReceiveMaximumExceeded, 0x93),
        (Reason::TopicAliasInvalid, 0x94),
        (Reason::PacketTooLarge, 0x95),
        (Reason::QuotaExceeded, 0x97),
        (Reason::Administrative, 0x98),
        (Reason::RetainNotSupported, 0x9A),
        (Reason::QosNotSupported, 0x9B),
        (Reason::SubscriptionIdentifierNotSupported, 0xA1),
    ] {
        assert_eq!(word(Version::V3, &Outgoing::Disconnect(reason)), b"");
        assert_eq!(word(Version::V5, &Outgoing::Disconnect(reason)), [0xE0, 2, code, 0]);
    }
}

#[test]
fn answers_have_their_codes() {
    let results = vec![
        Ok(Qos::AtMostOnce),
        Ok(Qos::AtLeastOnce),
        Err(SubscribeRefusal::NotAuthorized),
        Err(SubscribeRefusal::TooMany),
        Err(SubscribeRefusal::Unavailable),
    ];
    let subscribed = Outgoing::Subscribed { id: id(0x0102), results };
    assert_eq!(word(Version::V3, &subscribed), [0x90, 7, 1, 2, 0, 1, 0x80, 0x80, 0x80]);
    assert_eq!(word(Version::V5, &subscribed), [0x90, 8, 1, 2, 0, 0, 1, 0x87, 0x97, 0x80]);

    let unsubscribed = Outgoing::Unsubscribed { id: id(3), existed: vec![true, false] };
    assert_eq!(word(Version::V3, &unsubscribed), [0xB0, 2, 0, 3]);
    assert_eq!(word(Version::V5, &unsubscribed), [0xB0, 5, 0, 3, 0, 0, 0x11]);

    let refused = Outgoing::Acknowledge { id: id(4), reason: Some(PublishRefusal::NotAuthorized) };
    assert_eq!(word(Version::V3, &refused), [0x40, 2, 0, 4]);
    assert_eq!(word(Version::V5, &refused), [0x40, 3, 0, 4, 0x87]);
    for version in BOTH {
        assert_eq!(word(version, &Outgoing::Acknowledge { id: id(4), reason: None }), [0x40, 2, 0, 4]);
        assert_eq!(word(version, &Outgoing::Pong), [0xD0, 0]);
    }
}

#[test]
fn what_does_not_belong_here_is_not_written() {
    let mut out = Vec::new();
    let mut silent = codec();
    silent.encode(&ACCEPTED, &mut out);
    silent.encode(&Outgoing::Pong, &mut out);
    assert_eq!(silent.publish(&message("a", b""), Qos::AtLeastOnce, &mut out), Err(Unsent::NoId));
    for version in BOTH {
        let mut met = codec();
        one(&mut met, &connect(version, b"")).unwrap();
        met.encode(&Outgoing::Pong, &mut out);
        assert_eq!(met.publish(&message("a", b""), Qos::AtMostOnce, &mut out), Err(Unsent::NoId));
        assert_eq!(met.publish(&message("a", b""), Qos::AtLeastOnce, &mut out), Err(Unsent::NoId));
        met.encode(&Outgoing::Disconnect(Reason::ShuttingDown), &mut out);
        let mut in_already = open(version);
        in_already.encode(&ACCEPTED, &mut out);
    }
    assert_eq!(out, b"");
}

#[test]
fn after_the_last_word_there_is_none() {
    for version in BOTH {
        let mut codec = open(version);
        codec.encode(&Outgoing::Disconnect(Reason::TakenOver), &mut Vec::new());
        assert_eq!(
            codec.decode(&[0xC0, 0]),
            Err(Broken { reason: Reason::ProtocolError, refusal: None, last_words: Vec::new() })
        );
    }
}

#[test]
fn messages_are_numbered_until_they_are_acknowledged() {
    for version in BOTH {
        let mut codec = open(version);
        let mut out = Vec::new();
        let first = codec.publish(&message("a/b", b"1"), Qos::AtLeastOnce, &mut out).unwrap();
        let second = codec.publish(&message("a/b", b"2"), Qos::AtLeastOnce, &mut out).unwrap();
        assert_eq!(codec.publish(&message("a/b", b"3"), Qos::AtMostOnce, &mut out), Ok(None));
        assert!(first.is_some() && second.is_some() && first != second);
        let acknowledgement = [&[0x40, 2][..], &first.unwrap().get().to_be_bytes()].concat();
        assert_eq!(one(&mut codec, &acknowledgement), Ok(Incoming::Acknowledged(first.unwrap())));
        // A second time changes nothing.
        assert_eq!(one(&mut codec, &acknowledgement), Ok(Incoming::Acknowledged(first.unwrap())));
        let third = codec.publish(&message("a/b", b"4"), Qos::AtLeastOnce, &mut out).unwrap();
        assert_ne!(third, second);

        let mut client = Client::open(version);
        let length = usize::from(out[1]) + 2;
        let sent = heard(client.hear(&out[..length]));
        assert_eq!(
            (sent.kind, sent.topic.as_str(), sent.payload.as_slice(), sent.flag),
            ("publish", "a/b", &b"1"[..], false)
        );
        assert!(sent.properties.is_empty());
    }
}

/// The session keeps what is not acknowledged; the next connection may even speak the other version.
#[test]
fn a_message_is_sent_again_under_its_id() {
    for version in BOTH {
        let mut codec = open(version);
        let mut out = Vec::new();
        codec.publish_again(id(7), &message("a/b", b"1"), &mut out).unwrap();
        assert_eq!(out[0], 0x3A);
        assert_eq!(out[7..9], [0, 7]);
        let written = out.len();
        assert_eq!(codec.publish_again(id(7), &message("a/b", b"1"), &mut out), Err(Unsent::NoId));
        assert_eq!(out.len(), written);
        let mut ids: Vec<PacketId> =
            (0..8).map(|_| codec.publish(&message("a", b""), Qos::AtLeastOnce, &mut out).unwrap().unwrap()).collect();
        assert!(!ids.contains(&id(7)));
        ids.dedup();
        assert_eq!(ids.len(), 8);
        assert_eq!(one(&mut codec, &[0x40, 2, 0, 7]), Ok(Incoming::Acknowledged(id(7))));
    }
}

#[test]
fn no_more_is_sent_than_the_client_takes_unacknowledged() {
    let mut codec = open_with(&connect(Version::V5, &[0x21, 0, 2]));
    let mut out = Vec::new();
    let first = codec.publish(&message("a", b""), Qos::AtLeastOnce, &mut out).unwrap().unwrap();
    codec.publish_again(id(9), &message("a", b""), &mut out).unwrap();
    let written = out.len();
    assert_eq!(codec.publish(&message("a", b""), Qos::AtLeastOnce, &mut out), Err(Unsent::NoId));
    assert_eq!(codec.publish_again(id(10), &message("a", b""), &mut out), Err(Unsent::NoId));
    assert_eq!(out.len(), written);
    assert_eq!(codec.publish(&message("a", b""), Qos::AtMostOnce, &mut out), Ok(None));
    // Not of a message: nothing is freed.
    one(&mut codec, &[0x40, 2, 0, 10]).unwrap();
    assert_eq!(codec.publish(&message("a", b""), Qos::AtLeastOnce, &mut out), Err(Unsent::NoId));
    one(&mut codec, &[&[0x40, 2][..], &first.get().to_be_bytes()].concat()).unwrap();
    assert!(codec.publish(&message("a", b""), Qos::AtLeastOnce, &mut out).is_ok());
}

#[test]
fn ids_run_out_and_come_back() {
    let mut codec = open(Version::V3);
    let mut out = Vec::new();
    for _ in 1..=u16::MAX {
        out.clear();
        codec.publish(&message("a", b""), Qos::AtLeastOnce, &mut out).unwrap();
    }
    out.clear();
    assert_eq!(codec.publish(&message("a", b""), Qos::AtLeastOnce, &mut out), Err(Unsent::NoId));
    assert_eq!(codec.publish_again(id(1), &message("a", b""), &mut out), Err(Unsent::NoId));
    assert_eq!(out, b"");
    one(&mut codec, &[0x40, 2, 0x30, 0x39]).unwrap();
    assert_eq!(codec.publish(&message("a", b""), Qos::AtLeastOnce, &mut out), Ok(Some(id(12_345))));
}

#[test]
fn a_message_that_the_client_does_not_take_keeps_no_id() {
    // First byte, length, topic with its length, id, list of properties.
    const FRAME_BYTES: usize = 2 + 3 + 2 + 1;
    let mut codec = open_with(&connect(Version::V5, &[0x27, 0, 0, 0, 64]));
    let mut out = Vec::new();
    for _ in 0..3 {
        assert_eq!(
            codec.publish(&message("a", &[0; 64 - FRAME_BYTES + 1]), Qos::AtLeastOnce, &mut out),
            Err(Unsent::TooLarge)
        );
        assert_eq!(codec.publish_again(id(1), &message("a", &[0; 64]), &mut out), Err(Unsent::TooLarge));
        assert_eq!(codec.publish(&message("a", &[0; 64]), Qos::AtMostOnce, &mut out), Err(Unsent::TooLarge));
    }
    assert_eq!(out, b"");
    assert_eq!(codec.publish(&message("a", &[0; 64 - FRAME_BYTES]), Qos::AtLeastOnce, &mut out), Ok(Some(id(1))));
    assert_eq!(out.len(), 64);
}

/// Where the library would panic, since a length has no form: nothing of it is given to the library.
#[test]
fn a_message_that_no_packet_holds_is_too_large() {
    // Never touched, so it takes no memory either.
    let most = Message { topic: "a".into(), payload: vec![0; 268_435_455].into_boxed_slice(), request: None };
    for version in BOTH {
        let mut codec = open(version);
        let mut out = Vec::new();
        assert_eq!(codec.publish(&most, Qos::AtLeastOnce, &mut out), Err(Unsent::TooLarge));
        assert_eq!(
            codec.publish(&message(&"a".repeat(65_536), b""), Qos::AtLeastOnce, &mut out),
            Err(Unsent::TooLarge)
        );
        assert_eq!(codec.publish(&message("", b""), Qos::AtMostOnce, &mut out), Err(Unsent::TooLarge));
        assert_eq!(out, b"");
        assert_eq!(codec.publish(&message("a", b""), Qos::AtLeastOnce, &mut out), Ok(Some(id(1))));
    }
}

#[test]
fn what_a_request_says_beside_its_payload() {
    let request = RequestProperties {
        response_topic: "r".to_owned(),
        correlation: vec![0, 0xFF],
        user: vec![("method", "copost".to_owned()), ("uri", "/a".to_owned())],
    };
    let message = Message { topic: "q".into(), payload: b"p"[..].into(), request: Some(Box::new(request)) };
    let mut out = Vec::new();
    open(Version::V5).publish(&message, Qos::AtMostOnce, &mut out).unwrap();
    let properties = [
        &[0x08][..],
        &string(b"r"),
        &[0x09],
        &string(&[0, 0xFF]),
        &[0x26],
        &string(b"method"),
        &string(b"copost"),
        &[0x26],
        &string(b"uri"),
        &string(b"/a"),
    ]
    .concat();
    assert_eq!(out, packet(0x30, &[&string(b"q")[..], &listed(Version::V5, &properties), b"p"].concat()));
    assert_eq!(Client::open(Version::V5).hear(&out).size(), out.len());
    out.clear();
    open(Version::V3).publish(&message, Qos::AtMostOnce, &mut out).unwrap();
    assert_eq!(out, packet(0x30, &[&string(b"q")[..], b"p"].concat()));
}
