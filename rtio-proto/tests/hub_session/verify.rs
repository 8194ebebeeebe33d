//! §2: the first exchange on a connection.

use rtio_proto::FrameCode;
use rtio_proto::session::{CallOutcome, CloseReason, Delivery, HubEvent, Refusal, Timer, Verdict};

use crate::fixture::{Hub, accepted_hub, answer, frame, ping, send, verified_hub, verify_frame};

fn verifying_hub(message_id: u16) -> Hub {
    let mut hub = accepted_hub();
    let events = hub.receives(&verify_frame(message_id, 0, b"PRINTER-001:s3:cret"));
    assert_eq!(events, [HubEvent::VerifyRequested { id: "PRINTER-001".into(), secret: b"s3:cret"[..].into() }]);
    hub
}

#[test]
fn the_answer_echoes_the_message_id_and_tells_the_verdict() {
    let cases = [
        (Verdict::Accepted, 0x21, None),
        (Verdict::Refused, 0x23, Some(FrameCode::VerificationFailed)),
        (Verdict::Malformed, 0x24, Some(FrameCode::InvalidParameter)),
        (Verdict::Unavailable, 0x20, Some(FrameCode::Unknown)),
    ];
    for (verdict, first, refused) in cases {
        for message_id in [0, 1, 0xffff] {
            let mut hub = verifying_hub(message_id);
            assert_eq!(hub.sends(), b"");
            hub.session.answer_verify(hub.now, verdict);
            assert_eq!(hub.sends(), frame(first, message_id, b""));
            assert_eq!(hub.session.close_reason(), refused.map(CloseReason::Refused));
        }
    }
}

#[test]
fn a_malformed_body_is_answered_with_code_4_and_closes() {
    let long_id = [&[0; 1][..], &[b'x'; 65], b":s"].concat();
    let long_secret = [b"\0x:", &[b's'; 257][..]].concat();
    let bodies: [&[u8]; 8] =
        [b"", b"\0", b"\0no-colon", b"\0:secret", b"\0a b:s", b"\0\xc3\xa4:s", &long_id, &long_secret];
    for body in bodies {
        let mut hub = accepted_hub();
        assert_eq!(hub.receives(&frame(0x10, 9, body)), [], "{body:?}");
        assert_eq!(hub.sends(), frame(0x24, 9, b""), "{body:?}");
        assert_eq!(hub.session.close_reason(), Some(CloseReason::Refused(FrameCode::InvalidParameter)));
    }
}

#[test]
fn ids_and_secrets_pass_up_to_their_limits() {
    let (id, secret) = ([b'x'; 64], [b'\xff'; 256]);
    for (id, secret) in [(&id[..], &secret[..]), (b"a", b""), (b"A.z_0~-9", b"::")] {
        let mut hub = accepted_hub();
        let events = hub.receives(&verify_frame(1, 0, &[id, b":", secret].concat()));
        let id = String::from_utf8(id.into()).unwrap();
        assert_eq!(events, [HubEvent::VerifyRequested { id, secret: secret.into() }]);
    }
}

#[test]
fn a_request_of_more_than_512_bytes_is_malformed_up_to_the_longest_body() {
    for len in [513, 1024, 4096] {
        let request = frame(0x11, 0x0102, &vec![b'x'; len]);
        for cut in [request.len(), 5, 3] {
            let mut hub = accepted_hub();
            assert_eq!(hub.receives(&request[..cut]), []);
            hub.receives(&request[cut..]);
            assert_eq!(hub.sends(), frame(0x24, 0x0102, b""), "{len} bytes, cut at {cut}");
            assert_eq!(hub.session.close_reason(), Some(CloseReason::Refused(FrameCode::InvalidParameter)));
        }
    }
    let mut hub = accepted_hub();
    hub.receives(&frame(0x10, 1, &[b'x'; 4097]));
    assert_eq!(hub.sends(), b"");
    assert_eq!(hub.session.close_reason().map(|reason| reason.name()), Some("body_too_long"));
}

#[test]
fn any_other_frame_before_a_verification_is_a_protocol_error() {
    let six_bytes = b"\x50\x00\x01\x00\x01\x30".to_vec();
    let others = (2..=8).map(|kind| frame(kind << 4, 1, b""));
    for bytes in others.chain([six_bytes]) {
        let mut hub = accepted_hub();
        assert_eq!(hub.receives(&bytes), []);
        assert_eq!(hub.session.close_reason().map(|reason| reason.name()), Some("unexpected_frame"), "{bytes:02x?}");
        assert_eq!(hub.sends(), b"");
    }
}

#[test]
fn a_frame_while_the_verifier_is_asked_is_a_protocol_error() {
    for bytes in [ping(2, b""), send(2, b"\x20\0\0\0\0"), answer(2, b"\x22"), verify_frame(2, 0, b"dev:secret")] {
        let mut hub = verifying_hub(1);
        hub.receives(&bytes);
        assert_eq!(hub.session.close_reason().map(|reason| reason.name()), Some("unexpected_frame"), "{bytes:02x?}");
        hub.session.answer_verify(hub.now, Verdict::Accepted);
        assert_eq!(hub.sends(), b"");
        assert!(!hub.is_open());
    }
}

#[test]
fn a_second_verification_is_answered_with_code_2_and_closes() {
    for message_id in [0, 5] {
        let mut hub = verified_hub();
        hub.calls(40, b"x");
        let events = hub.receives(&verify_frame(message_id, 0, b"dev:secret"));
        assert_eq!(events, [HubEvent::CallDone { token: 40, outcome: CallOutcome::Gone(Delivery::Sent) }]);
        assert_eq!(hub.sends(), frame(0x22, message_id, b""));
        assert_eq!(hub.session.close_reason(), Some(CloseReason::VerifiedTwice));
    }
}

#[test]
fn fifteen_seconds_without_a_verification_close_without_an_answer() {
    for mut hub in [accepted_hub(), verifying_hub(1)] {
        assert_eq!(hub.next_timer(), Some((15_000, Timer::Verify)));
        assert_eq!(hub.after_millis(14_999), []);
        assert!(hub.is_open());
        hub.after_millis(1);
        assert_eq!(hub.session.close_reason(), Some(CloseReason::VerifyTimeout));
        assert_eq!(hub.sends(), b"");
        assert_eq!(hub.next_timer(), None);
    }
}

#[test]
fn a_verdict_after_the_fifteen_seconds_closes_without_an_answer() {
    for verdict in [Verdict::Accepted, Verdict::Refused] {
        let mut hub = verifying_hub(1);
        hub.session.answer_verify(hub.now.after(rtio_proto::limits::VERIFY_TIMEOUT), verdict);
        assert_eq!(hub.session.close_reason(), Some(CloseReason::VerifyTimeout));
        assert_eq!(hub.sends(), b"");
    }
}

#[test]
fn a_verified_device_is_not_bound_by_the_fifteen_seconds() {
    let mut hub = verified_hub();
    hub.after_millis(15_000);
    assert!(hub.is_open());
}

#[test]
fn every_level_reserved_bit_and_code_is_accepted() {
    for level in 0..4 {
        for reserved in [0, 0x15, 0x3f] {
            for code in 0..8 {
                let mut hub = accepted_hub();
                hub.receives(&frame(0x10 | code, 1, &[&[level << 6 | reserved], &b"dev:s"[..]].concat()));
                hub.session.answer_verify(hub.now, Verdict::Accepted);
                assert_eq!(hub.sends(), frame(0x21, 1, b""), "level {level}, reserved {reserved}, code {code}");
                let body = vec![0x20; 512 << level];
                assert_eq!(hub.receives(&send(2, &body)).len(), 1);
            }
        }
    }
}

#[test]
fn a_verdict_nobody_waits_for_does_nothing() {
    let mut hub = accepted_hub();
    hub.session.answer_verify(hub.now, Verdict::Accepted);
    assert_eq!(hub.sends(), b"");
    assert_eq!(hub.tries_call(1, b""), Err(Refusal::NotOpen));
    let mut hub = verified_hub();
    hub.session.answer_verify(hub.now, Verdict::Refused);
    assert_eq!(hub.sends(), b"");
    assert!(hub.is_open());
}

#[test]
fn a_session_that_is_taken_over_ends_its_calls_at_once() {
    let mut hub = verified_hub();
    hub.calls(1, b"x");
    let gone = HubEvent::CallDone { token: 1, outcome: CallOutcome::Gone(Delivery::Sent) };
    assert_eq!(hub.closes(CloseReason::Replaced), [gone]);
    assert_eq!(hub.closes(CloseReason::PeerGone), []);
    assert_eq!(hub.session.close_reason(), Some(CloseReason::Replaced));
    assert_eq!(hub.receives(&ping(1, b"")), []);
    assert_eq!(hub.sends(), b"");
}
