//! Each packet of a client that is in: whole, cut short, changed, and against the rules.

use super::support::*;
use crate::mqtt::codec::*;
use crate::mqtt::packet::{Filter, Publish};

fn plain(id: Option<u16>) -> Publish {
    let (topic, payload) = ("a/b".to_owned(), b"payload".to_vec());
    Publish { id: id.and_then(PacketId::new), retain: false, topic, payload, correlation: None, status: None }
}

/// Each kind of packet, and what it says.
fn well_formed(version: Version) -> Vec<(Vec<u8>, Incoming)> {
    let filter = |topic: &str, qos| Filter { topic: topic.to_owned(), qos };
    let mut packets = vec![
        (publish(version, 0b0000, b"", b""), Incoming::Publish(plain(None))),
        (publish(version, 0b0010, &[0, 7], b""), Incoming::Publish(plain(Some(7)))),
        // Sent again.
        (publish(version, 0b1010, &[0, 7], b""), Incoming::Publish(plain(Some(7)))),
        (vec![0x40, 2, 0, 9], Incoming::Acknowledged(id(9))),
        (
            subscribe(version, 1, b"", &[(b"a/b", 1), (b"c", 0), (b"d/#", 2)]),
            Incoming::Subscribe {
                id: id(1),
                filters: vec![
                    filter("a/b", Qos::AtLeastOnce),
                    filter("c", Qos::AtMostOnce),
                    filter("d/#", Qos::AtLeastOnce),
                ],
            },
        ),
        (
            unsubscribe(version, 0xFFFF, &[b"a/b", b"+"]),
            Incoming::Unsubscribe { id: id(0xFFFF), filters: vec!["a/b".into(), "+".into()] },
        ),
        (vec![0xC0, 0], Incoming::Ping),
        (vec![0xE0, 0], Incoming::Disconnect { session_expiry: None }),
    ];
    if version == Version::V5 {
        let answer =
            [&[0x09][..], &string(b"\x00\xff"), &[0x26], &string(b"status"), &string(b"ok"), &[0x03], &string(b"text")]
                .concat();
        let answered = Publish { correlation: Some(vec![0, 0xFF]), status: Some("ok".into()), ..plain(None) };
        packets.extend([
            (publish(version, 0, b"", &answer), Incoming::Publish(answered)),
            (vec![0x40, 3, 0, 9, 0x10], Incoming::Acknowledged(id(9))),
            (vec![0x40, 4, 0, 9, 0x80, 0], Incoming::Acknowledged(id(9))),
            (vec![0xE0, 1, 0x04], Incoming::Disconnect { session_expiry: None }),
            (vec![0xE0, 7, 0, 5, 0x11, 0, 0, 0, 0], Incoming::Disconnect { session_expiry: Some(0) }),
        ]);
    } else {
        packets.push((publish(version, 1, b"", b""), Incoming::Publish(Publish { retain: true, ..plain(None) })));
    }
    packets
}

#[test]
fn each_packet_says_what_it_says() {
    for version in BOTH {
        for (bytes, expected) in well_formed(version) {
            assert_eq!(one(&mut open(version), &bytes), Ok(expected), "{version:?} {bytes:x?}");
        }
    }
}

#[test]
fn a_packet_that_is_cut_short_waits_for_its_rest() {
    for version in BOTH {
        let mut packets = well_formed(version);
        packets.push((connect(version, b""), Incoming::Ping));
        for (bytes, expected) in packets {
            for cut in 0..bytes.len() {
                let mut codec = ready_for(version, &bytes);
                assert_eq!(codec.decode(&bytes[..cut]), Ok((cut, None)), "{version:?} {bytes:x?} cut at {cut}");
                let rest = one(&mut codec, &bytes[cut..]).unwrap();
                assert!(rest == expected || matches!(rest, Incoming::Connect(_)));
            }
        }
    }
}

#[test]
fn a_packet_whose_length_is_cut_short_is_refused_or_waits() {
    for version in BOTH {
        for (bytes, _) in well_formed(version).into_iter().filter(|(bytes, _)| bytes[1] > 0) {
            let mut longer = bytes.clone();
            longer[1] += 1;
            assert_eq!(open(version).decode(&longer), Ok((longer.len(), None)), "one byte is missing");
            for length in 0..bytes[1] {
                let mut shorter = bytes.clone();
                shorter[1] = length;
                // It is a packet with less in it, or none; what follows is none.
                let (_, _) = all(&mut open(version), &shorter);
            }
        }
    }
}

#[test]
fn no_change_of_a_byte_makes_it_panic() {
    for version in BOTH {
        let mut packets: Vec<Vec<u8>> = well_formed(version).into_iter().map(|(bytes, _)| bytes).collect();
        packets.push(connect(version, if version == Version::V5 { &[0x11, 0, 0, 0, 9, 0x21, 0, 3] } else { b"" }));
        for bytes in packets {
            for place in 0..bytes.len() {
                change_each(version, &bytes, place);
            }
        }
    }
}

/// In which such a packet may come.
fn ready_for(version: Version, bytes: &[u8]) -> Codec {
    if bytes[0] == 0x10 { codec() } else { open(version) }
}

fn change_each(version: Version, bytes: &[u8], place: usize) {
    for value in 0..=0xFF {
        let mut changed = bytes.to_vec();
        changed[place] = value;
        let mut codec = ready_for(version, bytes);
        let (_, ended) = all(&mut codec, &changed);
        if ended.is_err() {
            assert!(codec.decode(&[0xC0, 0]).is_err(), "what is broken stays broken");
        }
    }
}

/// What a client may not send, and the code that it hears in 5.
fn broken(version: Version, bytes: &[u8], reason: Reason, code: u8) {
    let expected = match version {
        Version::V3 => Vec::new(),
        Version::V5 => vec![0xE0, 2, code, 0],
    };
    let mut codec = open(version);
    let broken = codec.decode(bytes).expect_err("against the rules");
    assert_eq!(broken, Broken { reason, refusal: None, last_words: expected }, "{version:?} {bytes:x?}");
    assert_eq!(codec.decode(&[0xC0, 0]).unwrap_err().last_words, b"", "the last words are the last");
}

#[test]
fn packets_that_no_client_sends() {
    for version in BOTH {
        broken(version, &connect(version, b""), Reason::ProtocolError, 0x82);
        // CONNACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP, AUTH: as soon as they begin.
        for first in [0x20, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xD0, 0xF0] {
            broken(version, &[first], Reason::ProtocolError, 0x82);
            broken(version, &[first, 2, 0, 1], Reason::ProtocolError, 0x82);
        }
    }
}

#[test]
fn reserved_flags_are_as_they_must_be() {
    for version in BOTH {
        for first in [0x00, 0x0F, 0x41, 0x48, 0x80, 0x83, 0x8A, 0xA0, 0xA3, 0xC1, 0xC8, 0xE2, 0xEF] {
            broken(version, &[first, 2, 0, 1], Reason::Malformed, 0x81);
        }
    }
}

#[test]
fn lengths_that_are_none() {
    for version in BOTH {
        broken(version, &[0xC0, 0x80, 0x80, 0x80, 0x80, 0], Reason::Malformed, 0x81);
        broken(version, &[0xC0, 1, 0], Reason::Malformed, 0x81);
        broken(version, &[0xE0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0], Reason::Malformed, 0x81);
        for first in [0x30, 0x32, 0x40, 0x82, 0xA2] {
            broken(version, &[first, 0], Reason::Malformed, 0x81);
            broken(version, &[first, 1, 0], Reason::Malformed, 0x81);
        }
        broken(version, &[0x40, 5, 0, 1, 0, 0, 0], Reason::Malformed, 0x81);
    }
    broken(Version::V3, &[0x40, 3, 0, 1, 0], Reason::Malformed, 0x81);
}

#[test]
fn a_packet_over_the_limit_is_refused_before_it_comes() {
    for version in BOTH {
        let fits = MAX_PACKET_BYTES as usize - 3;
        let packet_of =
            |body: usize| packet(0x30, &[&string(b"a")[..], &listed(version, b""), &vec![0; body]].concat());
        let frame = packet_of(0).len() - 2;
        assert!(one(&mut open(version), &packet_of(fits - frame)).is_ok());
        broken(version, &packet_of(fits - frame + 1)[..3], Reason::PacketTooLarge, 0x95);
        broken(version, &[0x30, 0xFF, 0xFF, 0xFF, 0x7F], Reason::PacketTooLarge, 0x95);
    }
}

/// Contract §7.3: QoS 0 and 1, nothing retained.
#[test]
fn messages_against_the_rules() {
    for version in BOTH {
        broken(version, &publish(version, 0b0100, &[0, 1], b""), Reason::QosNotSupported, 0x9B);
        broken(version, &publish(version, 0b1101, &[0, 1], b""), Reason::QosNotSupported, 0x9B);
        broken(version, &publish(version, 0b0110, &[0, 1], b""), Reason::Malformed, 0x81);
        // Sent again, and never to be.
        broken(version, &publish(version, 0b1000, b"", b""), Reason::Malformed, 0x81);
        broken(version, &publish(version, 0b0010, &[0, 0], b""), Reason::Malformed, 0x81);
        for topic in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"a\0b"] {
            broken(version, &packet(0x30, &[string(topic), listed(version, b"")].concat()), Reason::Malformed, 0x81);
        }
        // The topic is longer than the packet.
        broken(version, &packet(0x30, &[0, 9, b'a']), Reason::Malformed, 0x81);
    }
    broken(Version::V3, &packet(0x30, &string(b"")), Reason::Malformed, 0x81);
    broken(Version::V5, &packet(0x30, &[0, 0, 0]), Reason::TopicAliasInvalid, 0x94);
    broken(Version::V5, &publish(Version::V5, 1, b"", b""), Reason::RetainNotSupported, 0x9A);
}

#[test]
fn properties_of_a_message() {
    let version = Version::V5;
    for (properties, reason, code) in [
        (&[0x23, 0, 1][..], Reason::TopicAliasInvalid, 0x94),
        (&[0x23, 0, 0], Reason::ProtocolError, 0x82),
        // A subscription identifier, that of CONNECT, one of two values, and each twice.
        (&[0x0B, 1], Reason::ProtocolError, 0x82),
        (&[0x11, 0, 0, 0, 1], Reason::ProtocolError, 0x82),
        (&[0x01, 2], Reason::ProtocolError, 0x82),
        (&[0x01, 0, 0x01, 0], Reason::ProtocolError, 0x82),
        (&[0x09, 0, 0, 0x09, 0, 0], Reason::ProtocolError, 0x82),
        (&[0x7E, 0], Reason::Malformed, 0x81),
        (&[0x26, 0, 1, b'k', 0, 9, b'v'], Reason::Malformed, 0x81),
        (&[0x26, 0, 6, b's', b't', b'a', b't', b'u', b's', 0, 1, 0], Reason::Malformed, 0x81),
        (&[0x08, 0, 1, 0xFF], Reason::Malformed, 0x81),
    ] {
        broken(version, &publish(version, 0, b"", properties), reason, code);
        broken(version, &publish(version, 0b10, &[0, 1], properties), reason, code);
    }
    // The library would take a message that ends where its properties should begin.
    broken(version, &packet(0x30, &string(b"a")), Reason::Malformed, 0x81);
    broken(version, &packet(0x32, &[&string(b"a")[..], &[0, 1]].concat()), Reason::Malformed, 0x81);
    // Properties longer than the packet.
    broken(version, &packet(0x30, &[&string(b"a")[..], &[9, 1]].concat()), Reason::Malformed, 0x81);
}

#[test]
fn wishes_against_the_rules() {
    for version in BOTH {
        broken(version, &subscribe(version, 0, b"", &[(b"a", 0)]), Reason::Malformed, 0x81);
        broken(version, &subscribe(version, 1, b"", &[(b"a", 3)]), Reason::Malformed, 0x81);
        broken(version, &subscribe(version, 1, b"", &[(b"a", 0x40)]), Reason::Malformed, 0x81);
        broken(version, &subscribe(version, 1, b"", &[(b"a", 0), (b"", 0)]), Reason::Malformed, 0x81);
        broken(version, &subscribe(version, 1, b"", &[(b"a\0", 0)]), Reason::Malformed, 0x81);
        broken(version, &subscribe(version, 1, b"", &[(b"\xff", 0)]), Reason::Malformed, 0x81);
        broken(version, &subscribe(version, 1, b"", &[]), Reason::ProtocolError, 0x82);
        broken(version, &unsubscribe(version, 0, &[b"a"]), Reason::Malformed, 0x81);
        broken(version, &unsubscribe(version, 1, &[b""]), Reason::Malformed, 0x81);
        broken(version, &unsubscribe(version, 1, &[b"a\0"]), Reason::Malformed, 0x81);
        broken(version, &unsubscribe(version, 1, &[]), Reason::ProtocolError, 0x82);
    }
    // Options that 3.1.1 does not have.
    for options in [0x04, 0x08, 0x10, 0x20] {
        broken(Version::V3, &subscribe(Version::V3, 1, b"", &[(b"a", options)]), Reason::Malformed, 0x81);
        assert!(one(&mut open(Version::V5), &subscribe(Version::V5, 1, b"", &[(b"a", options)])).is_ok());
    }
    broken(Version::V5, &subscribe(Version::V5, 1, b"", &[(b"a", 0x30)]), Reason::Malformed, 0x81);
    // CONNACK has said that there are none.
    broken(
        Version::V5,
        &subscribe(Version::V5, 1, &[0x0B, 1], &[(b"a", 0)]),
        Reason::SubscriptionIdentifierNotSupported,
        0xA1,
    );
    broken(Version::V5, &subscribe(Version::V5, 1, &[0x11, 0, 0, 0, 1], &[(b"a", 0)]), Reason::ProtocolError, 0x82);
}

/// Wildcards and `$share` are refused by the rights (contract §7.4), not here.
#[test]
fn filters_are_passed_on_as_they_are() {
    for version in BOTH {
        for topic in ["#", "+/a", "$share/g/a", "a//b", "ä", " "] {
            let filters = vec![Filter { topic: topic.to_owned(), qos: Qos::AtMostOnce }];
            assert_eq!(
                one(&mut open(version), &subscribe(version, 1, b"", &[(topic.as_bytes(), 0)])),
                Ok(Incoming::Subscribe { id: id(1), filters })
            );
        }
    }
}

#[test]
fn an_answer_must_fit_into_what_the_client_takes() {
    let small = connect(Version::V5, &[0x27, 0, 0, 0, 32]);
    for (filters, fits) in [(24, true), (25, false)] {
        let filters = vec![(&b"a"[..], 0); filters];
        let topics: Vec<&[u8]> = filters.iter().map(|(topic, _)| *topic).collect();
        assert_eq!(one(&mut open_with(&small), &subscribe(Version::V5, 1, b"", &filters)).is_ok(), fits);
        let ended =
            one(&mut open_with(&small), &unsubscribe(Version::V5, 1, &topics)).map_err(|broken| broken.last_words);
        assert_eq!(ended.is_ok(), fits);
        assert_eq!(ended.err(), (!fits).then(|| vec![0xE0, 2, 0x97, 0]));
    }
}

#[test]
fn acknowledgements_that_are_none() {
    for version in BOTH {
        broken(version, &[0x40, 2, 0, 0], Reason::Malformed, 0x81);
    }
    // A code that there is not, properties twice and of another packet.
    broken(Version::V5, &[0x40, 3, 0, 1, 0x01], Reason::Malformed, 0x81);
    broken(Version::V5, &[0x40, 12, 0, 1, 0, 8, 0x1F, 0, 1, b'a', 0x1F, 0, 1, b'a'], Reason::ProtocolError, 0x82);
    broken(Version::V5, &[0x40, 7, 0, 1, 0, 3, 0x23, 0, 1], Reason::ProtocolError, 0x82);
}

#[test]
fn a_session_that_was_to_end_cannot_be_kept_by_disconnect() {
    let leave = [0xE0, 7, 0, 5, 0x11, 0, 0, 0, 1];
    let lasting = connect(Version::V5, &[0x11, 0, 0, 0, 9]);
    assert_eq!(one(&mut open_with(&lasting), &leave), Ok(Incoming::Disconnect { session_expiry: Some(1) }));
    broken(Version::V5, &leave, Reason::ProtocolError, 0x82);
    broken(Version::V5, &[0xE0, 1, 0x01], Reason::Malformed, 0x81);
    broken(Version::V5, &[0xE0, 12, 0, 10, 0x11, 0, 0, 0, 0, 0x11, 0, 0, 0, 0], Reason::ProtocolError, 0x82);
}

#[test]
fn nothing_comes_after_disconnect() {
    for version in BOTH {
        let mut codec = open(version);
        let (packets, ended) = all(&mut codec, &[0xE0, 0, 0xC0, 0]);
        assert_eq!(packets, [Incoming::Disconnect { session_expiry: None }]);
        assert_eq!(ended, Err(Broken { reason: Reason::ProtocolError, refusal: None, last_words: Vec::new() }));
    }
}

#[test]
fn more_messages_at_once_than_were_told() {
    for version in BOTH {
        let mut codec = open(version);
        let next = |id: u16| publish(version, 0b10, &id.to_be_bytes(), b"");
        for number in 1..=RECEIVE_MAXIMUM {
            one(&mut codec, &next(number)).unwrap();
        }
        // One that is there already is no further one.
        one(&mut codec, &next(1)).unwrap();
        // Answered, there is room for another.
        codec.encode(&Outgoing::Acknowledge { id: id(3), reason: None }, &mut Vec::new());
        one(&mut codec, &next(RECEIVE_MAXIMUM + 1)).unwrap();
        let broken = codec.decode(&next(RECEIVE_MAXIMUM + 2)).unwrap_err();
        assert_eq!(broken.reason, Reason::ReceiveMaximumExceeded);
        assert_eq!(broken.last_words, if version == Version::V5 { vec![0xE0, 2, 0x93, 0] } else { vec![] });
    }
}
