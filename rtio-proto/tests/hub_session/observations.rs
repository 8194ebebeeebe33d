//! §4: how observations begin, how many there may be, and how their callers leave.

use rtio_proto::StatusCode;
use rtio_proto::limits::MAX_OBSERVATIONS;
use rtio_proto::session::{CloseReason, Delivery, HubEvent, ObservationEnd, Refusal, SessionLimits, Timer};

use crate::fixture::{Event, Hub, answer, establish_frame, notify, notify_answer, verified_hub, verified_hub_with};

pub(crate) fn ended(token: u32, end: ObservationEnd) -> Event {
    HubEvent::ObservationEnded { token, end }
}

/// The device still believes in observer 1 and learns of its end from the answer to its next notification.
fn first_notification_is_answered_4(hub: &mut Hub) {
    assert_eq!(hub.receives(&notify(0x55, 3, 1, b"late")), []);
    assert_eq!(hub.sends(), notify_answer(0x55, 4, 1));
    assert!(hub.is_open());
}

#[test]
fn an_establishment_is_observer_digest_and_data() {
    let mut hub = verified_hub();
    hub.tries_observation(1, b"hello").unwrap();
    hub.tries_observation(2, b"").unwrap();
    assert_eq!(hub.sends(), [establish_frame(1, 1, b"hello"), establish_frame(2, 2, b"")].concat());
}

#[test]
fn continue_begins_the_observation_and_every_other_status_refuses_it() {
    for status in 0..16_u8 {
        let mut hub = verified_hub();
        hub.observes(5);
        let expected = match status {
            3 => HubEvent::ObservationStarted { token: 5 },
            _ => ended(5, ObservationEnd::Refused(StatusCode::from_wire(status))),
        };
        assert_eq!(hub.receives(&answer(1, &[0x30 | status, 0, 1])), [expected]);
        assert_eq!(hub.session.calls_in_flight(), 0);
        assert_eq!(hub.receives(&answer(1, &[0x33, 0, 1])), [HubEvent::AnswerDropped]);
    }
}

#[test]
fn an_answer_with_another_observer_method_or_length_is_malformed() {
    let bodies: [&[u8]; 7] =
        [b"", b"\x33", b"\x33\x00", b"\x33\x00\x02", b"\x33\x00\x00", b"\x23\x00\x01", b"\x13\x00\x01"];
    for body in bodies {
        let mut hub = verified_hub();
        hub.observes(5);
        assert_eq!(hub.receives(&answer(1, body)), [ended(5, ObservationEnd::Malformed)], "{body:?}");
        first_notification_is_answered_4(&mut hub);
    }
}

#[test]
fn an_establishment_times_out_and_its_late_begin_is_ended_with_its_first_notification() {
    let mut hub = verified_hub();
    hub.observes(5);
    assert_eq!(hub.next_timer(), Some((20_000, Timer::Answer)));
    assert_eq!(hub.after_millis(19_999), []);
    assert_eq!(hub.after_millis(1), [ended(5, ObservationEnd::TimedOut(Delivery::Sent))]);
    assert_eq!(hub.receives(&answer(1, b"\x33\x00\x01")), [HubEvent::AnswerDropped]);
    hub.queues_observation(6);
    assert_eq!(hub.sends(), establish_frame(2, 2, b""), "observer 1 may live on the device");
    first_notification_is_answered_4(&mut hub);
}

#[test]
fn a_begun_observation_has_no_time_limit() {
    let mut hub = verified_hub();
    hub.observes_at_once(5);
    assert_eq!(hub.after_millis(400_000), []);
    assert_eq!(hub.receives(&notify(1, 3, 1, b"x")), [HubEvent::Notified { token: 5, data: b"x".to_vec() }]);
}

#[test]
fn the_first_notification_may_overtake_the_answer_that_begins_it() {
    let began = HubEvent::ObservationStarted { token: 5 };
    let mut hub = verified_hub();
    hub.observes(5);
    let notified = HubEvent::Notified { token: 5, data: b"x".to_vec() };
    assert_eq!(hub.receives(&notify(1, 3, 1, b"x")), [began.clone(), notified]);
    assert_eq!(hub.sends(), notify_answer(1, 3, 1));
    assert_eq!(hub.receives(&answer(1, b"\x33\x00\x01")), []);

    let mut hub = verified_hub();
    hub.observes(5);
    assert_eq!(hub.receives(&notify(1, 4, 1, b"")), [began, ended(5, ObservationEnd::Terminated)]);
    assert_eq!(hub.sends(), notify_answer(1, 4, 1));
    assert_eq!(hub.receives(&answer(1, b"\x33\x00\x01")), [HubEvent::AnswerDropped]);
}

#[test]
fn a_refusal_ends_an_observation_that_began_with_a_notification() {
    let mut hub = verified_hub();
    hub.observes(5);
    hub.receives(&notify(1, 3, 1, b"x"));
    assert_eq!(hub.receives(&answer(1, b"\x36\x00\x01")), [ended(5, ObservationEnd::Refused(StatusCode::BadRequest))]);
    hub.sends();
    first_notification_is_answered_4(&mut hub);
}

#[test]
fn an_observation_that_notifies_does_not_time_out_for_want_of_its_answer() {
    let mut hub = verified_hub();
    hub.observes(5);
    assert_eq!(hub.receives(&notify(1, 3, 1, b"x")).len(), 2);
    assert_eq!(hub.sends(), notify_answer(1, 3, 1));
    assert_eq!(hub.after_millis(20_000), []);
    assert_eq!((hub.sends(), hub.session.calls_in_flight()), (vec![], 0));
}

#[test]
fn a_caller_that_leaves_is_told_to_the_device_with_its_next_notification() {
    let mut hub = verified_hub();
    let observation = hub.observes_at_once(5);
    hub.session.leave_observation(hub.now, observation);
    assert_eq!((hub.events(), hub.sends()), (vec![], vec![]));
    hub.queues_observation(6);
    assert_eq!(hub.sends(), establish_frame(2, 2, b""), "observer 1 lives on the device");
    first_notification_is_answered_4(&mut hub);
    hub.session.grant_frame(observation);
    hub.session.leave_observation(hub.now, observation);
    assert_eq!(hub.sends(), b"");
}

#[test]
fn a_caller_that_leaves_a_waiting_notification_is_told_at_once() {
    let mut hub = verified_hub_with(0, SessionLimits { observation_window: 1, ..SessionLimits::default() });
    let observation = hub.observes_at_once(5);
    hub.receives(&notify(0x22, 3, 1, b"x"));
    assert_eq!(hub.sends(), b"");
    hub.session.leave_observation(hub.now, observation);
    assert_eq!((hub.events(), hub.sends()), (vec![], notify_answer(0x22, 4, 1)));
}

#[test]
fn a_caller_may_leave_while_the_establishment_is_on_its_way() {
    let mut hub = verified_hub();
    let observation = hub.observes(5);
    hub.session.leave_observation(hub.now, observation);
    assert_eq!((hub.events(), hub.session.calls_in_flight()), (vec![], 0));
    assert_eq!(hub.receives(&answer(1, b"\x33\x00\x01")), [HubEvent::AnswerDropped]);
    first_notification_is_answered_4(&mut hub);
}

#[test]
fn a_caller_that_leaves_before_the_establishment_was_sent_takes_it_back() {
    let mut hub = verified_hub();
    let observation = hub.queues_observation(5);
    hub.session.leave_observation(hub.now, observation);
    assert_eq!((hub.events(), hub.sends(), hub.session.calls_in_flight()), (vec![], vec![], 0));
    assert_eq!(hub.after_millis(20_000), []);
}

#[test]
fn the_257th_observation_is_refused_until_another_ends() {
    let mut hub = verified_hub();
    for observer in 1..=256_u16 {
        hub.observes(observer.into());
        let [high, low] = observer.to_be_bytes();
        hub.receives(&answer(observer, &[0x33, high, low]));
    }
    let refused = Refusal::TooManyObservations { max: MAX_OBSERVATIONS.into() };
    assert_eq!(hub.tries_observation(257, b"").unwrap_err(), refused);
    assert_eq!(hub.sends(), b"");
    hub.calls(0, b"calls are not observations");
    hub.receives(&notify(1, 4, 100, b""));
    assert_eq!(hub.sends(), notify_answer(1, 4, 100));
    hub.queues_observation(257);
    assert_eq!(hub.sends(), establish_frame(258, 257, b""));
    assert_eq!(hub.tries_observation(258, b"").unwrap_err(), refused);
    hub.session.close(CloseReason::PeerGone);
    assert_eq!(hub.tries_observation(258, b"").unwrap_err(), Refusal::NotOpen);
}

#[test]
fn observer_ids_skip_0_and_never_name_two_at_once() {
    let mut hub = verified_hub();
    hub.observes_at_once(0);
    let mut names = Vec::new();
    for n in 2..=u16::MAX {
        names.push(hub.queues_observation(n.into()));
        assert_eq!(hub.sends(), establish_frame(n, n, b""));
        let [high, low] = n.to_be_bytes();
        assert_eq!(hub.receives(&answer(n, &[0x35, high, low])).len(), 1);
    }
    hub.queues_observation(1);
    assert_eq!(hub.sends(), establish_frame(1, 2, b""), "observer 1 is live");
    for old in names {
        hub.session.leave_observation(hub.now, old);
    }
    assert_eq!(hub.receives(&notify(9, 3, 2, b"x"))[0], HubEvent::ObservationStarted { token: 1 });
}

#[test]
fn the_end_of_the_session_ends_each_observation_once() {
    let mut hub = verified_hub();
    hub.observes_at_once(1);
    hub.observes(2);
    hub.queues_observation(3);
    let mut events = hub.closes(CloseReason::PeerGone);
    events.sort_by_key(|event| format!("{event:?}"));
    let gone = |token, delivery| ended(token, ObservationEnd::Gone(delivery));
    assert_eq!(events, [gone(1, Delivery::Sent), gone(2, Delivery::Sent), gone(3, Delivery::NotSent)]);
    assert_eq!((hub.events(), hub.sends()), (vec![], vec![]));
}
