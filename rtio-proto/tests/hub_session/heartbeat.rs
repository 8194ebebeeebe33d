//! §3: pings, intervals, and the silence that ends a session.

use rtio_proto::session::{CallOutcome, CloseReason, Delivery, HubEvent, Timer, Verdict};

use crate::fixture::{accepted_hub, answer, frame, notify, ping, send, verified_hub, verified_hub_with, verify_frame};

/// Milliseconds of silence that a device has by default.
const DEFAULT_SILENCE: u64 = 450_000;

fn check(body: &[u8], code: u8, silence_millis: u64) {
    let mut hub = verified_hub_with(3, rtio_proto::session::SessionLimits::default());
    hub.receives(&ping(0xabcd, body));
    assert_eq!(hub.sends(), frame(0x40 | code, 0xabcd, b""), "{body:?}");
    assert_eq!(hub.next_timer(), Some((silence_millis, Timer::Silence)), "{body:?}");
    hub.after_millis(silence_millis - 1);
    assert!(hub.is_open(), "{body:?}");
    hub.after_millis(1);
    assert_eq!(hub.session.close_reason(), Some(CloseReason::Silent), "{body:?}");
    assert_eq!(hub.sends(), b"", "closed without an answer");
}

#[test]
fn an_empty_ping_keeps_the_interval() {
    check(b"", 1, DEFAULT_SILENCE);
}

#[test]
fn an_interval_in_range_is_taken_and_one_and_a_half_of_it_may_pass() {
    for (seconds, silence) in [(30_u16, 45_000), (31, 46_500), (300, 450_000), (43_200, 64_800_000)] {
        check(&seconds.to_be_bytes(), 1, silence);
    }
}

#[test]
fn an_interval_out_of_range_is_code_4_and_changes_nothing() {
    for seconds in [0_u16, 1, 29, 43_201, 65_535] {
        check(&seconds.to_be_bytes(), 4, DEFAULT_SILENCE);
    }
}

#[test]
fn another_body_length_is_code_5_and_changes_nothing() {
    for len in [1, 3, 4, 512, 4096] {
        check(&vec![0; len], 5, DEFAULT_SILENCE);
    }
}

#[test]
fn a_refused_interval_keeps_the_one_that_was_set_before() {
    let mut hub = verified_hub();
    hub.receives(&ping(1, &60_u16.to_be_bytes()));
    hub.receives(&ping(2, &29_u16.to_be_bytes()));
    hub.receives(&ping(3, b"x"));
    hub.receives(&ping(4, b""));
    assert_eq!(
        hub.sends(),
        [frame(0x41, 1, b""), frame(0x44, 2, b""), frame(0x45, 3, b""), frame(0x41, 4, b"")].concat()
    );
    assert_eq!(hub.next_timer(), Some((90_000, Timer::Silence)));
}

#[test]
fn a_ping_may_carry_any_code() {
    for code in 0..8 {
        let mut hub = verified_hub();
        hub.receives(&frame(0x30 | code, 1, b""));
        assert_eq!(hub.sends(), frame(0x41, 1, b""));
    }
}

#[test]
fn every_well_formed_frame_is_a_sign_of_life() {
    let frames = [
        ping(1, b""),
        ping(1, b"wrong length"),
        send(1, b"\x20\0\0\0\0report"),
        send(1, b"\x10no such method"),
        notify(1, 3, 77, b"unknown observer"),
        answer(1, b"\x22never asked"),
    ];
    for bytes in frames {
        let mut hub = verified_hub();
        hub.after_millis(DEFAULT_SILENCE - 1);
        hub.receives(&bytes);
        assert_eq!(hub.next_timer(), Some((DEFAULT_SILENCE, Timer::Silence)), "{bytes:02x?}");
    }
}

#[test]
fn silence_counts_from_the_request_to_verify_at_first() {
    let mut hub = accepted_hub();
    hub.after_millis(5_000);
    hub.receives(&verify_frame(1, 0, b"dev:secret"));
    hub.after_millis(7_000);
    hub.session.answer_verify(hub.now, Verdict::Accepted);
    assert_eq!(hub.next_timer(), Some((DEFAULT_SILENCE - 7_000, Timer::Silence)));
}

#[test]
fn half_a_frame_and_what_the_hub_does_are_no_signs_of_life() {
    let mut hub = verified_hub();
    hub.after_millis(DEFAULT_SILENCE - 1);
    hub.receives(&ping(1, b"ab")[..6]);
    hub.calls(1, b"x");
    assert_eq!(hub.session.silence_deadline(), hub.now.after(core::time::Duration::from_millis(1)));
    let gone = HubEvent::CallDone { token: 1, outcome: CallOutcome::Gone(Delivery::Sent) };
    assert_eq!(hub.after_millis(1), [gone]);
    assert_eq!(hub.session.close_reason(), Some(CloseReason::Silent));
}

#[test]
fn a_session_that_vanished_says_so_to_those_who_wait() {
    let mut hub = verified_hub();
    hub.calls(1, b"x");
    let vanished = HubEvent::CallDone { token: 1, outcome: CallOutcome::Vanished(Delivery::Sent) };
    assert_eq!(hub.closes(CloseReason::Vanished), [vanished]);
}

#[test]
fn a_device_is_silent_since_it_was_asked_until_it_says_anything() {
    let mut hub = verified_hub();
    hub.after_millis(5_000);
    let asked = hub.now;
    hub.calls(1, b"x");
    hub.after_millis(1_000);
    assert!(hub.session.is_silent_since(asked));
    hub.receives(&ping(1, b""));
    assert!(!hub.session.is_silent_since(asked), "slow, but there");
    hub.session.close(CloseReason::Shutdown);
    assert!(!hub.session.is_silent_since(hub.now), "a closed session is not asked about");
}

#[test]
fn the_earlier_of_answer_and_silence_is_the_next_timer() {
    let mut hub = verified_hub();
    hub.calls(1, b"x");
    assert_eq!(hub.next_timer(), Some((10_000, Timer::Answer)));
    hub.receives(&answer(1, b"\x22"));
    assert_eq!(hub.next_timer(), Some((DEFAULT_SILENCE, Timer::Silence)));
}
