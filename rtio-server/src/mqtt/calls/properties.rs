//! Whatever callers, the device and time do, in whatever order: the caps hold, each caller hears once, and nothing is left behind.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::live::WINDOW;
use super::table::MAX_STOPS;
use super::tests::Bench;
use super::*;
use crate::hub::FeedEnd;

const LIMITS: CallLimits = CallLimits { max_calls: 5, max_observations: 3 };

#[derive(Debug, Clone)]
enum Step {
    Call,
    Observe,
    Send,
    /// The device answers one of all there ever were, in a status or in none.
    Answer(Index, Option<StatusCode>),
    AnswerUnknown(u64, Option<StatusCode>),
    /// One of the callers goes away.
    Leave(Index),
    /// One of the callers takes what is there.
    Take(Index),
    Refuse(Index),
    Wait(u64),
    End(Gone),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let status = || {
        let names = vec![StatusCode::Ok, StatusCode::Terminate, StatusCode::NotFound, StatusCode::Unknown];
        // Most say that it goes on, or windows would never fill.
        prop_oneof![6 => Just(Some(StatusCode::Continue)), 2 => select(names).prop_map(Some), 1 => Just(None)]
    };
    let step = prop_oneof![
        4 => Just(Step::Call),
        4 => Just(Step::Observe),
        8 => Just(Step::Send),
        20 => (any::<Index>(), status()).prop_map(|(whose, status)| Step::Answer(whose, status)),
        1 => (1..1_u64 << 48, status()).prop_map(|(number, status)| Step::AnswerUnknown(number, status)),
        1 => any::<Index>().prop_map(Step::Leave),
        1 => any::<Index>().prop_map(Step::Take),
        1 => any::<Index>().prop_map(Step::Refuse),
        1 => (0..12_000_u64).prop_map(Step::Wait),
        1 => select(&[Gone::Closed, Gone::Vanished][..]).prop_map(Step::End),
    ];
    prop::collection::vec(step, 1..300)
}

/// A caller, and what it has heard.
struct Caller {
    correlation: Correlation,
    wish: Wish,
    is_sent: bool,
    is_over: bool,
}

enum Wish {
    Call(CallId, oneshot::Receiver<Result<Vec<u8>, CallError>>),
    Observe { id: ObservationId, feed: Arc<Feed>, has_begun: bool, waiting: usize, end: Option<FeedEnd> },
}

struct World {
    bench: Bench,
    callers: Vec<Caller>,
    sent: HashSet<u64>,
    answers: u32,
}

impl World {
    fn new() -> Self {
        Self { bench: Bench::new(LIMITS), callers: Vec::new(), sent: HashSet::new(), answers: 0 }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Call => {
                let begun = self.bench.call("/a", b"data");
                self.begin(begun.map(|(id, outcome)| (id.number(), Wish::Call(id, outcome))));
            }
            Step::Observe => {
                let begun = self.bench.observe("/a");
                let wish = |feed, id| Wish::Observe { id, feed, has_begun: false, waiting: 0, end: None };
                self.begin(begun.map(|(id, feed)| (id.number(), wish(feed, id))));
            }
            Step::Send => self.send(),
            Step::Answer(whose, status) if !self.callers.is_empty() => {
                let correlation = whose.get(&self.callers).correlation;
                self.answer(correlation, *status);
            }
            Step::AnswerUnknown(number, status) => self.answer(Correlation::numbered(*number), *status),
            Step::Leave(whose) if !self.callers.is_empty() => self.leave(whose.index(self.callers.len())),
            Step::Take(whose) if !self.callers.is_empty() => self.take(whose.index(self.callers.len())),
            Step::Refuse(whose) if !self.callers.is_empty() => {
                let correlation = whose.get(&self.callers).correlation;
                let request = Request::new(correlation, Method::CoPost, "/a", b"data");
                self.bench.calls.refuse(&request, CallError::TooLarge { len: 4, max: 3 });
            }
            Step::Answer(..) | Step::Leave(_) | Step::Take(_) | Step::Refuse(_) => {}
            Step::Wait(millis) => {
                self.bench.started += Duration::from_millis(*millis);
                self.bench.calls.handle_timeout(self.bench.started);
            }
            Step::End(gone) => self.bench.calls.end(*gone),
        }
        let is_answered = matches!(step, Step::Answer(..) | Step::AnswerUnknown(..));
        assert_eq!(self.listen(), 0, "told before the lock is free");
        self.bench.deliver();
        let heard = self.listen();
        assert!(heard <= 1 || !is_answered, "one answer, {heard} outcomes");
        self.check();
    }

    fn begin(&mut self, begun: Result<(u64, Wish), CallError>) {
        match begun {
            Ok((number, wish)) => {
                let correlation = Correlation::numbered(number);
                assert!(self.callers.iter().all(|caller| caller.correlation < correlation), "used again");
                self.callers.push(Caller { correlation, wish, is_sent: false, is_over: false });
            }
            Err(error) => assert!(matches!(error, CallError::Busy(_)), "{error:?}"),
        }
    }

    fn send(&mut self) {
        let expected = self.bench.calls.has_requests();
        let request = self.bench.calls.next_request();
        assert_eq!(request.is_some(), expected);
        let Some(request) = request else { return };
        if request == Request::stop(request.correlation()) {
            return;
        }
        assert!(self.sent.insert(request.correlation().number()), "sent twice");
        let caller = self.callers.iter_mut().find(|caller| caller.correlation == request.correlation()).unwrap();
        assert!(!caller.is_over && !std::mem::replace(&mut caller.is_sent, true));
    }

    fn answer(&mut self, correlation: Correlation, status: Option<StatusCode>) {
        self.answers += 1;
        let data = self.answers.to_string().into_bytes();
        let caller = self.callers.iter().find(|caller| caller.correlation == correlation);
        let is_awaited = caller.is_some_and(|caller| caller.is_sent && !caller.is_over);
        let matched = self.bench.calls.handle_answer(Answer { correlation, status, data });
        assert_eq!(matched == Match::Awaited, is_awaited);
    }

    fn leave(&mut self, nth: usize) {
        let caller = &mut self.callers[nth];
        match &caller.wish {
            Wish::Call(id, _) => self.bench.calls.cancel_call(*id),
            Wish::Observe { id, .. } => self.bench.calls.leave_observation(*id),
        }
        caller.is_over = true;
    }

    fn take(&mut self, nth: usize) {
        let Wish::Observe { id, waiting, .. } = &mut self.callers[nth].wish else { return };
        for _ in 0..std::mem::take(waiting) {
            self.bench.calls.grant_frame(*id);
        }
    }

    /// How many callers have heard how theirs ended.
    fn listen(&mut self) -> usize {
        let last = self.answers.to_string().into_bytes();
        self.callers.iter_mut().map(|caller| usize::from(caller.listen(&last))).sum()
    }

    fn check(&self) {
        let live = || self.callers.iter().filter(|caller| !caller.is_over);
        let is_call = |caller: &&Caller| matches!(caller.wish, Wish::Call(..));
        let has_begun = |caller: &&Caller| matches!(caller.wish, Wish::Observe { has_begun: true, .. });
        let calls = &self.bench.calls;
        assert_eq!(calls.calls(), live().filter(|caller| !has_begun(caller)).count());
        assert_eq!(calls.observations(), live().filter(|caller| !is_call(caller)).count());
        assert!(calls.calls() <= LIMITS.max_calls.into() && calls.observations() <= LIMITS.max_observations.into());
        let has_table = calls.table.is_some();
        assert_eq!(
            has_table,
            calls.calls() + calls.observations() > 0 || calls.has_requests(),
            "an idle one owns nothing"
        );
    }

    /// The connection ends, and nothing is left.
    fn end(mut self) {
        self.step(&Step::End(Gone::Closed));
        assert!(self.callers.iter().all(|caller| caller.is_over));
        assert!(self.bench.calls.table.is_none());
        for caller in self.callers {
            match caller.wish {
                Wish::Call(_, mut outcome) => assert_eq!(outcome.try_recv(), Err(TryRecvError::Closed)),
                Wish::Observe { feed, .. } => assert_eq!(Arc::strong_count(&feed), 1),
            }
        }
    }
}

impl Caller {
    /// Whether it has just heard how its request ended. `last`: what the device has said last.
    fn listen(&mut self, last: &[u8]) -> bool {
        let error = match &mut self.wish {
            Wish::Call(_, outcome) => match outcome.try_recv() {
                Err(_) => return false,
                Ok(Ok(data)) => {
                    assert_eq!(data, last);
                    None
                }
                Ok(Err(error)) => Some(error),
            },
            Wish::Observe { feed, has_begun, waiting, end, .. } => {
                let (begun, frames, now) = feed.look();
                assert!(
                    frames.is_empty() || *has_begun && end.is_none() && frames == [last],
                    "frames where none can be"
                );
                *waiting += frames.len();
                *has_begun = begun;
                assert!(*waiting <= WINDOW.into());
                let had_ended = std::mem::replace(end, now);
                match (had_ended, now) {
                    (None, None) => return false,
                    (Some(earlier), now) => {
                        assert_eq!(Some(earlier), now, "another end");
                        return false;
                    }
                    (None, Some(end)) => end.err(),
                }
            }
        };
        assert!(!std::mem::replace(&mut self.is_over, true), "heard twice, or after it had left");
        if let Some(CallError::DeviceSilent { delivery, .. } | CallError::DeviceGone { delivery }) = error {
            assert_eq!(delivery == Delivery::SentUnanswered, self.is_sent);
        }
        true
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_caller_hears_once_and_nothing_is_left(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.end();
    }

    #[test]
    fn a_hostile_device_makes_the_session_remember_no_more_than_it_may(numbers in prop::collection::vec(1..1_u64 << 48, 0..1000)) {
        let mut bench = Bench::new(LIMITS);
        for number in numbers {
            bench.answer(Correlation::numbered(number), StatusCode::Continue, b"frame");
        }
        prop_assert!(bench.sent().len() <= MAX_STOPS);
        prop_assert!(bench.calls.table.is_none());
    }

    #[test]
    fn any_bytes_are_an_answer_or_none(payload: Vec<u8>, correlation: Option<Vec<u8>>, status: Option<String>) {
        use crate::mqtt::packet::{Publish, Version};
        for version in [Version::V3, Version::V5] {
            let (payload, correlation, status) = (payload.clone(), correlation.clone(), status.clone());
            let topic = String::new();
            let _ = Answer::read(version, Publish { id: None, retain: false, topic, payload, correlation, status });
        }
    }
}
