//! What a device sends to services by itself: reports, each after the last was answered, and nags, which wait for nothing. Pure but
//! for the clock that nags go by.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rtio_proto::rest::CoPostResponse;
use rtio_proto::{MessageId, StatusCode, UriDigest};
use tokio::sync::oneshot;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

use crate::load::{Outcome, Progress, Stop};
use crate::payload::Payload;

/// All that one device sends.
#[derive(Debug)]
pub(super) struct Reports {
    reporter: Option<Reporter>,
    nag: Option<Nag>,
}

/// A message that a device is to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) digest: UriDigest,
    pub(super) payload: Payload,
}

/// A closed loop: sends, waits, checks that the answer is its own.
#[derive(Debug)]
pub(super) struct Reporter {
    digest: UriDigest,
    stop: Stop,
    progress: Arc<Progress>,
    outcome: Outcome,
    open: Option<Open>,
    /// Takes the outcome once there is nothing more to send, or the connection has ended.
    done: Option<oneshot::Sender<Outcome>>,
}

#[derive(Debug)]
struct Open {
    message: MessageId,
    number: u64,
    begin: Instant,
}

/// Posts at a steady pace to a service from which nothing is expected.
#[derive(Debug)]
pub(super) struct Nag {
    digest: UriDigest,
    pace: Interval,
    open: Vec<u16>,
    /// Of all devices.
    sent: Arc<AtomicU64>,
}

impl Reports {
    pub(super) fn new(reporter: Option<Reporter>, nag: Option<Nag>) -> Self {
        Self { reporter, nag }
    }

    /// The next report, which will be `message`; `None` where there is none.
    pub(super) fn next(&mut self, message: MessageId, now: Instant) -> Option<Post> {
        self.reporter.as_mut()?.next(message, now)
    }

    /// One more nag, which will be `message`; `None` where too many are open.
    pub(super) fn nag(&mut self, message: MessageId) -> Option<Post> {
        self.nag.as_mut()?.next(message)
    }

    /// Takes an answer. Whether the next report may follow.
    pub(super) fn answered(&mut self, raw_message_id: u16, response: &CoPostResponse<'_>, now: Instant) -> bool {
        if let Some(nag) = &mut self.nag {
            nag.open.retain(|&open| open != raw_message_id);
        }
        self.reporter.as_mut().is_some_and(|reporter| reporter.answered(raw_message_id, response, now))
    }

    /// Waits until a nag is due.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop.
    pub(super) async fn nag_due(&mut self) {
        match &mut self.nag {
            Some(nag) => drop(nag.pace.tick().await),
            None => std::future::pending().await,
        }
    }
}

impl Reporter {
    /// One, and where its outcome will come out.
    pub(super) fn new(uri: &str, stop: Stop, progress: Arc<Progress>) -> (Self, oneshot::Receiver<Outcome>) {
        let (done, outcome) = oneshot::channel();
        let digest = UriDigest::of(uri);
        (Self { digest, stop, progress, outcome: Outcome::default(), open: None, done: Some(done) }, outcome)
    }

    fn next(&mut self, message: MessageId, now: Instant) -> Option<Post> {
        let Some(number) = self.progress.next_call(self.stop, now) else {
            self.end();
            return None;
        };
        self.outcome.tally.sent += 1;
        self.open = Some(Open { message, number, begin: now });
        Some(Post { digest: self.digest, payload: Payload::of(number) })
    }

    /// Whether it was the answer that is waited for.
    fn answered(&mut self, raw_message_id: u16, response: &CoPostResponse<'_>, now: Instant) -> bool {
        let Some(open) = self.open.take_if(|open| open.message.to_wire() == raw_message_id) else { return false };
        let CoPostResponse { status, data } = response;
        let example = || format!("report {}: {status:?} {}", open.number, data.escape_ascii());
        if *status != StatusCode::Ok {
            self.outcome.tally.lose(example);
        } else if *data != Payload::of(open.number).as_bytes() {
            self.outcome.tally.cross(example);
        }
        self.outcome.record(self.stop, open.begin, now);
        true
    }

    fn end(&mut self) {
        if let Some(done) = self.done.take() {
            // Nobody is left to hear of it where the whole run was given up.
            let _ = done.send(std::mem::take(&mut self.outcome));
        }
    }
}

impl Drop for Reporter {
    /// The connection is gone, and with it the answer that is waited for.
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            self.outcome.tally.lose(|| format!("report {}: the connection ended", open.number));
        }
        self.end();
    }
}

impl Nag {
    pub(super) fn new(uri: &str, sent: Arc<AtomicU64>) -> Self {
        let mut pace = interval(NAG_PERIOD);
        pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self { digest: UriDigest::of(uri), pace, open: Vec::new(), sent }
    }

    fn next(&mut self, message: MessageId) -> Option<Post> {
        if self.open.len() >= MAX_NAGS {
            return None;
        }
        self.open.push(message.to_wire());
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        Some(Post { digest: self.digest, payload: Payload::of(number) })
    }
}

/// Often enough that a hung service is always asked by every device, seldom enough that the frames themselves cost little.
const NAG_PERIOD: Duration = Duration::from_millis(100);

/// Half of what the hub lets a device have open (docs/protocol.md §5): reports shall never meet that cap.
const MAX_NAGS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(raw: u16) -> MessageId {
        MessageId::new(raw).unwrap()
    }

    fn ok(number: u64, reports: &mut Reports, raw: u16, status: StatusCode) -> bool {
        let payload = Payload::of(number);
        reports.answered(raw, &CoPostResponse { status, data: payload.as_bytes() }, Instant::now())
    }

    #[test]
    fn a_report_follows_the_answer_to_the_last_and_each_is_judged() {
        let progress = Arc::new(Progress::default());
        let (reporter, mut outcome) = Reporter::new("/json", Stop::AfterCalls(4), progress);
        let mut reports = Reports::new(Some(reporter), None);
        for (raw, answer, status) in [(1, 0, StatusCode::Ok), (2, 9, StatusCode::Ok), (3, 2, StatusCode::InternalError)]
        {
            let post = reports.next(message(raw), Instant::now()).unwrap();
            assert_eq!(post, Post { digest: UriDigest::of("/json"), payload: Payload::of(u64::from(raw) - 1) });
            assert!(!ok(answer, &mut reports, 77, status), "the answer to another");
            assert!(ok(answer, &mut reports, raw, status));
            assert!(!ok(answer, &mut reports, raw, status), "answered already");
        }
        assert!(reports.next(message(4), Instant::now()).is_some());
        assert!(outcome.try_recv().is_err(), "one is open");
        drop(reports);
        let outcome = outcome.try_recv().unwrap();
        assert_eq!((outcome.tally.sent, outcome.tally.crossed, outcome.tally.lost), (4, 1, 2));
        assert_eq!(outcome.latency.len(), 3);
    }

    #[test]
    fn the_outcome_is_there_when_there_is_nothing_more_to_send() {
        let (reporter, mut outcome) = Reporter::new("/json", Stop::AfterCalls(1), Arc::default());
        let mut reports = Reports::new(Some(reporter), None);
        assert!(reports.next(message(1), Instant::now()).is_some());
        assert!(ok(0, &mut reports, 1, StatusCode::Ok));
        assert!(reports.next(message(2), Instant::now()).is_none());
        let outcome = outcome.try_recv().unwrap();
        assert_eq!((outcome.tally.sent, outcome.tally.is_clean(), outcome.latency.len()), (1, true, 1));
    }

    #[tokio::test]
    async fn nags_wait_for_nothing_but_have_a_cap() {
        let sent = Arc::new(AtomicU64::new(0));
        let mut reports = Reports::new(None, Some(Nag::new("/hung", Arc::clone(&sent))));
        for raw in 1..=32 {
            assert!(reports.nag(message(raw)).is_some());
        }
        assert!(reports.nag(message(33)).is_none());
        assert!(!ok(0, &mut reports, 7, StatusCode::InternalError));
        assert!(reports.nag(message(34)).is_some());
        assert_eq!(sent.load(Ordering::Relaxed), 33);
    }
}
