//! Every way in which a request ends, and what each cap does at its edge.

use std::time::Duration;

use tokio::sync::oneshot;

use super::live::WINDOW;
use super::table::{MAX_STOPS, MAX_UNSENT_BYTES};
use super::*;
use crate::hub::{Cap, Delivery, DeviceId, FeedEnd, Stage, UriDigest};
use crate::mqtt::packet::{Publish, Version};

type Outcome = oneshot::Receiver<Result<Vec<u8>, CallError>>;

const LIMITS: CallLimits = CallLimits { max_calls: 4, max_observations: 3 };
const WAIT: Duration = Duration::from_secs(10);

/// A session's calls, and a device that answers as it is told.
pub(super) struct Bench {
    pub(super) calls: Calls,
    pub(super) started: Instant,
}

impl Bench {
    pub(super) fn new(limits: CallLimits) -> Self {
        Self { calls: Calls::new(limits), started: Instant::now() }
    }

    pub(super) fn parts<'a>(&self, uri: &'a str, data: &'a [u8]) -> RequestParts<'a> {
        let (started, deadline) = (self.started, self.started + WAIT);
        RequestParts { uri, digest: UriDigest::of(uri), data, started, deadline }
    }

    pub(super) fn call(&mut self, uri: &str, data: &[u8]) -> Result<(CallId, Outcome), CallError> {
        let (reply, outcome) = oneshot::channel();
        let parts = self.parts(uri, data);
        Ok((self.calls.start_call(parts, reply)?, outcome))
    }

    pub(super) fn observe(&mut self, uri: &str) -> Result<(ObservationId, Arc<Feed>), CallError> {
        let feed = Arc::<Feed>::default();
        let parts = self.parts(uri, b"");
        Ok((self.calls.start_observation(parts, Arc::clone(&feed))?, feed))
    }

    /// A call that the device has.
    fn sent_call(&mut self) -> (CallId, Outcome, Correlation) {
        let (id, outcome) = self.call("/a", b"data").unwrap();
        (id, outcome, self.calls.next_request().unwrap().correlation())
    }

    /// An observation that the device has been asked for.
    fn asked(&mut self) -> (ObservationId, Arc<Feed>, Correlation) {
        let (id, feed) = self.observe("/a").unwrap();
        (id, feed, self.calls.next_request().unwrap().correlation())
    }

    /// An observation that has begun.
    fn begun(&mut self) -> (ObservationId, Arc<Feed>, Correlation) {
        let (id, feed, correlation) = self.asked();
        assert_eq!(self.answer(correlation, StatusCode::Continue, b""), Match::Awaited);
        (id, feed, correlation)
    }

    pub(super) fn answer(&mut self, correlation: Correlation, status: StatusCode, data: &[u8]) -> Match {
        self.change(|calls| calls.handle_answer(Answer { correlation, status: Some(status), data: data.to_vec() }))
    }

    fn malformed(&mut self, correlation: Correlation) -> Match {
        self.change(|calls| calls.handle_answer(Answer { correlation, status: None, data: b"x".to_vec() }))
    }

    fn wait_until(&mut self, now: Instant) {
        self.change(|calls| calls.handle_timeout(now));
    }

    /// Changes them as a driver does, which then tells callers.
    fn change<R>(&mut self, change: impl FnOnce(&mut Calls) -> R) -> R {
        let result = change(&mut self.calls);
        self.deliver();
        result
    }

    pub(super) fn deliver(&mut self) {
        self.calls.take_done().into_iter().for_each(Done::deliver);
    }

    /// Everything that is to be written, as it is in 3.1.1.
    pub(super) fn sent(&mut self) -> Vec<Request> {
        std::iter::from_fn(|| self.calls.next_request()).collect()
    }

    fn owns_nothing(&self) -> bool {
        let counts = (self.calls.calls(), self.calls.observations(), self.calls.has_requests());
        counts == (0, 0, false) && self.calls.table.is_none()
    }
}

fn bench() -> Bench {
    Bench::new(LIMITS)
}

fn outcome(outcome: &mut Outcome) -> Option<Result<Vec<u8>, CallError>> {
    outcome.try_recv().ok()
}

fn ended(end: FeedEnd) -> (bool, Vec<Vec<u8>>, Option<FeedEnd>) {
    (true, Vec::new(), Some(end))
}

fn never_began(error: CallError) -> (bool, Vec<Vec<u8>>, Option<FeedEnd>) {
    (false, Vec::new(), Some(Err(error)))
}

const REFUSALS: [StatusCode; 7] = [
    StatusCode::Unknown,
    StatusCode::InternalError,
    StatusCode::NotFound,
    StatusCode::BadRequest,
    StatusCode::MethodNotAllowed,
    StatusCode::TooManyRequests,
    StatusCode::TooManyObservers,
];

#[test]
fn an_idle_session_owns_nothing_but_a_few_bytes() {
    assert!(size_of::<Calls>() <= 24, "{}", size_of::<Calls>());
    assert!(bench().owns_nothing());
}

#[test]
fn the_data_of_the_answer_is_the_callers() {
    let mut bench = bench();
    let (_, mut call, correlation) = bench.sent_call();
    assert_eq!((bench.calls.calls(), outcome(&mut call)), (1, None));
    assert_eq!(bench.answer(correlation, StatusCode::Ok, b"\0\xff"), Match::Awaited);
    assert_eq!(outcome(&mut call), Some(Ok(b"\0\xff".to_vec())));
    assert!(bench.owns_nothing());
}

#[test]
fn any_other_status_refuses_a_call() {
    for status in REFUSALS.into_iter().chain([StatusCode::Continue, StatusCode::Terminate]) {
        let mut bench = bench();
        let (_, mut call, correlation) = bench.sent_call();
        assert_eq!(bench.answer(correlation, status, b"why"), Match::Awaited);
        assert_eq!(outcome(&mut call), Some(Err(CallError::DeviceRefused(status))));
        assert!(bench.owns_nothing());
    }
}

#[test]
fn a_status_that_there_is_not_makes_the_answer_malformed() {
    let mut bench = bench();
    let (_, mut call, correlation) = bench.sent_call();
    assert_eq!(bench.malformed(correlation), Match::Awaited);
    assert_eq!(outcome(&mut call), Some(Err(CallError::DeviceMalformed)));
    assert!(bench.owns_nothing());
}

#[test]
fn requests_leave_once_in_the_order_in_which_they_came() {
    let mut bench = bench();
    let kept: Vec<_> = ["/1", "/2", "/3"].map(|uri| bench.call(uri, b"").unwrap()).into();
    let observed = bench.observe("/4").unwrap();
    assert!(bench.calls.has_requests());
    let device = DeviceId::parse("cdv_1").unwrap();
    let headers: Vec<_> = bench
        .sent()
        .iter()
        .map(|request| String::from_utf8(request.message(Version::V3, &device).payload.into()).unwrap())
        .map(|line| line.split_once(' ').unwrap().1.to_owned())
        .collect();
    assert_eq!(headers, ["copost /1\n", "copost /2\n", "copost /3\n", "obget /4\n"]);
    assert!(!bench.calls.has_requests());
    assert_eq!((bench.calls.calls(), kept.len()), (4, 3));
    drop(observed);
}

#[test]
fn silence_ends_a_call_at_its_deadline_and_says_how_far_it_got() {
    let mut bench = bench();
    let (_, mut sent, correlation) = bench.sent_call();
    let (_, mut unsent) = bench.call("/b", b"").unwrap();
    let deadline = bench.started + WAIT;
    bench.wait_until(deadline - Duration::from_nanos(1));
    assert_eq!((outcome(&mut sent), outcome(&mut unsent)), (None, None));

    bench.wait_until(deadline);
    let silent = |delivery| Some(Err(CallError::DeviceSilent { stage: Stage::Call, waited: WAIT, delivery }));
    assert_eq!(outcome(&mut sent), silent(Delivery::SentUnanswered));
    assert_eq!(outcome(&mut unsent), silent(Delivery::NotSent));
    assert_eq!(bench.sent(), []);
    assert!(bench.owns_nothing());
    // Its answer is too late.
    assert_eq!(bench.answer(correlation, StatusCode::Ok, b"late"), Match::Unknown);
    assert!(bench.owns_nothing());
}

#[test]
fn a_cancelled_call_never_leaves_or_its_answer_is_dropped() {
    let mut bench = bench();
    let (unsent, _outcome) = bench.call("/a", b"").unwrap();
    bench.change(|calls| calls.cancel_call(unsent));
    assert!(bench.owns_nothing());
    let (sent, _outcome, correlation) = bench.sent_call();
    bench.change(|calls| calls.cancel_call(sent));
    assert!(bench.owns_nothing());
    assert_eq!(bench.answer(correlation, StatusCode::Ok, b""), Match::Unknown);
    bench.change(|calls| calls.cancel_call(sent));
    assert!(bench.owns_nothing());
}

#[test]
fn only_the_first_answer_counts() {
    let mut bench = bench();
    let (_, mut call, correlation) = bench.sent_call();
    let (_, mut other, _) = bench.sent_call();
    assert_eq!(bench.answer(correlation, StatusCode::Ok, b"1"), Match::Awaited);
    assert_eq!(bench.answer(correlation, StatusCode::Ok, b"2"), Match::Unknown);
    assert_eq!((outcome(&mut call), outcome(&mut other)), (Some(Ok(b"1".to_vec())), None));
}

#[test]
fn nobody_answers_what_was_not_asked_yet() {
    let mut bench = bench();
    let (id, mut call) = bench.call("/a", b"").unwrap();
    let correlation = Correlation::numbered(id.number());
    for status in [StatusCode::Ok, StatusCode::Continue] {
        assert_eq!(bench.answer(correlation, status, b"guessed"), Match::Unknown);
    }
    assert_eq!(bench.sent().len(), 1);
    assert_eq!(outcome(&mut call), None);
    assert_eq!(bench.answer(correlation, StatusCode::Ok, b""), Match::Awaited);
}

#[test]
fn the_connections_end_ends_all_and_says_how_far_each_got() {
    type Error = fn(Delivery) -> CallError;
    let cases: [(Gone, Error); 2] = [
        (Gone::Closed, |delivery| CallError::DeviceGone { delivery }),
        (Gone::Vanished, |delivery| CallError::DeviceVanished { delivery }),
    ];
    for (gone, error) in cases {
        let mut bench = bench();
        let (_, begun, _) = bench.begun();
        let (_, mut sent, correlation) = bench.sent_call();
        let (_, asked, _) = bench.asked();
        let (_, mut unsent) = bench.call("/b", b"").unwrap();
        let (_, unasked) = bench.observe("/b").unwrap();
        bench.change(|calls| calls.end(gone));
        let (late, never) = (error(Delivery::SentUnanswered), error(Delivery::NotSent));
        assert_eq!((outcome(&mut sent), outcome(&mut unsent)), (Some(Err(late)), Some(Err(never))));
        assert_eq!(
            (begun.look(), asked.look(), unasked.look()),
            (ended(Err(late)), never_began(late), never_began(never))
        );
        assert!(bench.owns_nothing());
        assert_eq!(bench.answer(correlation, StatusCode::Ok, b""), Match::Unknown);
        // The next connection counts on.
        let (_, _outcome, next) = bench.sent_call();
        assert!(next > correlation);
    }
}

#[test]
fn one_call_more_than_may_be_is_refused() {
    let mut bench = bench();
    let mut kept: Vec<_> = (0..3).map(|_| bench.sent_call()).collect();
    // An observation that has not begun is one of them.
    let (_, _feed, correlation) = bench.asked();
    let busy = CallError::Busy(Cap::Calls { max: 4 });
    assert_eq!(bench.call("/a", b"").unwrap_err(), busy);
    assert_eq!(bench.observe("/a").unwrap_err(), busy);
    bench.answer(correlation, StatusCode::Continue, b"");
    kept.push(bench.sent_call());
    assert_eq!(bench.call("/a", b"").unwrap_err(), busy);
    bench.answer(kept[0].2, StatusCode::Ok, b"");
    assert!(bench.call("/a", b"").is_ok());
}

#[test]
fn one_observation_more_than_may_be_is_refused() {
    let mut bench = bench();
    let observations: Vec<_> = (0..3).map(|_| bench.begun()).collect();
    assert_eq!((bench.calls.calls(), bench.calls.observations()), (0, 3));
    assert_eq!(bench.observe("/a").unwrap_err(), CallError::Busy(Cap::Observations { max: 3 }));
    assert!(bench.call("/a", b"").is_ok());
    bench.change(|calls| calls.leave_observation(observations[0].0));
    assert!(bench.observe("/a").is_ok());
}

#[test]
fn more_bytes_than_may_wait_are_refused() {
    let mut bench = bench();
    let half = vec![0; MAX_UNSENT_BYTES / 2 - 2];
    let kept: Vec<_> = (0..2).map(|_| bench.call("/a", &half).unwrap()).collect();
    let full = CallError::Busy(Cap::Outbox { max_bytes: MAX_UNSENT_BYTES });
    assert_eq!(bench.call("/", b"").unwrap_err(), full);
    bench.change(|calls| calls.cancel_call(kept[1].0));
    assert!(bench.call("/", b"").is_ok());
    bench.sent();
    // One that is larger than all waits alone: whether it may be so large is the session's to say.
    assert!(bench.call("/", &vec![0; MAX_UNSENT_BYTES]).is_ok());
}

#[test]
fn a_uri_that_no_message_can_carry_is_refused_in_either_version() {
    let mut bench = bench();
    for error in [bench.call("/a\nb", b"").unwrap_err(), bench.observe("/a\0").unwrap_err()] {
        assert!(
            matches!(error, CallError::ShadowRefused(refusal) if refusal.status == StatusCode::BadRequest),
            "{error:?}"
        );
        assert_eq!(error.delivery(), Delivery::NotSent);
    }
    assert!(bench.owns_nothing());
}

#[test]
fn what_cannot_be_written_says_so() {
    let mut bench = bench();
    let (_, mut call) = bench.call("/a", b"much").unwrap();
    let request = bench.calls.next_request().unwrap();
    let error = CallError::TooLarge { len: 4, max: 3 };
    bench.change(|calls| calls.refuse(&request, error));
    assert_eq!(outcome(&mut call), Some(Err(error)));
    let (_, feed) = bench.observe("/a").unwrap();
    let request = bench.calls.next_request().unwrap();
    bench.change(|calls| calls.refuse(&request, error));
    bench.change(|calls| calls.refuse(&request, error));
    assert_eq!(feed.look(), never_began(error));
    assert!(bench.owns_nothing());
}

#[test]
fn an_observation_begins_has_frames_and_ends() {
    let mut bench = bench();
    let (_, feed, correlation) = bench.asked();
    assert_eq!(feed.look(), (false, vec![], None));
    // What comes with the acceptance is no frame, as there is none in docs/protocol.md §4.
    bench.answer(correlation, StatusCode::Continue, b"welcome");
    assert_eq!(feed.look(), (true, vec![], None));
    for data in [&b"1"[..], b"", b"\xff\n"] {
        assert_eq!(bench.answer(correlation, StatusCode::Continue, data), Match::Awaited);
    }
    assert_eq!(feed.look(), (true, vec![b"1".to_vec(), vec![], b"\xff\n".to_vec()], None));
    bench.wait_until(bench.started + 100 * WAIT);
    assert_eq!(bench.answer(correlation, StatusCode::Terminate, b"bye"), Match::Awaited);
    assert_eq!(feed.look(), ended(Ok(())));
    assert!(bench.owns_nothing());
}

#[test]
fn an_observation_is_refused_with_any_other_status() {
    for status in REFUSALS.into_iter().chain([StatusCode::Ok, StatusCode::Terminate]) {
        let mut bench = bench();
        let (_, feed, correlation) = bench.asked();
        bench.answer(correlation, status, b"why");
        assert_eq!(feed.look(), never_began(CallError::DeviceRefused(status)));
        assert!(bench.owns_nothing());
    }
}

#[test]
fn an_observation_fails_with_any_other_status() {
    for status in REFUSALS.into_iter().chain([StatusCode::Ok]) {
        let mut bench = bench();
        let (_, feed, correlation) = bench.begun();
        bench.answer(correlation, StatusCode::Continue, b"1");
        bench.answer(correlation, status, b"why");
        let end = Some(Err(CallError::DeviceRefused(status)));
        assert_eq!(feed.look(), (true, vec![b"1".to_vec()], end));
        assert!(bench.owns_nothing());
    }
}

#[test]
fn a_malformed_answer_ends_an_observation_and_the_device_is_told() {
    let mut bench = bench();
    let (_, asked, first) = bench.asked();
    let (_, begun, second) = bench.begun();
    bench.malformed(first);
    bench.malformed(second);
    let error = CallError::DeviceMalformed;
    assert_eq!((asked.look(), begun.look()), (never_began(error), ended(Err(error))));
    assert_eq!(bench.sent(), [Request::stop(first), Request::stop(second)]);
    assert!(bench.owns_nothing());
}

#[test]
fn a_frame_beyond_the_window_ends_the_observation_and_the_device_is_told() {
    let mut bench = bench();
    let (id, feed, correlation) = bench.begun();
    for _ in 0..WINDOW {
        bench.answer(correlation, StatusCode::Continue, b"1");
    }
    // Room for one more, and never for more than the window.
    bench.calls.grant_frame(id);
    bench.answer(correlation, StatusCode::Continue, b"2");
    assert_eq!(feed.look().1.len(), usize::from(WINDOW) + 1);
    for _ in 0..3 * WINDOW {
        bench.calls.grant_frame(id);
    }
    for _ in 0..WINDOW {
        assert_eq!(bench.answer(correlation, StatusCode::Continue, b"3"), Match::Awaited);
    }
    assert_eq!(bench.sent(), []);
    assert_eq!(bench.answer(correlation, StatusCode::Continue, b"4"), Match::Awaited);
    assert_eq!(feed.look(), (true, vec![b"3".to_vec(); WINDOW.into()], Some(Err(CallError::CallerStalled))));
    assert_eq!(bench.sent(), [Request::stop(correlation)]);
    bench.calls.grant_frame(id);
    assert!(bench.owns_nothing());
}

#[test]
fn a_window_that_is_full_takes_the_end() {
    let mut bench = bench();
    let (_, feed, correlation) = bench.begun();
    for _ in 0..WINDOW {
        bench.answer(correlation, StatusCode::Continue, b"1");
    }
    bench.answer(correlation, StatusCode::Terminate, b"");
    assert_eq!(feed.look(), (true, vec![b"1".to_vec(); WINDOW.into()], Some(Ok(()))));
    assert!(bench.owns_nothing());
}

#[test]
fn a_device_that_was_asked_is_told_that_its_caller_left() {
    let mut bench = bench();
    let (unasked, feed) = bench.observe("/a").unwrap();
    bench.change(|calls| calls.leave_observation(unasked));
    assert!(bench.owns_nothing());
    let (asked, _, first) = bench.asked();
    let (begun, _, second) = bench.begun();
    bench.change(|calls| calls.leave_observation(begun));
    bench.change(|calls| calls.leave_observation(asked));
    bench.change(|calls| calls.leave_observation(asked));
    assert_eq!(bench.sent(), [Request::stop(second), Request::stop(first)]);
    assert!(bench.owns_nothing());
    assert_eq!(feed.look(), (false, vec![], None));
}

#[test]
fn a_call_is_no_observation_and_the_other_way_round() {
    let mut bench = bench();
    let (call, mut outcome_of_call, _) = bench.sent_call();
    let (observation, feed, correlation) = bench.begun();
    bench.change(|calls| calls.cancel_call(CallId::numbered(observation.number())));
    bench.change(|calls| calls.leave_observation(ObservationId::numbered(call.number())));
    bench.calls.grant_frame(ObservationId::numbered(call.number()));
    assert_eq!((bench.calls.calls(), bench.calls.observations()), (1, 1));
    bench.answer(correlation, StatusCode::Continue, b"1");
    assert_eq!(feed.look(), (true, vec![b"1".to_vec()], None));
    assert_eq!(outcome(&mut outcome_of_call), None);
}

#[test]
fn silence_ends_an_establishment_and_a_device_that_begins_later_is_told_to_stop() {
    let mut bench = bench();
    let (_, asked, correlation) = bench.asked();
    let (_, unasked) = bench.observe("/b").unwrap();
    bench.wait_until(bench.started + WAIT);
    let silent = |delivery| CallError::DeviceSilent { stage: Stage::Establish, waited: WAIT, delivery };
    assert_eq!(asked.look(), never_began(silent(Delivery::SentUnanswered)));
    assert_eq!(unasked.look(), never_began(silent(Delivery::NotSent)));
    assert_eq!(bench.sent(), [Request::stop(correlation)]);
    // The word was lost.
    for _ in 0..3 {
        assert_eq!(bench.answer(correlation, StatusCode::Continue, b""), Match::Unknown);
    }
    assert_eq!(bench.sent(), [Request::stop(correlation)]);
    for status in [StatusCode::Ok, StatusCode::Terminate, StatusCode::NotFound] {
        assert_eq!(bench.answer(correlation, status, b""), Match::Unknown);
    }
    assert_eq!(bench.malformed(correlation), Match::Unknown);
    assert!(bench.owns_nothing());
}

#[test]
fn a_device_that_goes_on_with_what_nobody_asked_is_told_to_stop_but_not_without_bounds() {
    let mut bench = bench();
    for number in 1..=2 * MAX_STOPS as u64 {
        assert_eq!(bench.answer(Correlation::numbered(number), StatusCode::Continue, b"frame"), Match::Unknown);
    }
    assert_eq!((bench.calls.calls(), bench.calls.observations()), (0, 0));
    let stops = bench.sent();
    assert_eq!(stops.len(), MAX_STOPS);
    assert_eq!(stops[0], Request::stop(Correlation::numbered(1)));
    assert!(bench.owns_nothing());
    // What was dropped is told with the next frame.
    let last = Correlation::numbered(2 * MAX_STOPS as u64);
    bench.answer(last, StatusCode::Continue, b"frame");
    assert_eq!(bench.sent(), [Request::stop(last)]);
}

#[test]
fn words_to_stop_do_not_wait_behind_callers() {
    let mut bench = bench();
    let (id, _, correlation) = bench.begun();
    let _call = bench.call("/a", b"").unwrap();
    bench.change(|calls| calls.leave_observation(id));
    assert_eq!(bench.calls.next_request(), Some(Request::stop(correlation)));
    assert!(bench.calls.next_request().is_some_and(|request| request != Request::stop(correlation)));
    assert_eq!(bench.calls.next_request(), None);
}

/// Bytes as docs/mqtt.md shows them.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!(" {byte:02x}")).collect()
}

/// A text as MQTT 5 has it in a property.
fn string(text: &str) -> String {
    hex(&u16::try_from(text.len()).unwrap().to_be_bytes()) + &hex(text.as_bytes())
}

#[test]
fn the_document_shows_what_is_sent_and_what_is_read() {
    let document = include_str!("../../../../docs/mqtt.md");
    let correlation = Correlation::numbered(0x1a2b_3c4d_5e6f);
    let device = DeviceId::parse("cdv_01jv3k8q2m5n7p9r1s4t6v8w0x").unwrap();
    let call = Request::new(correlation, Method::CoPost, "/valve", b"open");
    let mut lines = vec![hex(&call.message(Version::V3, &device).payload)];
    let properties = call.message(Version::V5, &device).request.unwrap();
    lines.push(format!(" 08{}", &string(&properties.response_topic)[..6 + "iot/v".len() * 3]));
    lines.push(format!(" 09{}", string(&String::from_utf8(properties.correlation).unwrap())));
    let user = properties.user.iter().map(|(name, value)| format!(" 26{}{}", string(name), string(value)));
    lines.extend(user);

    for (payload, status, data) in [
        (&b"1a2b3c4d5e6f ok\nmoving"[..], StatusCode::Ok, &b"moving"[..]),
        (b"1a2b3c4d5e6f not_found\n", StatusCode::NotFound, b""),
    ] {
        let topic = "iot/v1/devices/cdv_01jv3k8q2m5n7p9r1s4t6v8w0x/rtio/responses".to_owned();
        let publish =
            Publish { id: None, retain: false, topic, payload: payload.into(), correlation: None, status: None };
        let answer = Answer { correlation, status: Some(status), data: data.into() };
        assert_eq!(Answer::read(Version::V3, publish), Some(answer));
        lines.push(hex(payload));
    }
    lines.push(format!(" 26{}{}", string("status"), string("not_found")));
    for line in lines {
        assert!(document.contains(&format!("\n{line}")), "docs/mqtt.md does not show{line}");
    }
}
