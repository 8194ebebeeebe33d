//! The first packet: who connects, and what is answered to one that is none.

use super::support::*;
use crate::mqtt::codec::*;

fn met(bytes: &[u8]) -> Connect {
    match one(&mut codec(), bytes) {
        Ok(Incoming::Connect(connect)) => *connect,
        other => panic!("{other:?}"),
    }
}

/// What is answered to it, and why.
fn refused(bytes: &[u8]) -> (Reason, ConnectRefusal, Vec<u8>) {
    let broken = one(&mut codec(), bytes).unwrap_err();
    (broken.reason, broken.refusal.expect("a refusal"), broken.last_words)
}

const MALFORMED_V5: &[u8] = &[0x20, 3, 0, 0x81, 0];
const PROTOCOL_ERROR_V5: &[u8] = &[0x20, 3, 0, 0x82, 0];

#[test]
fn connect_says_who_it_is_and_what_it_takes() {
    let connect_v3 = met(&connect(Version::V3, b""));
    assert_eq!(connect_v3.version, Version::V3);
    assert_eq!(connect_v3.client_id, "cdv_1");
    assert_eq!(connect_v3.user_name.as_deref(), Some("cdv_1"));
    assert_eq!(connect_v3.password.as_ref().map(|password| password.as_slice()), Some(&b"secret"[..]));
    assert_eq!((connect_v3.keep_alive, connect_v3.starts_clean, connect_v3.session_expiry), (60, false, u32::MAX));
    assert_eq!((connect_v3.receive_maximum.get(), connect_v3.max_packet_bytes), (u16::MAX, 268_435_460));

    let properties =
        [&[0x11, 0, 0, 0, 9, 0x21, 0, 3, 0x27, 0, 0, 1, 0][..], &[0x26], &string(b"k"), &string(b"v")].concat();
    let connect_v5 = met(&connect(Version::V5, &properties));
    assert_eq!(connect_v5.version, Version::V5);
    assert_eq!(connect_v5.session_expiry, 9);
    assert_eq!((connect_v5.receive_maximum.get(), connect_v5.max_packet_bytes), (3, 256));
}

#[test]
fn a_clean_session_ends_with_its_connection() {
    let payload = string(b"c");
    let clean = met(&connect_with(Version::V3, 0b10, b"", &payload));
    assert_eq!((clean.starts_clean, clean.session_expiry), (true, 0));
    let clean = met(&connect_with(Version::V5, 0b10, b"", &payload));
    assert_eq!((clean.starts_clean, clean.session_expiry), (true, 0));
    // It forgets the earlier session and wants this one kept.
    let clean = met(&connect_with(Version::V5, 0b10, &[0x11, 0, 0, 0, 9], &payload));
    assert_eq!((clean.starts_clean, clean.session_expiry), (true, 9));
}

#[test]
fn an_empty_client_id_is_the_sessions_to_refuse() {
    for version in BOTH {
        assert_eq!(met(&connect_with(version, 0, b"", &string(b""))).client_id, "");
        assert_eq!(met(&connect_with(version, 0b10, b"", &string(b""))).client_id, "");
    }
}

/// Contract §7.3: a will is ignored.
#[test]
fn a_will_is_read_and_dropped() {
    for version in BOTH {
        let will =
            [string(b"c"), listed(version, &[0x18, 0, 0, 0, 1]), string(b"a/b"), string(b"gone"), string(b"user")]
                .concat();
        // With QoS 2 and retain.
        assert_eq!(met(&connect_with(version, 0b1011_0100, b"", &will)).user_name.as_deref(), Some("user"));
    }
}

#[test]
fn the_password_is_not_shown() {
    let codec_debug = format!("{:?}", one(&mut codec(), &connect(Version::V5, b"")));
    assert!(codec_debug.contains("cdv_1") && !codec_debug.contains("secret"), "{codec_debug}");
}

#[test]
fn versions_that_are_not_served_are_told_in_the_next_one() {
    let with_level =
        |name: &[u8], level: u8| packet(0x10, &[&string(name), &[level, 2, 0, 60][..], &string(b"c")].concat());
    for level in [0, 3, 0x83] {
        let (_, refusal, words) = refused(&with_level(b"MQTT", level));
        let expected: &[u8] = if level < 4 { &[0x20, 2, 0, 1] } else { &[0x20, 3, 0, 0x84, 0] };
        assert_eq!((refusal, words.as_slice()), (ConnectRefusal::UnsupportedVersion, expected), "level {level}");
    }
    // MQTT 3.1, and that of a bridge.
    for level in [3, 0x83] {
        assert_eq!(refused(&with_level(b"MQIsdp", level)).2, [0x20, 2, 0, 1]);
    }
    for name in [&b"mqtt"[..], b"", b"HTTP", b"MQTTT"] {
        assert_eq!(refused(&with_level(name, 4)), (Reason::Malformed, ConnectRefusal::Malformed, Vec::new()));
    }
}

#[test]
fn what_is_no_connect_is_not_answered() {
    let first = |bytes: &[u8]| {
        let broken = codec().decode(bytes).unwrap_err();
        assert_eq!(
            (broken.refusal, broken.last_words.as_slice()),
            (Some(ConnectRefusal::Malformed), &b""[..]),
            "{bytes:x?}"
        );
        broken.reason
    };
    // At once: neither the rest of the packet nor its length is waited for.
    for other in [0x20, 0x30, 0x3D, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xA2, 0xB0, 0xC0, 0xD0, 0xE0, 0xF0] {
        assert_eq!(first(&[other]), Reason::ProtocolError);
    }
    for other in [0x00, 0x11, 0x1F, 0x16] {
        assert_eq!(first(&[other, 3, 1]), Reason::Malformed);
    }
    assert_eq!(first(b"GET / HTTP/1.1\r\n\r\n"), Reason::Malformed);
    assert_eq!(first(&[0x10, 0x80, 0x80, 0x80, 0x80]), Reason::Malformed);
    assert_eq!(first(&[0x10, 0xFF, 0xFF, 0xFF, 0x7F]), Reason::PacketTooLarge);
}

#[test]
fn what_is_no_packet_of_its_version() {
    let id = string(b"c");
    let cases: [(&str, u8, Vec<u8>); 13] = [
        ("reserved flag", 0b0000_0011, id.clone()),
        ("will QoS 3", 0b0001_1110, [id.clone(), string(b"a"), string(b"b")].concat()),
        ("will QoS without will", 0b0000_1010, id.clone()),
        ("will retain without will", 0b0010_0010, id.clone()),
        ("bad UTF-8 as client id", 2, string(b"\xff")),
        ("surrogate as client id", 2, string(b"\xed\xa0\x80")),
        ("NUL in client id", 2, string(b"a\0b")),
        ("bad UTF-8 as user name", 0b1000_0010, [id.clone(), string(b"\xff")].concat()),
        ("NUL in user name", 0b1000_0010, [id.clone(), string(b"\0")].concat()),
        ("user name announced and not there", 0b1000_0010, id.clone()),
        ("password announced and not there", 0b1100_0010, [id.clone(), string(b"u")].concat()),
        ("more than it announces", 2, [id.clone(), string(b"u")].concat()),
        ("no client id", 2, Vec::new()),
    ];
    for (name, flags, payload) in cases {
        assert_eq!(
            refused(&connect_with(Version::V3, flags, b"", &payload)),
            (Reason::Malformed, ConnectRefusal::Malformed, vec![]),
            "{name}"
        );
        let will = flags & 0b100 != 0;
        if !will {
            let (reason, _, words) = refused(&connect_with(Version::V5, flags, b"", &payload));
            assert_eq!((reason, words.as_slice()), (Reason::Malformed, MALFORMED_V5), "{name}");
        }
    }
    for version in BOTH {
        let (reason, _, words) =
            refused(&connect_with(version, 0b0100_0010, b"", &[id.clone(), string(b"p")].concat()));
        let expected = if version == Version::V3 { &b""[..] } else { PROTOCOL_ERROR_V5 };
        assert_eq!((reason, words.as_slice()), (Reason::ProtocolError, expected), "password without user name");
    }
}

#[test]
fn properties_of_connect() {
    let protocol_error: [&[u8]; 8] = [
        &[0x11, 0, 0, 0, 1, 0x11, 0, 0, 0, 1],
        &[0x21, 0, 1, 0x21, 0, 1],
        &[0x27, 0, 0, 1, 0, 0x27, 0, 0, 1, 0],
        &[0x21, 0, 0],
        &[0x27, 0, 0, 0, 0],
        &[0x17, 2],
        // Of other packets.
        &[0x23, 0, 1],
        &[0x01, 0],
    ];
    for properties in protocol_error {
        assert_eq!(refused(&connect(Version::V5, properties)).2, PROTOCOL_ERROR_V5, "{properties:x?}");
    }
    let malformed: [&[u8]; 5] = [&[0x00], &[0x7F, 1], &[0x11, 0, 0, 0], &[0x26, 0, 1, b'k'], &[0x11]];
    for properties in malformed {
        assert_eq!(refused(&connect(Version::V5, properties)).2, MALFORMED_V5, "{properties:x?}");
    }
    // More than the packet, and none at all.
    let endless = packet(0x10, &[&string(b"MQTT"), &[5, 2, 0, 60, 0x7F, 0, 1, b'c'][..]].concat());
    assert_eq!(refused(&endless).2, MALFORMED_V5);
    assert_eq!(refused(&packet(0x10, &[&string(b"MQTT"), &[5, 2, 0, 60][..]].concat())).2, MALFORMED_V5);
}

#[test]
fn another_way_to_authenticate_is_refused_by_its_code() {
    let (_, refusal, words) = refused(&connect(Version::V5, &[&[0x15][..], &string(b"SCRAM-SHA-1")].concat()));
    assert_eq!((refusal, words.as_slice()), (ConnectRefusal::BadCredential, &[0x20, 3, 0, 0x8C, 0][..]));
}

#[test]
fn a_client_must_take_as_much_as_connack() {
    let taking = |bytes: u32| connect(Version::V5, &[&[0x27][..], &bytes.to_be_bytes()].concat());
    let longest = Outgoing::Accepted { session_present: true, keep_alive: Some(60), session_expiry: Some(3600) };
    let mut codec = codec();
    one(&mut codec, &taking(32)).unwrap();
    let mut out = Vec::new();
    codec.encode(&longest, &mut out);
    assert!(!out.is_empty() && out.len() <= 32, "{}", out.len());
    assert_eq!(refused(&taking(31)).2, [0x20, 3, 0, 0x95, 0]);
    assert_eq!(refused(&taking(4)), (Reason::PacketTooLarge, ConnectRefusal::Malformed, vec![0x20, 3, 0, 0x95, 0]));
}

#[test]
fn before_the_client_is_in_it_is_refused_with_connack() {
    let mut codec = codec();
    one(&mut codec, &connect(Version::V5, b"")).unwrap();
    let broken = codec.decode(&connect(Version::V5, b"")).unwrap_err();
    assert_eq!(
        broken,
        Broken {
            reason: Reason::ProtocolError,
            refusal: Some(ConnectRefusal::Malformed),
            last_words: PROTOCOL_ERROR_V5.to_vec()
        }
    );
    // And a message may be there before CONNACK is.
    let mut codec = super::support::codec();
    one(&mut codec, &connect(Version::V3, b"")).unwrap();
    assert!(matches!(one(&mut codec, &publish(Version::V3, 0, b"", b"")), Ok(Incoming::Publish(_))));
    assert_eq!(codec.decode(&[0xF0]).unwrap_err().last_words, b"");
}
