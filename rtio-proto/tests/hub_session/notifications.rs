//! §4: the frames of an observation, and the answer to each as back-pressure.

use rtio_proto::StatusCode;
use rtio_proto::session::{HubEvent, ObservationEnd, ObservationId, SessionLimits, Timer};
use rtio_proto::time::Duration;

use crate::calls::done;
use crate::fixture::{
    Event, Hub, answer, establish_frame, frame, notify, notify_answer, verified_hub, verified_hub_with,
};
use crate::observations::ended;

fn notified(data: &[u8]) -> Event {
    HubEvent::Notified { token: 5, data: data.to_vec() }
}

fn hub_with_window(observation_window: u16) -> (Hub, ObservationId) {
    let mut hub = verified_hub_with(0, SessionLimits { observation_window, ..SessionLimits::default() });
    let observation = hub.observes_at_once(5);
    (hub, observation)
}

#[test]
fn a_notification_that_its_caller_has_room_for_is_answered_3() {
    let (mut hub, _) = hub_with_window(8);
    assert_eq!(hub.receives(&notify(0x0102, 3, 1, b"data")), [notified(b"data")]);
    assert_eq!(hub.sends(), notify_answer(0x0102, 3, 1));
    assert_eq!(hub.receives(&notify(0x0103, 3, 1, b"")), [notified(b"")]);
}

#[test]
fn a_notification_may_fill_the_capacity() {
    for level in 0..4 {
        let mut hub = verified_hub_with(level, SessionLimits::default());
        hub.observes_at_once(5);
        let data = vec![b'x'; (512 << level) - 3];
        assert_eq!(hub.receives(&notify(1, 3, 1, &data)), [notified(&data)]);
    }
}

#[test]
fn the_frame_that_fills_the_window_is_answered_when_one_is_taken() {
    for window in [1, 2, 8] {
        let (mut hub, observation) = hub_with_window(window);
        for id in 1..window {
            hub.receives(&notify(id, 3, 1, b"x"));
            assert_eq!(hub.sends(), notify_answer(id, 3, 1));
        }
        for id in window..window + 3 {
            assert_eq!(hub.receives(&notify(id, 3, 1, b"x")), [notified(b"x")]);
            assert_eq!(hub.sends(), b"", "frame {id} of a window of {window}");
            hub.session.grant_frame(observation);
            assert_eq!(hub.sends(), notify_answer(id, 3, 1));
        }
    }
}

#[test]
fn grants_never_open_more_than_the_window() {
    let (mut hub, observation) = hub_with_window(2);
    for _ in 0..70_000 {
        hub.session.grant_frame(observation);
    }
    hub.receives(&notify(1, 3, 1, b"x"));
    assert_eq!(hub.sends(), notify_answer(1, 3, 1));
    hub.receives(&notify(2, 3, 1, b"x"));
    assert_eq!(hub.sends(), b"");
}

#[test]
fn a_window_of_0_is_one_of_1() {
    let (mut hub, observation) = hub_with_window(0);
    for id in 1..4 {
        assert_eq!(hub.receives(&notify(id, 3, 1, b"x")), [notified(b"x")]);
        assert_eq!(hub.sends(), b"");
        hub.session.grant_frame(observation);
        assert_eq!(hub.sends(), notify_answer(id, 3, 1));
    }
}

#[test]
fn a_slow_caller_delays_no_other_observation_or_call() {
    let (mut hub, _) = hub_with_window(1);
    hub.receives(&notify(1, 3, 1, b"x"));
    hub.observes(6);
    hub.receives(&answer(2, b"\x33\x00\x02"));
    hub.calls(7, b"");
    let other = HubEvent::Notified { token: 6, data: b"y".to_vec() };
    assert_eq!(hub.receives(&notify(2, 3, 2, b"y")), [other]);
    let outcome = rtio_proto::session::CallOutcome::Answered { status: StatusCode::NotFound, data: vec![] };
    assert_eq!(hub.receives(&answer(3, b"\x25")), [done(7, outcome)]);
    hub.receives(&send_unknown_method());
    assert_eq!(hub.sends(), frame(0x61, 3, b"\x17"));
}

fn send_unknown_method() -> Vec<u8> {
    crate::fixture::send(3, b"\x10")
}

#[test]
fn a_frame_before_the_answer_to_the_last_ends_the_observation() {
    let (mut hub, _) = hub_with_window(1);
    hub.receives(&notify(1, 3, 1, b"x"));
    assert_eq!(hub.receives(&notify(2, 3, 1, b"y")), [ended(5, ObservationEnd::Overrun)]);
    assert_eq!(hub.sends(), [notify_answer(2, 4, 1), notify_answer(1, 4, 1)].concat());
    assert!(hub.is_open());
    hub.queues_observation(6);
    assert_eq!(hub.sends(), establish_frame(2, 2, b""), "what else it sent is not taken for the next observation's");
    assert_eq!(hub.receives(&notify(3, 3, 1, b"z")), []);
    assert_eq!(hub.sends(), notify_answer(3, 4, 1));
}

#[test]
fn terminate_is_the_last_and_is_answered_4() {
    let (mut hub, _) = hub_with_window(8);
    assert_eq!(hub.receives(&notify(9, 4, 1, b"ignored")), [ended(5, ObservationEnd::Terminated)]);
    assert_eq!(hub.sends(), notify_answer(9, 4, 1));
    assert_eq!(hub.receives(&notify(10, 3, 1, b"x")), []);
    assert_eq!(hub.sends(), notify_answer(10, 4, 1));
}

#[test]
fn terminate_while_the_last_answer_waits_answers_both() {
    let (mut hub, _) = hub_with_window(1);
    hub.receives(&notify(1, 3, 1, b"x"));
    assert_eq!(hub.receives(&notify(2, 4, 1, b"")), [ended(5, ObservationEnd::Terminated)]);
    assert_eq!(hub.sends(), [notify_answer(2, 4, 1), notify_answer(1, 4, 1)].concat());
}

#[test]
fn any_other_status_ends_the_observation_as_failed() {
    for status in (0..16).filter(|status| ![3, 4].contains(status)) {
        let (mut hub, _) = hub_with_window(8);
        let failed = ended(5, ObservationEnd::Failed(StatusCode::from_wire(status)));
        assert_eq!(hub.receives(&notify(1, status, 1, b"not passed on")), [failed]);
        assert_eq!(hub.sends(), notify_answer(1, 4, 1));
        assert!(hub.is_open());
    }
}

#[test]
fn a_notification_to_an_unknown_observer_is_answered_4() {
    for observer in [0, 2, 0xffff] {
        for status in [0, 3, 4, 15] {
            let (mut hub, _) = hub_with_window(8);
            assert_eq!(hub.receives(&notify(1, status, observer, b"x")), []);
            assert_eq!(hub.sends(), notify_answer(1, 4, observer));
            let mut hub = verified_hub();
            assert_eq!(hub.receives(&notify(1, status, observer, b"x")), []);
            assert_eq!(hub.sends(), notify_answer(1, 4, observer));
        }
    }
}

#[test]
fn a_name_of_an_ended_observation_grants_nothing_to_the_next() {
    let (mut hub, old) = hub_with_window(1);
    hub.receives(&notify(1, 4, 1, b""));
    hub.sends();
    hub.observes(6);
    hub.receives(&answer(2, b"\x33\x00\x02"));
    hub.receives(&notify(2, 3, 2, b"x"));
    hub.session.grant_frame(old);
    hub.session.leave_observation(hub.now, old);
    assert_eq!(hub.sends(), b"");
}

#[test]
fn a_caller_that_makes_no_room_for_15_s_loses_its_observation_and_the_device_has_its_answer() {
    let (mut hub, _) = hub_with_window(1);
    hub.receives(&notify(1, 3, 1, b"x"));
    assert_eq!(hub.sends(), b"");
    assert_eq!(hub.session.poll_timeout(), Some((hub.now.after(Duration::from_secs(15)), Timer::Room)));
    assert_eq!(hub.after_millis(14_999), []);
    let [HubEvent::ObservationEnded { end: ObservationEnd::Stalled, .. }] = hub.after_millis(1)[..] else {
        panic!("the observation goes on");
    };
    assert_eq!(hub.sends(), frame(0x61, 1, b"\x34\x00\x01"));
    assert_eq!(hub.session.close_reason(), None);
}
