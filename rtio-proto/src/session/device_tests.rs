//! The device's session against frames written by hand, each rule of §2 to §4 on its own.

use super::ping_clock::PING_ANSWER_TIMEOUT;
use super::{CloseReason, DeviceConfig, DeviceEvent, DeviceRefusal, DeviceSession, ReportOutcome, StopCause, Timer};
use crate::error::ProtocolError;
use crate::header::{FrameCode, MessageId};
use crate::ping::PingInterval;
use crate::rest::{ObserverId, StatusCode, UriDigest};
use crate::session::device_reports::QUARANTINE;
use crate::time::{Duration, Instant};
use crate::verify::{Capacity, DeviceIdRef};

type Session = DeviceSession<517, 2, 2>;

const START: Instant = Instant::START;
const DIGEST: UriDigest = UriDigest::of("/aa/bb");

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1000)
}

fn observer(raw: u16) -> ObserverId {
    ObserverId::new(raw).unwrap()
}

fn id(raw: u16) -> MessageId {
    MessageId::new(raw).unwrap()
}

fn verified_with(config: DeviceConfig) -> Session {
    let mut session = Session::new(config, START);
    session.verify(START, DeviceIdRef::parse(b"dev").unwrap(), b"s").unwrap();
    sends(&mut session, b"\x10\x00\x01\x00\x06\x00dev:s");
    feed(&mut session, START, b"\x21\x00\x01\x00\x00");
    tells(&mut session, &[DeviceEvent::Verified]);
    session
}

fn verified() -> Session {
    let mut session = verified_with(DeviceConfig::default());
    sends(&mut session, b"");
    session
}

/// A verified session that has accepted observation 7 with the hub's request 0x0101.
fn observed() -> Session {
    let mut session = verified();
    feed(&mut session, START, b"\x70\x01\x01\x00\x07\x30\x00\x07\xa7\x96\xd0\x57");
    tells(&mut session, &[DeviceEvent::ObserveRequested { observer: observer(7), digest: DIGEST, data: b"" }]);
    session.accept_observation(START, observer(7)).unwrap();
    sends(&mut session, b"\x81\x01\x01\x00\x03\x33\x00\x07");
    session
}

#[track_caller]
fn feed(session: &mut Session, now: Instant, frame: &[u8]) {
    assert_eq!(session.handle_bytes(now, frame), Ok(frame.len()));
}

#[track_caller]
fn tells(session: &mut Session, expected: &[DeviceEvent<'_>]) {
    for event in expected {
        assert_eq!(session.poll_event().as_ref(), Some(event));
    }
    assert_eq!(session.poll_event(), None);
}

/// Asserts what the session sends, taken in bites of seven bytes.
#[track_caller]
fn sends(session: &mut Session, expected: &[u8]) {
    let (mut all, mut len) = ([0; 600], 0);
    while let Some(taken) = session.poll_transmit(&mut all[len..len + 7]) {
        len += taken;
    }
    assert_eq!(&all[..len], expected);
}

/// The frame brings nothing and is answered with `expected`.
#[track_caller]
fn answers(session: &mut Session, frame: &[u8], expected: &[u8]) {
    feed(session, START, frame);
    tells(session, &[]);
    sends(session, expected);
}

#[test]
fn a_refused_device_learns_the_code_and_the_session_ends() {
    for code in [FrameCode::Unknown, FrameCode::VerificationFailed, FrameCode::InvalidParameter] {
        let mut session = Session::new(DeviceConfig::default(), START);
        session.verify(START, DeviceIdRef::parse(b"dev").unwrap(), b"s").unwrap();
        sends(&mut session, b"\x10\x00\x01\x00\x06\x00dev:s");
        feed(&mut session, START, &[0x20 | code as u8, 0, 1, 0, 0]);
        tells(&mut session, &[DeviceEvent::VerifyRefused(code)]);
        assert_eq!(session.close_reason(), Some(CloseReason::Refused(code)));
    }
}

#[test]
fn a_hub_that_does_not_answer_the_verification_is_given_up_after_15_s() {
    let mut session = Session::new(DeviceConfig::default(), START);
    assert_eq!(session.poll_timeout(), None);
    session.verify(START, DeviceIdRef::parse(b"dev").unwrap(), b"").unwrap();
    sends(&mut session, b"\x10\x00\x01\x00\x05\x00dev:");
    assert_eq!(session.verify(START, DeviceIdRef::parse(b"dev").unwrap(), b""), Err(DeviceRefusal::NotOpen));
    assert_eq!(session.poll_timeout(), Some((at(15), Timer::Verify)));
    session.handle_timeout(at(15));
    assert_eq!(session.close_reason(), Some(CloseReason::VerifyTimeout));
}

#[test]
fn capacity_is_what_was_asked_for_but_no_more_than_fits() {
    for (asked, expected) in [(Capacity::Bytes512, 512), (Capacity::Bytes1024, 1024), (Capacity::Bytes4096, 1024)] {
        let config = DeviceConfig { capacity: asked, ..DeviceConfig::default() };
        assert_eq!(DeviceSession::<1100, 1, 1>::new(config, START).max_body_bytes(), expected);
    }
}

#[test]
fn frames_that_have_no_place_close_the_session() {
    let cases: [(&[u8], &str); 8] = [
        (b"\x21\x00\x01\x00\x00", "unexpected_frame"),
        (b"\x50\x00\x01\x00\x00", "unexpected_frame"),
        (b"\x81\x00\x01\x00\x00", "unexpected_frame"),
        (b"\x70\x00\x00\x00\x01\x20", "zero_message_id"),
        (b"\x70\x00\x01\x00\x00", "body_too_short"),
        (b"\x70\x00\x01\x00\x04\x20\xa7\x96\xd0", "body_too_short"),
        (b"\x70\x00\x01\x00\x06\x30\x00\x01\xa7\x96\xd0", "body_too_short"),
        (b"\x70\x00\x01\x02\x01", "body_too_long"),
    ];
    for (frame, cause) in cases {
        let mut session = verified();
        let error = session.handle_bytes(START, frame).unwrap_err();
        assert_eq!((error.cause(), session.close_reason()), (cause, Some(CloseReason::Protocol(error))), "{frame:?}");
        assert_eq!(session.handle_bytes(START, frame), Ok(frame.len()));
    }
    let mut session = Session::new(DeviceConfig::default(), START);
    let early = session.handle_bytes(START, b"\x70\x00\x01\x00\x05\x20\xa7\x96\xd0\x57");
    assert!(matches!(early, Err(ProtocolError::UnexpectedFrame { state: "unverified", .. })));
}

#[test]
fn a_call_is_told_with_its_data_and_answered_under_its_id() {
    let mut session = verified();
    let frames = b"\x71\x12\x34\x00\x07\x20\xa7\x96\xd0\x57hi\x71\x12\x35\x00\x05\x20\xa7\x96\xd0\x57";
    assert_eq!(session.handle_bytes(START, &frames[..3]), Ok(3));
    tells(&mut session, &[]);
    assert_eq!(session.handle_bytes(START, &frames[3..]), Ok(9));
    assert_eq!(session.handle_bytes(START, &frames[12..]), Ok(0), "not drained");
    tells(&mut session, &[DeviceEvent::Call { message_id: id(0x1234), digest: DIGEST, data: b"hi" }]);
    feed(&mut session, START, &frames[12..]);
    tells(&mut session, &[DeviceEvent::Call { message_id: id(0x1235), digest: DIGEST, data: b"" }]);
    session.answer_call(START, id(0x1235), StatusCode::NotFound, b"").unwrap();
    sends(&mut session, b"\x81\x12\x35\x00\x01\x25");
    session.answer_call(START, id(0x1234), StatusCode::Ok, b"world").unwrap();
    sends(&mut session, b"\x81\x12\x34\x00\x06\x22world");
}

#[test]
fn other_methods_and_bad_observers_are_answered_by_the_session_itself() {
    let mut session = observed();
    let establish = |raw: u8| [0x70, 2, raw, 0, 7, 0x30, 0, raw, 0xa7, 0x96, 0xd0, 0x57];
    for (method, status) in [(0x10, 0x17), (0x40, 0x47), (0xf0, 0xf7)] {
        answers(&mut session, &[0x70, 0, 9, 0, 1, method], &[0x81, 0, 9, 0, 1, status]);
    }
    answers(&mut session, &establish(0), b"\x81\x02\x00\x00\x03\x36\x00\x00");
    answers(&mut session, &establish(7), b"\x81\x02\x07\x00\x03\x36\x00\x07");
    feed(&mut session, START, &establish(8));
    tells(&mut session, &[DeviceEvent::ObserveRequested { observer: observer(8), digest: DIGEST, data: b"" }]);
    answers(&mut session, &establish(9), b"\x81\x02\x09\x00\x03\x39\x00\x09");

    session.refuse_observation(START, observer(8), StatusCode::NotFound).unwrap();
    sends(&mut session, b"\x81\x02\x08\x00\x03\x35\x00\x08");
    assert_eq!(session.notify(START, observer(8), b""), Err(DeviceRefusal::UnknownObserver));
    feed(&mut session, START, &establish(9));
    tells(&mut session, &[DeviceEvent::ObserveRequested { observer: observer(9), digest: DIGEST, data: b"" }]);
    session.refuse_observation(START, observer(9), StatusCode::Continue).unwrap();
    sends(&mut session, b"\x81\x02\x09\x00\x03\x31\x00\x09");
}

#[test]
fn a_notification_waits_for_the_answer_to_the_last_one() {
    let mut session = observed();
    session.notify(START, observer(7), b"one").unwrap();
    sends(&mut session, b"\x50\x00\x02\x00\x06\x33\x00\x07one");
    assert_eq!(session.notify(START, observer(7), b"two"), Err(DeviceRefusal::NotifyUnanswered));
    feed(&mut session, START, b"\x61\x00\x02\x00\x03\x33\x00\x07");
    tells(&mut session, &[DeviceEvent::NotifyAnswered { observer: observer(7) }]);
    session.notify(START, observer(7), b"two").unwrap();
    sends(&mut session, b"\x50\x00\x03\x00\x06\x33\x00\x07two");
    feed(&mut session, START, b"\x61\x00\x03\x00\x03\x34\x00\x07");
    tells(&mut session, &[DeviceEvent::ObservationStopped { observer: observer(7), cause: StopCause::CallerLeft }]);
    assert_eq!(session.notify(START, observer(7), b""), Err(DeviceRefusal::UnknownObserver));
}

#[test]
fn a_malformed_answer_to_a_notification_ends_the_observation_and_tells_the_hub() {
    for answer in
        [&b"\x61\x00\x02\x00\x00"[..], b"\x61\x00\x02\x00\x03\x33\x00\x08", b"\x61\x00\x02\x00\x03\x23\x00\x07"]
    {
        let mut session = observed();
        session.notify(START, observer(7), b"").unwrap();
        sends(&mut session, b"\x50\x00\x02\x00\x03\x33\x00\x07");
        feed(&mut session, START, answer);
        tells(&mut session, &[DeviceEvent::ObservationStopped { observer: observer(7), cause: StopCause::Malformed }]);
        sends(&mut session, b"\x50\x00\x03\x00\x03\x31\x00\x07");
    }
}

#[test]
fn an_observation_is_ended_at_once_or_after_the_answer_that_is_due() {
    let mut session = observed();
    session.terminate(START, observer(7)).unwrap();
    sends(&mut session, b"\x50\x00\x02\x00\x03\x34\x00\x07");
    assert_eq!(session.terminate(START, observer(7)), Err(DeviceRefusal::UnknownObserver));
    answers(&mut session, b"\x61\x00\x02\x00\x03\x34\x00\x07", b"");

    let mut session = observed();
    session.notify(START, observer(7), b"").unwrap();
    sends(&mut session, b"\x50\x00\x02\x00\x03\x33\x00\x07");
    session.fail_observation(START, observer(7), StatusCode::InternalError).unwrap();
    sends(&mut session, b"");
    answers(&mut session, b"\x61\x00\x02\x00\x03\x33\x00\x07", b"\x50\x00\x03\x00\x03\x31\x00\x07");
    // Until the hub has answered, it may hold the observation for live.
    let again = b"\x70\x01\x02\x00\x07\x30\x00\x07\xa7\x96\xd0\x57";
    answers(&mut session, again, b"\x81\x01\x02\x00\x03\x36\x00\x07");
    answers(&mut session, b"\x61\x00\x03\x00\x03\x34\x00\x07", b"");
    feed(&mut session, START, again);
    assert!(matches!(session.poll_event(), Some(DeviceEvent::ObserveRequested { .. })));
}

#[test]
fn a_report_gets_the_answer_to_its_own_id() {
    let mut session = verified();
    let one = session.start_report(START, DIGEST, b"1", at(5)).unwrap();
    sends(&mut session, b"\x50\x00\x02\x00\x06\x20\xa7\x96\xd0\x571");
    let two = session.start_report(START, DIGEST, b"", at(6)).unwrap();
    sends(&mut session, b"\x50\x00\x03\x00\x05\x20\xa7\x96\xd0\x57");
    assert_eq!(session.start_report(START, DIGEST, b"", at(6)), Err(DeviceRefusal::TooManyReports { max: 2 }));
    answers(&mut session, b"\x61\x00\x09\x00\x01\x22", b"");

    let answered = |status, data| ReportOutcome::Answered { status, data };
    feed(&mut session, START, b"\x61\x00\x03\x00\x03\x22hi");
    tells(&mut session, &[DeviceEvent::ReportAnswered { report: two, outcome: answered(StatusCode::Ok, b"hi") }]);
    feed(&mut session, START, b"\x61\x00\x02\x00\x03\x25hi");
    tells(&mut session, &[DeviceEvent::ReportAnswered { report: one, outcome: answered(StatusCode::NotFound, b"") }]);
    let three = session.start_report(START, DIGEST, b"", at(6)).unwrap();
    sends(&mut session, b"\x50\x00\x04\x00\x05\x20\xa7\x96\xd0\x57");
    feed(&mut session, START, b"\x60\x00\x04\x00\x00");
    tells(&mut session, &[DeviceEvent::ReportAnswered { report: three, outcome: ReportOutcome::Malformed }]);
}

#[test]
fn reports_given_up_keep_their_slots_until_the_late_answer_or_the_quarantine() {
    let mut session = verified();
    let one = session.start_report(START, DIGEST, b"", at(5)).unwrap();
    sends(&mut session, b"\x50\x00\x02\x00\x05\x20\xa7\x96\xd0\x57");
    let two = session.start_report(START, DIGEST, b"", at(5)).unwrap();
    sends(&mut session, b"\x50\x00\x03\x00\x05\x20\xa7\x96\xd0\x57");
    assert_eq!(session.poll_timeout(), Some((at(5), Timer::Answer)));
    session.handle_timeout(at(4));
    tells(&mut session, &[]);
    session.handle_timeout(at(5));
    let timed_out = |report| DeviceEvent::ReportAnswered { report, outcome: ReportOutcome::TimedOut };
    tells(&mut session, &[timed_out(one), timed_out(two)]);

    let refused = Err(DeviceRefusal::TooManyReports { max: 2 });
    assert_eq!(session.start_report(at(5), DIGEST, b"", at(9)), refused);
    answers(&mut session, b"\x61\x00\x02\x00\x03\x22hi", b"");
    let three = session.start_report(at(5), DIGEST, b"", at(9)).unwrap();
    sends(&mut session, b"\x50\x00\x04\x00\x05\x20\xa7\x96\xd0\x57");
    session.cancel_report(at(5), three);
    assert_eq!(session.start_report(at(64), DIGEST, b"", at(99)), refused);
    assert!(session.start_report(at(5).after(QUARANTINE), DIGEST, b"", at(99)).is_ok());
}

#[test]
fn message_ids_skip_zero_and_those_in_flight() {
    let mut session = verified();
    let kept = session.start_report(START, DIGEST, b"", at(1_000_000)).unwrap();
    let mut out = [0; 64];
    session.poll_transmit(&mut out);
    let mut last = kept;
    for _ in 0..70_000 {
        let next = session.start_report(START, DIGEST, b"", at(1_000_000)).unwrap();
        session.poll_transmit(&mut out);
        let expected = if last.next() == kept { kept.next() } else { last.next() };
        assert_eq!(next, expected);
        let [high, low] = next.to_wire().to_be_bytes();
        feed(&mut session, START, &[0x61, high, low, 0, 1, 0x22]);
        while session.poll_event().is_some() {}
        last = next;
    }
}

#[test]
fn a_quiet_interval_brings_a_ping_and_an_unanswered_ping_the_end() {
    let mut session = verified();
    assert_eq!(session.poll_timeout(), Some((at(300), Timer::Ping)));
    session.handle_timeout(at(299));
    sends(&mut session, b"");
    tells(&mut session, &[]);
    session.handle_timeout(at(300));
    tells(&mut session, &[]);
    sends(&mut session, b"\x30\x00\x02\x00\x00");
    let silent_at = at(300).after(PING_ANSWER_TIMEOUT);
    assert_eq!(session.poll_timeout(), Some((silent_at, Timer::Silence)));
    assert_eq!(session.ping(at(301)), Err(DeviceRefusal::PingUnanswered));

    feed(&mut session, at(302), b"\x41\x00\x02\x00\x00");
    tells(&mut session, &[DeviceEvent::PingAnswered(FrameCode::Success)]);
    session.ping(at(310)).unwrap();
    sends(&mut session, b"\x30\x00\x03\x00\x00");
    // Anything from the hub after the ping is a sign of life.
    feed(&mut session, at(312), b"\x70\x00\x09\x00\x01\x10");
    sends(&mut session, b"\x81\x00\x09\x00\x01\x17");
    assert_eq!(session.poll_timeout(), Some((at(327), Timer::Silence)));
    session.handle_timeout(at(327));
    assert_eq!(session.close_reason(), Some(CloseReason::Silent));
}

#[test]
fn another_interval_is_asked_for_at_once_and_holds_when_the_hub_agrees() {
    for (code, due) in [(FrameCode::Success, 60), (FrameCode::InvalidParameter, 300)] {
        let ping_interval = PingInterval::from_seconds(60).unwrap();
        let mut session = verified_with(DeviceConfig { ping_interval, ..DeviceConfig::default() });
        sends(&mut session, b"\x30\x00\x02\x00\x02\x00\x3c");
        feed(&mut session, START, &[0x40 | code as u8, 0, 2, 0, 0]);
        tells(&mut session, &[DeviceEvent::PingAnswered(code)]);
        assert_eq!(session.poll_timeout(), Some((at(due), Timer::Ping)));
    }
    let mut session = verified();
    session.set_heartbeat(START, PingInterval::from_seconds(30).unwrap()).unwrap();
    sends(&mut session, b"\x30\x00\x02\x00\x02\x00\x1e");
    assert_eq!((PingInterval::from_seconds(29), PingInterval::from_seconds(43_201)), (None, None));
}

#[test]
fn a_hub_that_is_heard_but_not_spoken_to_is_pinged() {
    let mut session = verified();
    feed(&mut session, at(200), b"\x70\x00\x09\x00\x05\x20\xa7\x96\xd0\x57");
    assert!(session.poll_event().is_some());
    assert_eq!(session.poll_timeout(), Some((at(300), Timer::Ping)));
    session.answer_call(at(200), id(9), StatusCode::Ok, b"").unwrap();
    sends(&mut session, b"\x81\x00\x09\x00\x01\x22");
    assert_eq!(session.poll_timeout(), Some((at(500), Timer::Ping)));
}

#[test]
fn verbs_are_refused_before_verification_undrained_too_large_and_after_the_end() {
    let mut session = Session::new(DeviceConfig::default(), START);
    assert_eq!(session.ping(START), Err(DeviceRefusal::NotOpen));
    let mut session = observed();
    let data = [0; 512];
    let too_large = |max| Err(DeviceRefusal::TooLarge { len: max + 1, max });
    assert_eq!(session.answer_call(START, id(1), StatusCode::Ok, &data), too_large(511));
    assert_eq!(session.notify(START, observer(7), &data[..510]), too_large(509));
    assert_eq!(session.start_report(START, DIGEST, &data[..508], START).map(drop), too_large(507));

    session.answer_call(START, id(1), StatusCode::Ok, &data[..511]).unwrap();
    assert_eq!(session.answer_call(START, id(2), StatusCode::Ok, b""), Err(DeviceRefusal::Undrained));
    assert_eq!(session.notify(START, observer(7), b""), Err(DeviceRefusal::Undrained));
    session.close(CloseReason::PeerGone);
    assert_eq!(session.notify(START, observer(7), b""), Err(DeviceRefusal::NotOpen));
}

#[test]
fn the_end_of_the_session_ends_every_report_and_observation_once() {
    let mut session = observed();
    let report = session.start_report(START, DIGEST, b"", START.after(Duration::from_secs(5))).unwrap();
    sends(&mut session, b"\x50\x00\x02\x00\x05\x20\xa7\x96\xd0\x57");
    session.close(CloseReason::Shutdown);
    session.close(CloseReason::PeerGone);
    let stopped = DeviceEvent::ObservationStopped { observer: observer(7), cause: StopCause::Gone };
    tells(&mut session, &[DeviceEvent::ReportAnswered { report, outcome: ReportOutcome::Gone }, stopped]);
    assert_eq!((session.close_reason(), session.poll_timeout()), (Some(CloseReason::Shutdown), None));
}
