//! §4: CoPOSTs of the device.

use rtio_proto::session::{CloseReason, HubEvent, SessionLimits};
use rtio_proto::{MessageId, StatusCode, UriDigest};

use crate::fixture::{Event, Hub, URI, frame, send, verified_hub, verified_hub_with};

const REQUEST: &[u8] = b"\x20\xa7\x96\xd0\x57";

fn report(message_id: u16, data: &[u8]) -> Event {
    HubEvent::Report { message_id: id(message_id), digest: UriDigest::of(URI), data: data.to_vec() }
}

fn id(message_id: u16) -> MessageId {
    MessageId::new(message_id).expect("not 0")
}

fn reporting_hub(level: u8, max_payload_bytes: u16) -> Hub {
    let mut hub = verified_hub_with(level, SessionLimits { max_payload_bytes, ..SessionLimits::default() });
    assert_eq!(hub.receives(&send(7, REQUEST)), [report(7, b"")]);
    hub
}

#[test]
fn a_report_is_told_and_answered_under_its_message_id() {
    for code in 0..8 {
        let mut hub = verified_hub();
        let bytes = frame(0x50 | code, 0x0203, &[REQUEST, b"hello"].concat());
        assert_eq!(hub.receives(&bytes), [report(0x0203, b"hello")]);
        assert_eq!(hub.sends(), b"");
        hub.session.answer_report(id(0x0203), StatusCode::Ok, b"world");
        assert_eq!(hub.sends(), frame(0x61, 0x0203, b"\x22world"));
    }
}

#[test]
fn the_low_bits_of_a_requests_first_byte_do_not_matter() {
    let mut hub = verified_hub();
    assert_eq!(hub.receives(&send(1, b"\x2f\xa7\x96\xd0\x57x")), [report(1, b"x")]);
}

#[test]
fn data_goes_out_with_ok_only() {
    for status in 0..=9 {
        let mut hub = reporting_hub(0, 504);
        hub.session.answer_report(id(7), StatusCode::from_wire(status), b"data");
        let data: &[u8] = if status == 2 { b"data" } else { b"" };
        assert_eq!(hub.sends(), frame(0x61, 7, &[&[0x20 | status], data].concat()));
    }
}

#[test]
fn an_answer_that_does_not_fit_is_an_internal_error() {
    let cases =
        [(0, 504, 504), (0, 4088, 504), (1, 504, 504), (1, 4088, 1016), (2, 4088, 2040), (3, 4088, 4088), (3, 9, 9)];
    for (level, max_payload_bytes, fits) in cases {
        let data = vec![b'x'; fits + 1];
        let mut hub = reporting_hub(level, max_payload_bytes);
        hub.session.answer_report(id(7), StatusCode::Ok, &data[..fits]);
        assert_eq!(hub.sends(), frame(0x61, 7, &[b"\x22", &data[..fits]].concat()), "level {level}");
        let mut hub = reporting_hub(level, max_payload_bytes);
        hub.session.answer_report(id(7), StatusCode::Ok, &data);
        assert_eq!(hub.sends(), frame(0x61, 7, b"\x21"), "level {level}");
    }
}

#[test]
fn what_fits_the_capacity_is_passed_on_whole() {
    for level in 0..4 {
        let mut hub = verified_hub_with(level, SessionLimits::default());
        let data = vec![b'x'; (512 << level) - 5];
        assert_eq!(hub.receives(&send(1, &[REQUEST, &data].concat())), [report(1, &data)]);
    }
}

#[test]
fn another_method_is_not_allowed() {
    for method in [0, 1, 4, 7, 15] {
        for body in [vec![method << 4], vec![method << 4 | 2, 1, 2, 3, 4, 5, 6]] {
            let mut hub = verified_hub();
            assert_eq!(hub.receives(&send(9, &body)), []);
            assert_eq!(hub.sends(), frame(0x61, 9, &[method << 4 | 7]));
            assert!(hub.is_open());
        }
    }
}

#[test]
fn a_body_too_short_for_its_method_is_a_protocol_error() {
    let bodies: [&[u8]; 8] = [b"", b"\x20", b"\x20\0\0\0", b"\x30", b"\x30\0", b"\x33\0", b"\x34\0", b"\x2f\0\0\0"];
    for body in bodies {
        let mut hub = verified_hub();
        assert_eq!(hub.receives(&send(1, body)), []);
        assert_eq!(hub.sends(), b"");
        assert_eq!(hub.session.close_reason().map(|reason| reason.name()), Some("body_too_short"), "{body:?}");
    }
}

#[test]
fn one_report_over_the_cap_is_too_many_requests_until_another_is_answered() {
    let mut hub = verified_hub_with(0, SessionLimits { max_reports: 2, ..SessionLimits::default() });
    hub.receives(&send(1, REQUEST));
    hub.receives(&send(2, REQUEST));
    assert_eq!(hub.receives(&send(3, REQUEST)), []);
    assert_eq!(hub.sends(), frame(0x61, 3, b"\x28"));
    hub.session.answer_report(id(1), StatusCode::NotFound, b"");
    assert_eq!(hub.sends(), frame(0x61, 1, b"\x25"));
    assert_eq!(hub.receives(&send(4, REQUEST)), [report(4, b"")]);
    assert_eq!(hub.receives(&send(5, REQUEST)), []);
}

#[test]
fn an_answer_after_the_end_goes_nowhere() {
    let mut hub = reporting_hub(0, 504);
    hub.closes(CloseReason::Shutdown);
    hub.session.answer_report(id(7), StatusCode::Ok, b"late");
    assert_eq!(hub.sends(), b"");
}
