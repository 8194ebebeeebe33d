//! §1: what closes a connection without an answer, by cause.

use rtio_proto::session::{CallOutcome, CloseReason, Delivery, HubEvent, SessionLimits};

use crate::fixture::{answer, frame, ping, send, verified_hub, verified_hub_with};

fn check(level: u8, bytes: &[u8], cause: &str) {
    for cut in 0..bytes.len().min(6) {
        let mut hub = verified_hub_with(level, SessionLimits::default());
        hub.calls(1, b"x");
        let mut events = hub.receives(&bytes[..cut]);
        events.extend(hub.receives(&bytes[cut..]));
        let gone = HubEvent::CallDone { token: 1, outcome: CallOutcome::Gone(Delivery::Sent) };
        assert_eq!(events, [gone], "{cause}");
        let reason = hub.session.close_reason().expect("closed");
        assert!(matches!(reason, CloseReason::Protocol(_)), "{reason:?}");
        assert_eq!(reason.name(), cause);
        assert_eq!(hub.sends(), b"", "{cause}");
        assert_eq!(hub.receives(&ping(1, b"")), [], "a closed session takes all and does nothing");
        assert_eq!(hub.sends(), b"");
    }
}

#[test]
fn a_version_bit_of_1_is_one() {
    for kind in 0..16 {
        check(0, &frame(kind << 4 | 0b1000, 1, b""), "unsupported_version");
    }
}

#[test]
fn an_unknown_type_is_one() {
    for kind in [0, 9, 10, 11, 12, 13, 14, 15] {
        check(0, &frame(kind << 4, 1, b""), "unknown_type");
    }
}

#[test]
fn a_type_that_only_the_hub_sends_is_one() {
    for kind in [2, 4, 6, 7] {
        check(0, &frame(kind << 4, 1, b"\x20\0\0\0\0"), "unexpected_frame");
    }
}

#[test]
fn a_body_over_the_capacity_is_one_and_one_within_it_is_not() {
    for level in 0..4 {
        let capacity = 512 << level;
        for first in [0x30, 0x51, 0x81, 0x10] {
            check(level, &frame(first, 1, &vec![0x20; capacity + 1]), "body_too_long");
        }
        let mut hub = verified_hub_with(level, SessionLimits::default());
        hub.receives(&send(1, &vec![0x20; capacity]));
        assert!(hub.is_open());
    }
}

#[test]
fn a_long_body_is_refused_by_its_header_alone() {
    for level in 0..4_u16 {
        let [high, low] = ((512 << level) + 1_u16).to_be_bytes();
        check(u8::try_from(level).unwrap(), &[0x51, 0, 1, high, low], "body_too_long");
    }
    check(3, b"\x51\x00\x01\xff\xff", "body_too_long");
}

#[test]
fn message_id_0_is_one() {
    for bytes in [ping(0, b""), send(0, b"\x20\0\0\0\0"), send(0, b"\x33\0\x01"), answer(0, b"\x22")] {
        check(0, &bytes, "zero_message_id");
    }
}

#[test]
fn the_shortest_notification_is_one() {
    check(0, b"\x50\x00\x01\x00\x01\x30", "body_too_short");
}

#[test]
fn what_came_before_it_is_still_answered() {
    let mut hub = verified_hub();
    hub.receives(&[ping(1, b""), frame(0x90, 2, b""), ping(3, b"")].concat());
    assert_eq!(hub.sends(), frame(0x41, 1, b""));
    assert!(!hub.is_open());
}

#[test]
fn the_reason_tells_the_offending_header() {
    let mut hub = verified_hub();
    let error = hub.session.handle_bytes(hub.now, b"\x9a\x01\x02\x00\x00").unwrap_err();
    assert!(error.to_string().contains("[9a, 01, 02, 00, 00]"), "{error}");
}
