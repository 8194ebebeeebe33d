//! A device that does not read: what waits in the hub is capped, can be taken back, and is told from what has left.

use rtio_proto::session::{CallOutcome, CloseReason, Delivery, HubEvent, ObservationEnd, Refusal, SessionLimits};

use crate::calls::done;
use crate::fixture::{Hub, answer, call_frame, establish_frame, frame, ping, verified_hub, verified_hub_with};

/// Three calls in the hub, of which the transport took the first `left` bytes.
fn three_calls_of_which(left: usize) -> Hub {
    let mut hub = verified_hub();
    for token in 1..=3 {
        hub.queues_call(token, &[b'0'; 3]);
    }
    let mut bytes = hub.sends();
    assert_eq!(bytes.len(), 3 * FRAME);
    hub.session.handle_unsent(bytes.split_off(left));
    hub
}

const FRAME: usize = 13;

#[test]
fn a_request_counts_as_sent_from_its_first_byte() {
    let cases = [(0, 0), (1, 1), (FRAME, 1), (FRAME + 1, 2), (3 * FRAME - 1, 3), (3 * FRAME, 3)];
    for (left, sent) in cases {
        let delivery = |token| if token <= sent { Delivery::Sent } else { Delivery::NotSent };
        let rest = (sent as usize * FRAME).saturating_sub(left);

        let mut hub = three_calls_of_which(left);
        let expected = [1, 2, 3].map(|token| done(token, CallOutcome::TimedOut(delivery(token))));
        assert_eq!(hub.after_millis(10_000), expected, "{left} bytes left");
        assert_eq!(hub.sends().len(), rest, "{left} bytes left");

        let mut hub = three_calls_of_which(left);
        let mut events = hub.closes(CloseReason::PeerGone);
        events.reverse();
        assert_eq!(events, [1, 2, 3].map(|token| done(token, CallOutcome::Gone(delivery(token)))), "{left} bytes left");
        assert_eq!(hub.sends().len(), rest, "{left} bytes left");
    }
}

#[test]
fn a_withdrawn_call_leaves_its_neighbours_whole() {
    for withdrawn in 0..3_u16 {
        let mut hub = verified_hub();
        let calls = [1, 2, 3].map(|token| hub.queues_call(token, b"x"));
        hub.receives(&ping(9, b""));
        hub.session.cancel_call(hub.now, calls[usize::from(withdrawn)]);
        let rest = (0..3).filter(|call| *call != withdrawn).map(|call| call_frame(call + 1, b"x"));
        assert_eq!(hub.sends(), rest.chain([frame(0x41, 9, b"")]).flatten().collect::<Vec<_>>());
    }
}

#[test]
fn a_second_withdrawal_finds_its_frame_where_the_first_moved_it() {
    let mut hub = three_calls_of_which(FRAME + 4);
    let late = hub.queues_call(4, b"four");
    let last = hub.queues_call(5, b"five");
    assert_eq!(hub.after_millis(9_999), []);
    hub.session.cancel_call(hub.now, late);
    hub.after_millis(1);
    assert_eq!(hub.sends(), call_frame(2, b"000")[4..]);
    hub.session.cancel_call(hub.now, last);
    assert_eq!(hub.sends(), b"");
}

#[test]
fn a_withdrawn_request_needs_no_quarantine_but_a_sent_one_does() {
    let mut hub = verified_hub();
    let call = hub.queues_call(1, b"");
    hub.session.cancel_call(hub.now, call);
    assert_eq!(hub.sends(), b"");
    assert_eq!(hub.session.calls_in_flight(), 0);
    hub.queues_call(2, b"");
    assert_eq!(hub.sends(), call_frame(2, b""));
}

#[test]
fn a_request_that_does_not_fit_the_outbox_is_refused() {
    let limits = SessionLimits { max_outbox_bytes: 25, ..SessionLimits::default() };
    let mut hub = verified_hub_with(0, limits);
    let refused = Refusal::OutboxFull { max: 25 };
    assert_eq!(hub.tries_call(1, &[0; 16]).unwrap_err(), refused);
    assert_eq!(hub.tries_observation(1, &[0; 14]).unwrap_err(), refused);
    hub.queues_call(1, &[0; 15]);
    assert_eq!(hub.tries_call(2, b"").unwrap_err(), refused);
    hub.sends();
    hub.queues_observation(2);
    assert_eq!(hub.sends(), establish_frame(2, 1, b""));
}

#[test]
fn a_device_that_does_not_read_is_not_read_from() {
    let limits = SessionLimits { max_outbox_bytes: 25, ..SessionLimits::default() };
    let mut hub = verified_hub_with(0, limits);
    for id in 1..=5 {
        hub.receives(&ping(id, b""));
        assert!(hub.session.wants_bytes());
    }
    hub.receives(&ping(6, b""));
    assert!(!hub.session.wants_bytes());
    let mut bytes = hub.sends();
    assert!(hub.session.wants_bytes());
    hub.session.handle_unsent(bytes.split_off(4));
    assert!(!hub.session.wants_bytes());
    assert_eq!(hub.sends().len(), 26);
}

#[test]
fn what_was_put_back_leaves_before_what_is_newer() {
    let mut hub = verified_hub();
    hub.queues_call(1, b"one");
    let mut bytes = hub.sends();
    hub.queues_call(2, b"two");
    hub.session.handle_unsent(bytes.split_off(7));
    bytes.extend(hub.sends());
    assert_eq!(bytes, [call_frame(1, b"one"), call_frame(2, b"two")].concat());
}

#[test]
fn a_session_that_ends_sends_its_answers_but_no_request_that_it_gave_up() {
    let mut hub = verified_hub();
    hub.queues_call(1, b"one");
    hub.receives(&ping(9, b""));
    hub.queues_observation(2);
    let expected = [
        HubEvent::ObservationEnded { token: 2, end: ObservationEnd::Gone(Delivery::NotSent) },
        done(1, CallOutcome::Gone(Delivery::NotSent)),
    ];
    assert_eq!(hub.receives(&crate::fixture::verify_frame(3, 0, b"dev:secret")), expected);
    assert_eq!(hub.sends(), [frame(0x41, 9, b""), frame(0x22, 3, b"")].concat());
}

#[test]
fn an_unsent_establishment_that_times_out_never_leaves() {
    let mut hub = verified_hub();
    hub.queues_observation(1);
    let timed_out = HubEvent::ObservationEnded { token: 1, end: ObservationEnd::TimedOut(Delivery::NotSent) };
    assert_eq!(hub.after_millis(20_000), [timed_out]);
    assert_eq!(hub.sends(), b"");
    assert_eq!(hub.receives(&answer(1, b"\x33\x00\x01")), [HubEvent::AnswerDropped]);
}
