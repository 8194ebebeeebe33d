//! Frames as bytes, each with its section of docs/protocol.md, read and written by the codec alone.

use rtio_proto::decoder::{FixedFrame, FrameDecoder};
use rtio_proto::header::encode_frame;
use rtio_proto::ping::Ping;
use rtio_proto::rest::{
    CoPostRequest, CoPostResponse, Establish, EstablishResponse, Method, Notify, NotifyResponse, split_first_byte,
};
use rtio_proto::time::Duration;
use rtio_proto::verify::{DeviceIdRef, Verify};
use rtio_proto::{
    Capacity, DecodeError, EncodeError, FrameCode, FrameKind, Header, MessageId, ObserverId, StatusCode, UriDigest,
};

/// Section, what it is, and the parts of a frame beside its body.
type Vector = (&'static str, &'static str, &'static [u8], FrameKind, FrameCode, u16);

const VECTORS: [Vector; 23] = [
    (
        "§2",
        "verify request, level 0",
        b"\x10\x00\x01\x00\x05\x00a:bc",
        FrameKind::DeviceVerifyReq,
        FrameCode::Unknown,
        1,
    ),
    (
        "§2",
        "verify request, level 3",
        b"\x10\xff\xff\x00\x03\xc0a:",
        FrameKind::DeviceVerifyReq,
        FrameCode::Unknown,
        65535,
    ),
    ("§2", "verified", b"\x21\x00\x00\x00\x00", FrameKind::DeviceVerifyResp, FrameCode::Success, 0),
    (
        "§2",
        "the verifier could not be asked",
        b"\x20\x00\x01\x00\x00",
        FrameKind::DeviceVerifyResp,
        FrameCode::Unknown,
        1,
    ),
    ("§2", "second verification", b"\x22\x00\x01\x00\x00", FrameKind::DeviceVerifyResp, FrameCode::MessageType, 1),
    ("§2", "wrong secret", b"\x23\x00\x01\x00\x00", FrameKind::DeviceVerifyResp, FrameCode::VerificationFailed, 1),
    ("§2", "malformed", b"\x24\x00\x01\x00\x00", FrameKind::DeviceVerifyResp, FrameCode::InvalidParameter, 1),
    ("§3", "ping", b"\x30\x01\x02\x00\x00", FrameKind::DevicePingReq, FrameCode::Unknown, 0x0102),
    ("§3", "ping of 300 s", b"\x30\x01\x02\x00\x02\x01\x2c", FrameKind::DevicePingReq, FrameCode::Unknown, 0x0102),
    ("§3", "pong", b"\x41\x01\x02\x00\x00", FrameKind::DevicePingResp, FrameCode::Success, 0x0102),
    (
        "§3",
        "interval out of range",
        b"\x44\x01\x02\x00\x00",
        FrameKind::DevicePingResp,
        FrameCode::InvalidParameter,
        0x0102,
    ),
    ("§3", "wrong length", b"\x45\x01\x02\x00\x00", FrameKind::DevicePingResp, FrameCode::BodyLength, 0x0102),
    ("§4", "report", b"\x50\x00\x03\x00\x06\x20\xa7\x96\xd0\x57x", FrameKind::DeviceSendReq, FrameCode::Unknown, 3),
    (
        "§1",
        "report as the SDKs send it",
        b"\x51\x00\x03\x00\x05\x20\xa7\x96\xd0\x57",
        FrameKind::DeviceSendReq,
        FrameCode::Success,
        3,
    ),
    ("§4", "answer to a report", b"\x61\x00\x03\x00\x02\x22x", FrameKind::DeviceSendResp, FrameCode::Success, 3),
    ("§4", "call", b"\x70\x00\x04\x00\x06\x20\xa7\x96\xd0\x57x", FrameKind::ServerSendReq, FrameCode::Unknown, 4),
    ("§4", "answer to a call", b"\x81\x00\x04\x00\x03\x22hi", FrameKind::ServerSendResp, FrameCode::Success, 4),
    ("§4", "answer to a CoGET", b"\x81\x00\x04\x00\x03\x12hi", FrameKind::ServerSendResp, FrameCode::Success, 4),
    (
        "§4",
        "establishment",
        b"\x70\x00\x05\x00\x08\x30\x00\x09\xa7\x96\xd0\x57x",
        FrameKind::ServerSendReq,
        FrameCode::Unknown,
        5,
    ),
    ("§4", "observation begins", b"\x81\x00\x05\x00\x03\x33\x00\x09", FrameKind::ServerSendResp, FrameCode::Success, 5),
    ("§4", "notification", b"\x51\x00\x06\x00\x04\x33\x00\x09x", FrameKind::DeviceSendReq, FrameCode::Success, 6),
    ("§4", "last notification", b"\x51\x00\x07\x00\x03\x34\x00\x09", FrameKind::DeviceSendReq, FrameCode::Success, 7),
    ("§4", "stop", b"\x61\x00\x06\x00\x03\x34\x00\x09", FrameKind::DeviceSendResp, FrameCode::Success, 6),
];

#[test]
fn every_frame_reads_and_writes_as_its_bytes() {
    for (section, name, bytes, kind, code, raw_message_id) in VECTORS {
        let mut decoder = FrameDecoder::<Vec<u8>>::new(4096);
        let (taken, frame) = decoder.decode(bytes).expect(name);
        let frame = frame.expect(name);
        let body_bytes = u16::try_from(bytes.len() - 5).unwrap();
        assert_eq!(taken, bytes.len(), "{section} {name}");
        assert_eq!(frame.header, Header { kind, code, raw_message_id, body_bytes }, "{section} {name}");
        assert_eq!((&frame.raw[..], frame.body), bytes.split_at(5), "{section} {name}");
        let mut out = [0; 32];
        let len = encode_frame(kind, code, raw_message_id, &[frame.body], &mut out).expect(name);
        assert_eq!(&out[..len], bytes, "{section} {name}");
    }
}

#[test]
fn section_1_frames_that_are_none() {
    let check = |raw: [u8; 5], max, expected| {
        let decoded = FrameDecoder::<Vec<u8>>::new(max).decode(&raw).map(|(taken, frame)| (taken, frame.is_some()));
        assert_eq!(decoded, expected, "{raw:02x?}");
    };
    for first in 0..=u8::MAX {
        let raw = [first, 0, 1, 0, 0];
        let expected = match first {
            _ if first & 0b1000 != 0 => Err(DecodeError::UnsupportedVersion { raw }),
            0x10..0x90 => Ok((5, true)),
            _ => Err(DecodeError::UnknownType { raw }),
        };
        check(raw, 512, expected);
    }
    for (max, [high, low]) in [(512, [2, 1]), (1024, [4, 1]), (2048, [8, 1]), (4096, [16, 1]), (4096, [255, 255])] {
        let raw = [0x50, 0, 1, high, low];
        check(raw, max, Err(DecodeError::BodyTooLong { raw, max }));
    }
    check([0x50, 0, 1, 2, 0], 512, Ok((5, false)));
    check([0x50, 0, 1, 16, 0], 4096, Ok((5, false)));
    check([0x50, 0, 1, 16, 0], usize::MAX, Ok((5, false)));
}

#[test]
fn section_1_codes_without_a_name_read_as_unknown() {
    for (bits, code) in
        [(0, FrameCode::Unknown), (5, FrameCode::BodyLength), (6, FrameCode::Unknown), (7, FrameCode::Unknown)]
    {
        assert_eq!(Header::decode([0x80 | bits, 0, 1, 0, 0]).unwrap().code, code);
    }
}

#[test]
fn section_1_ids_count_up_and_skip_0() {
    let ids = std::iter::successors(Some(MessageId::FIRST), |id| Some(id.next()));
    let raw: Vec<u16> = ids.take(65_537).map(MessageId::to_wire).collect();
    assert_eq!((raw[0], raw[65_534], raw[65_535], raw[65_536]), (1, 65_535, 1, 2));
    assert!(!raw.contains(&0));
    assert_eq!(ObserverId::new(0), None);
    assert_eq!(ObserverId::new(65_535).map(ObserverId::next), Some(ObserverId::FIRST));
}

#[test]
fn section_1_a_frame_is_written_only_where_it_fits() {
    let encode =
        |body: &[u8], out: &mut [u8]| encode_frame(FrameKind::DeviceSendReq, FrameCode::Unknown, 1, &[body], out);
    assert_eq!(encode(&[0; 4096], &mut [0; 4101]), Ok(4101));
    assert_eq!(encode(&[0; 4096], &mut [0; 4100]), Err(EncodeError::BufferTooSmall { need: 4101, have: 4100 }));
    assert_eq!(encode(&[0; 4097], &mut [0; 5000]), Err(EncodeError::BodyTooLong { len: 4097, max: 4096 }));
    assert_eq!(encode(&[0; 70_000], &mut [0; 80_000]), Err(EncodeError::BodyTooLong { len: 70_000, max: 4096 }));
}

#[test]
fn section_1_a_fixed_buffer_holds_a_frame_of_its_size() {
    let mut bytes = vec![0x51, 0, 1, 2, 0];
    bytes.extend([7; 512]);
    let mut decoder = FrameDecoder::<FixedFrame<517>>::new(512);
    assert_eq!(decoder.decode(&bytes[..516]), Ok((516, None)));
    assert_eq!(decoder.decode(&bytes[516..]).unwrap().1.unwrap().body, [7; 512]);
}

#[test]
fn section_2_a_level_is_a_number_of_bytes() {
    for (level, capacity, bytes) in [
        (0x00, Capacity::Bytes512, 512),
        (0x7f, Capacity::Bytes1024, 1024),
        (0x95, Capacity::Bytes2048, 2048),
        (0xff, Capacity::Bytes4096, 4096),
    ] {
        let body = [level, b'a', b':', b'b', b':'];
        let verify = Verify::decode(&body).unwrap();
        let id = DeviceIdRef::parse(b"a").unwrap();
        assert_eq!(verify, Verify { capacity, id, secret: b"b:" });
        assert_eq!(verify.capacity.body_bytes(), bytes);
        let mut out = [0; 16];
        let len = verify.encode(7, &mut out).unwrap();
        assert_eq!(out[..len], [0x10, 0, 7, 0, 5, level & 0xc0, b'a', b':', b'b', b':']);
    }
}

#[test]
fn section_2_an_id_is_made_of_66_characters() {
    for byte in 0..=u8::MAX {
        let sound = matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'~' | b'-');
        assert_eq!(DeviceIdRef::parse(&[byte]).is_some(), sound, "{byte:02x}");
    }
    for (len, sound) in [(0, false), (1, true), (64, true), (65, false)] {
        assert_eq!(DeviceIdRef::parse(&vec![b'x'; len]).is_some(), sound, "{len}");
    }
}

#[test]
fn section_2_a_secret_is_not_printed() {
    let verify = Verify::decode(b"\x00a:hunter2").unwrap();
    assert!(!format!("{verify:?}").contains("hunter2"));
}

#[test]
fn section_3_a_ping_is_empty_or_an_interval() {
    for seconds in 0..=u16::MAX {
        let expected = match seconds {
            30..=43_200 => Ok(Ping::SetInterval(Duration::from_secs(seconds.into()))),
            _ => Err(FrameCode::InvalidParameter),
        };
        assert_eq!(Ping::decode(&seconds.to_be_bytes()), expected, "{seconds}");
    }
    for len in (0..=4096).filter(|len| *len != 2) {
        let expected = if len == 0 { Ok(Ping::Keep) } else { Err(FrameCode::BodyLength) };
        assert_eq!(Ping::decode(&vec![0; len]), expected, "{len}");
    }
}

#[test]
fn section_4_statuses_and_methods_have_their_numbers() {
    use StatusCode as S;
    let named = [
        S::Unknown,
        S::InternalError,
        S::Ok,
        S::Continue,
        S::Terminate,
        S::NotFound,
        S::BadRequest,
        S::MethodNotAllowed,
        S::TooManyRequests,
        S::TooManyObservers,
    ];
    for bits in 0..16_u8 {
        let status = named.get(usize::from(bits)).copied().unwrap_or(S::InternalError);
        assert_eq!(S::from_wire(bits), status);
        assert_eq!(S::from_wire(0xf0 | bits), status);
        assert_eq!(status.to_wire(), if bits < 10 { bits } else { 1 });
    }
    assert_eq!([Method::CoGet as u8, Method::CoPost as u8, Method::ObGet as u8], [1, 2, 3]);
    assert_eq!(split_first_byte(0x34), (3, 4));
}

#[test]
fn section_4_a_digest_is_zlibs_crc_32() {
    assert_eq!(UriDigest::of("/aa/bb").to_wire(), [0xa7, 0x96, 0xd0, 0x57]);
    assert_eq!(UriDigest::of("/aa/bb").to_string(), "a796d057");
    assert_eq!(UriDigest::from_wire(*b"\xcb\xf4\x39\x26"), UriDigest::of("123456789"));
    assert_eq!(UriDigest::of("/ü"), UriDigest::from_wire(*b"\xee\x50\xa3\xe5"));
}

#[test]
fn section_4_copost_bodies() {
    let digest = UriDigest::of("/aa/bb");
    assert_eq!(CoPostRequest::head(digest), *b"\x20\xa7\x96\xd0\x57");
    assert_eq!(CoPostRequest::decode(b"\x20\xa7\x96\xd0\x57"), Some(CoPostRequest { digest, data: b"" }));
    for len in 0..5 {
        assert_eq!(CoPostRequest::decode(&b"\x20\xa7\x96\xd0\x57"[..len]), None);
    }
    for first in 0..=u8::MAX {
        let status = StatusCode::from_wire(first);
        let expected = matches!(first >> 4, 1 | 2).then_some(CoPostResponse { status, data: b"x" });
        assert_eq!(CoPostResponse::decode(&[first, b'x']), expected, "{first:02x}");
    }
    assert_eq!(CoPostResponse::head(StatusCode::TooManyRequests), [0x28]);
}

#[test]
fn section_4_obget_bodies() {
    let (observer, digest) = (ObserverId::new(0x0102).unwrap(), UriDigest::of("/aa/bb"));
    let body = b"\x30\x01\x02\xa7\x96\xd0\x57";
    assert_eq!(Establish::head(observer, digest), *body);
    assert_eq!(Establish::decode(body), Some(Establish { raw_observer_id: 0x0102, digest, data: b"" }));
    for len in 0..7 {
        assert_eq!(Establish::decode(&body[..len]), None);
    }
    for status in (0..10).map(StatusCode::from_wire) {
        let head = [0x30 | status.to_wire(), 1, 2];
        assert_eq!(Notify::head(status, observer), head);
        let notify = Notify { status, raw_observer_id: 0x0102, data: b"x" };
        assert_eq!(Notify::decode(&[&head[..], b"x"].concat()), Some(notify));
        assert_eq!(EstablishResponse { status, raw_observer_id: 0x0102 }.encode(), head);
        assert_eq!(NotifyResponse { status, raw_observer_id: 0x0102 }.encode(), head);
    }
    for first in 0..=u8::MAX {
        let expected = (first >> 4 == 3).then_some((StatusCode::from_wire(first), 9));
        let establish = EstablishResponse::decode(&[first, 0, 9]).map(|answer| (answer.status, answer.raw_observer_id));
        let notify = NotifyResponse::decode(&[first, 0, 9]).map(|answer| (answer.status, answer.raw_observer_id));
        assert_eq!((establish, notify), (expected, expected), "{first:02x}");
    }
    for len in 0..3 {
        assert_eq!(Notify::decode(&body[..len]), None);
        assert_eq!(EstablishResponse::decode(&body[..len]), None);
        assert_eq!(NotifyResponse::decode(&body[..len]), None);
    }
}
