//! §4: observer ids are the hub's to choose. One that the device may hold for live is not used again until it is told.

use rtio_proto::limits::MAX_OBSERVATIONS;
use rtio_proto::session::Refusal;

use crate::fixture::{Hub, answer, notify, notify_answer, verified_hub};

/// The observer ids of so many observations, each of which the device refuses.
fn next_observers(hub: &mut Hub, count: usize) -> Vec<u16> {
    let mut observers = Vec::new();
    for _ in 0..count {
        hub.queues_observation(0);
        let sent = hub.sends();
        let (message_id, observer) = (u16::from_be_bytes([sent[1], sent[2]]), [sent[6], sent[7]]);
        hub.receives(&answer(message_id, &[0x36, observer[0], observer[1]]));
        observers.push(u16::from_be_bytes(observer));
    }
    observers
}

/// Observer 1 has ended. All other ids are used before it comes back, and while the device may hold it, it does not.
fn check(mut hub: Hub, held_by_the_device: bool) {
    let cycle = next_observers(&mut hub, 65_535);
    assert_eq!(cycle[..65_534], (2..=65_535).collect::<Vec<u16>>());
    assert_eq!(cycle[65_534], if held_by_the_device { 2 } else { 1 });
    if held_by_the_device {
        hub.receives(&notify(1, 3, 1, b"late"));
        assert_eq!(hub.sends(), notify_answer(1, 4, 1));
        assert!(next_observers(&mut hub, 65_535).contains(&1), "the device knows now");
    }
}

#[test]
fn an_id_is_kept_after_its_caller_has_left() {
    let mut hub = verified_hub();
    let observation = hub.observes_at_once(5);
    hub.session.leave_observation(hub.now, observation);
    check(hub, true);
}

#[test]
fn an_id_is_kept_after_its_establishment_has_timed_out() {
    let mut hub = verified_hub();
    hub.observes(5);
    hub.after_millis(20_000);
    check(hub, true);
}

#[test]
fn an_id_is_kept_after_a_malformed_answer() {
    let mut hub = verified_hub();
    hub.observes(5);
    hub.receives(&answer(1, b"\x33\x00\x63"));
    check(hub, true);
}

#[test]
fn an_id_that_never_left_is_free() {
    let mut hub = verified_hub();
    let observation = hub.queues_observation(5);
    hub.session.leave_observation(hub.now, observation);
    check(hub, false);
}

#[test]
fn an_id_that_the_device_ended_is_free() {
    let mut hub = verified_hub();
    hub.observes_at_once(5);
    hub.receives(&notify(1, 4, 1, b""));
    hub.sends();
    check(hub, false);
}

#[test]
fn ids_that_the_device_never_gives_back_are_capped() {
    let mut hub = verified_hub();
    for _ in 0..16_384 {
        let observation = hub.observes(5);
        hub.session.leave_observation(hub.now, observation);
    }
    assert_eq!(
        hub.tries_observation(5, b"").unwrap_err(),
        Refusal::TooManyObservations { max: MAX_OBSERVATIONS.into() }
    );
}
