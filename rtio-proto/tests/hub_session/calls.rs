//! §4, §5: CoPOSTs of the hub, from the wire to their one end.

use rtio_proto::StatusCode;
use rtio_proto::session::{CallOutcome, Delivery, HubEvent, Refusal, SessionLimits, Timer};

use crate::fixture::{Event, accepted_hub, answer, call_frame, frame, verified_hub, verified_hub_with};

pub(crate) fn done(token: u32, outcome: CallOutcome) -> Event {
    HubEvent::CallDone { token, outcome }
}

fn answered(token: u32, status: StatusCode, data: &[u8]) -> Event {
    done(token, CallOutcome::Answered { status, data: data.to_vec() })
}

fn check_answer(body: &[u8], expected: CallOutcome) {
    let mut hub = verified_hub();
    hub.calls(9, b"hello");
    assert_eq!(hub.receives(&answer(1, body)), [done(9, expected)], "{body:02x?}");
    assert_eq!(hub.receives(&answer(1, body)), [HubEvent::AnswerDropped], "one end only: {body:02x?}");
    assert!(hub.is_open());
}

#[test]
fn a_call_is_a_server_send_request_with_code_0() {
    let mut hub = verified_hub();
    hub.queues_call(1, b"hello");
    hub.queues_call(2, b"");
    assert_eq!(hub.sends(), [call_frame(1, b"hello"), call_frame(2, b"")].concat());
}

#[test]
fn message_ids_count_up_by_one_skip_0_and_what_is_in_flight() {
    let mut hub = verified_hub();
    hub.calls(0, b"");
    for token in (2..=u32::from(u16::MAX)).chain(2..5) {
        hub.queues_call(token, b"");
        let message_id = u16::try_from(token).unwrap();
        assert_eq!(hub.sends(), call_frame(message_id, b""));
        assert_eq!(hub.receives(&answer(message_id, b"\x22")), [answered(token, StatusCode::Ok, b"")]);
    }
    assert_eq!(hub.receives(&answer(1, b"\x22")), [answered(0, StatusCode::Ok, b"")]);
}

#[test]
fn answers_find_their_calls_in_any_order() {
    let mut hub = verified_hub();
    for token in 1..=3 {
        hub.calls(token, b"");
    }
    for id in [3_u16, 1, 2] {
        assert_eq!(hub.receives(&answer(id, b"\x22x")), [answered(id.into(), StatusCode::Ok, b"x")]);
    }
    assert_eq!(hub.session.calls_in_flight(), 0);
}

#[test]
fn the_status_in_the_body_decides_and_data_comes_with_ok_only() {
    use StatusCode as S;
    let statuses = [
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
        let status = statuses.get(usize::from(bits)).copied().unwrap_or(S::InternalError);
        let data = if bits == 2 { b"data".to_vec() } else { Vec::new() };
        for method in [0x20, 0x10] {
            let expected = CallOutcome::Answered { status, data: data.clone() };
            check_answer(&[&[method | bits], &b"data"[..]].concat(), expected);
        }
    }
}

#[test]
fn the_code_of_an_answers_frame_is_ignored() {
    for code in 0..8 {
        let mut hub = verified_hub();
        hub.calls(1, b"");
        assert_eq!(hub.receives(&frame(0x80 | code, 1, b"\x22ok")), [answered(1, StatusCode::Ok, b"ok")]);
    }
}

#[test]
fn an_answer_may_fill_the_capacity() {
    for level in 0..4 {
        let mut hub = verified_hub_with(level, SessionLimits::default());
        hub.calls(1, b"");
        let data = vec![b'x'; (512 << level) - 1];
        assert_eq!(hub.receives(&answer(1, &[b"\x22", &data[..]].concat())), [answered(1, StatusCode::Ok, &data)]);
    }
}

#[test]
fn a_malformed_answer_ends_its_call_and_the_session_lives() {
    let bodies: [&[u8]; 5] = [b"", b"\x02ok", b"\x32\x00\x01", b"\x42ok", b"\xf2"];
    for body in bodies {
        check_answer(body, CallOutcome::Malformed);
    }
}

#[test]
fn an_answer_that_nobody_asked_for_is_dropped() {
    let mut hub = verified_hub();
    assert_eq!(hub.receives(&answer(77, b"\x22")), [HubEvent::AnswerDropped]);
    assert_eq!(hub.receives(&answer(77, b"")), [HubEvent::AnswerDropped]);
    assert!(hub.is_open());
}

#[test]
fn a_call_times_out_to_the_millisecond_and_its_late_answer_is_dropped() {
    let mut hub = verified_hub();
    hub.calls(1, b"");
    assert_eq!(hub.next_timer(), Some((10_000, Timer::Answer)));
    assert_eq!(hub.after_millis(9_999), []);
    assert_eq!(hub.after_millis(1), [done(1, CallOutcome::TimedOut(Delivery::Sent))]);
    assert_eq!(hub.receives(&answer(1, b"\x22late")), [HubEvent::AnswerDropped]);
    hub.calls(2, b"");
    assert_eq!(hub.receives(&answer(2, b"\x22ok")), [answered(2, StatusCode::Ok, b"ok")]);
}

#[test]
fn an_id_whose_answer_may_still_come_is_not_used_again() {
    let mut hub = verified_hub();
    hub.calls(0, b"");
    hub.after_millis(10_000);
    for token in 2..=u32::from(u16::MAX) {
        hub.calls(token, b"");
        hub.receives(&answer(u16::try_from(token).unwrap(), b"\x22"));
    }
    hub.calls(1, b"");
    assert_eq!(hub.receives(&answer(1, b"\x22")), [HubEvent::AnswerDropped], "1 was kept for the late answer");
    for token in 3..=u32::from(u16::MAX) {
        hub.calls(token, b"");
        hub.receives(&answer(u16::try_from(token).unwrap(), b"\x22"));
    }
    hub.queues_call(1, b"");
    assert_eq!(hub.sends(), call_frame(1, b""), "which has come");
}

#[test]
fn calls_with_mixed_deadlines_end_each_in_its_time() {
    let mut hub = verified_hub();
    for token in 0..300_u32 {
        hub.calls(token, b"");
        hub.after_millis(u64::from(token % 3));
    }
    // Token t began about t ms after the first; half of them are answered.
    for id in (1..=300_u16).filter(|id| id % 2 == 0) {
        assert_eq!(hub.receives(&answer(id, b"\x22")), [answered(u32::from(id) - 1, StatusCode::Ok, b"")]);
    }
    let mut ended = 0;
    while let Some((millis, Timer::Answer)) = hub.next_timer() {
        let events = hub.after_millis(millis);
        assert!(!events.is_empty());
        for event in events {
            assert_eq!(event, done(ended, CallOutcome::TimedOut(Delivery::Sent)));
            ended += 2;
        }
    }
    assert_eq!(ended, 300);
    assert_eq!(hub.session.calls_in_flight(), 0);
}

#[test]
fn many_calls_end_at_one_moment() {
    let mut hub = verified_hub();
    for token in 0..1024 {
        hub.calls(token, b"");
    }
    let expected: Vec<_> = (0..1024).map(|token| done(token, CallOutcome::TimedOut(Delivery::Sent))).collect();
    assert_eq!(hub.after_millis(10_000), expected);
}

#[test]
fn data_towards_the_device_is_limited_by_capacity_and_payload_limit() {
    let cases =
        [(0, 504, 504), (0, 4088, 504), (1, 504, 504), (1, 4088, 1016), (2, 4088, 2040), (3, 4088, 4088), (3, 9, 9)];
    for (level, max_payload_bytes, max) in cases {
        let limits = SessionLimits { max_payload_bytes, ..SessionLimits::default() };
        let mut hub = verified_hub_with(level, limits);
        let data = vec![b'x'; max + 1];
        let refused = Refusal::TooLarge { len: max + 1, max };
        assert_eq!(hub.tries_call(1, &data).unwrap_err(), refused);
        assert_eq!(hub.tries_observation(1, &data).unwrap_err(), refused);
        assert_eq!(hub.sends(), b"");
        hub.queues_call(1, &data[..max]);
        assert_eq!(hub.sends(), call_frame(1, &data[..max]));
    }
}

#[test]
fn one_call_over_the_cap_is_refused_until_another_ends() {
    let limits = SessionLimits { max_calls: 3, ..SessionLimits::default() };
    let mut hub = verified_hub_with(0, limits);
    hub.calls(1, b"");
    hub.calls(2, b"");
    hub.observes(3);
    let refused = Refusal::TooManyCalls { max: 3 };
    assert_eq!(hub.tries_call(4, b"").unwrap_err(), refused);
    assert_eq!(hub.tries_observation(4, b"").unwrap_err(), refused);
    assert_eq!((hub.sends(), hub.session.calls_in_flight()), (vec![], 3));
    hub.receives(&answer(2, b"\x22"));
    hub.queues_call(5, b"");
    assert_eq!(hub.sends(), call_frame(4, b""), "a refused request costs no message id");
}

#[test]
fn calls_are_refused_unless_the_device_is_verified() {
    let mut hub = accepted_hub();
    assert_eq!(hub.tries_call(1, b"").unwrap_err(), Refusal::NotOpen);
    assert_eq!(hub.tries_observation(1, b"").unwrap_err(), Refusal::NotOpen);
    let mut hub = verified_hub();
    hub.closes(rtio_proto::session::CloseReason::Shutdown);
    assert_eq!(hub.tries_call(1, b"").unwrap_err(), Refusal::NotOpen);
    assert_eq!(hub.tries_observation(1, b"").unwrap_err(), Refusal::NotOpen);
}

#[test]
fn a_cancelled_call_gives_no_event_and_its_answer_is_dropped() {
    let mut hub = verified_hub();
    let call = hub.calls(1, b"");
    hub.session.cancel_call(hub.now, call);
    assert_eq!(hub.events(), []);
    assert_eq!(hub.receives(&answer(1, b"\x22")), [HubEvent::AnswerDropped]);
    hub.session.cancel_call(hub.now, call);
    assert_eq!(hub.after_millis(10_000), []);
}

#[test]
fn an_old_name_does_not_cancel_a_newer_call_of_the_same_id() {
    let mut hub = verified_hub();
    let first = hub.calls(0, b"");
    hub.receives(&answer(1, b"\x22"));
    for token in 2..=u32::from(u16::MAX) {
        hub.calls(token, b"");
        hub.receives(&answer(u16::try_from(token).unwrap(), b"\x22"));
    }
    hub.calls(1, b"");
    hub.session.cancel_call(hub.now, first);
    assert_eq!(hub.receives(&answer(1, b"\x22")), [answered(1, StatusCode::Ok, b"")]);
}
