//! What every closed loop has in common: when it stops, what came of it, and how long each call took. Knows nothing of sockets.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::stall::{ANSWER_TIMEOUT, join_unless_stalled};
use crate::tally::Tally;

/// When a load stops. A call that is on its way is always waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stop {
    /// After so many calls of all together; all of them are timed.
    AfterCalls(u64),
    /// At the window's end; the calls in it are timed.
    After(Window),
    /// After [`Progress::tell_to_stop`]; all calls are timed.
    WhenTold,
}

/// The part of a run that is measured, after a time to warm up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Nanoseconds of each call that was timed.
    pub(crate) latency: Histogram<u64>,
    pub(crate) tally: Tally,
}

/// What the loops of one run share.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Calls begun, and in a run of so many calls one more for each loop that has stopped.
    begun: AtomicU64,
    told_to_stop: AtomicBool,
}

impl Window {
    /// One that begins after `warm_up` from now, and lasts `measured`.
    pub(crate) fn after(warm_up: Duration, measured: Duration) -> Self {
        let from = Instant::now() + warm_up;
        Self { from, until: from + measured }
    }
}

impl Outcome {
    /// What came of all loops together. One that hangs has lost a call.
    pub(crate) async fn join(loops: JoinSet<Self>, progress: &Progress) -> Self {
        let (outcomes, stuck) = progress.join(loops).await;
        let mut all = Self::default();
        for outcome in outcomes {
            all.add(outcome);
        }
        all.lose_stuck(stuck);
        all
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.latency.add(other.latency).expect("all have the same bounds");
        self.tally.add(other.tally);
    }

    /// Counts a call of each of so many loops that hang.
    pub(crate) fn lose_stuck(&mut self, stuck: usize) {
        for _ in 0..stuck {
            self.tally.sent += 1;
            self.tally.lose(|| "no answer at all".to_owned());
        }
    }

    /// Counts a call that is over.
    pub(crate) fn record(&mut self, stop: Stop, begin: Instant, end: Instant) {
        let latency = end - begin;
        if latency > ANSWER_TIMEOUT {
            self.tally.lose(|| format!("answered after {latency:?}"));
        }
        let timed = match stop {
            Stop::AfterCalls(_) | Stop::WhenTold => true,
            Stop::After(window) => (window.from..window.until).contains(&end),
        };
        if timed {
            self.latency.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// Microseconds within which this part of the calls was answered.
    pub(crate) fn micros(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1_000.0
    }
}

impl Default for Outcome {
    fn default() -> Self {
        let latency = Histogram::new_with_bounds(LATENCY_FLOOR_NANOS, LATENCY_CEILING_NANOS, LATENCY_DIGITS)
            .expect("the bounds are sound");
        Self { latency, tally: Tally::default() }
    }
}

impl Progress {
    /// Calls begun so far.
    pub(crate) fn calls(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Number of the next call; `None` where a loop shall stop.
    pub(crate) fn next_call(&self, stop: Stop, now: Instant) -> Option<u64> {
        let goes_on = match stop {
            Stop::After(window) => now < window.until,
            Stop::WhenTold => !self.told_to_stop.load(Ordering::Relaxed),
            Stop::AfterCalls(limit) => self.calls() < limit,
        };
        let number = goes_on.then(|| self.begun.fetch_add(1, Ordering::Relaxed))?;
        let in_limit = !matches!(stop, Stop::AfterCalls(limit) if number >= limit);
        in_limit.then_some(number)
    }

    /// Waits for the loops; what came of those that ended, and the number of those that hang.
    pub(crate) async fn join<T: 'static>(&self, loops: JoinSet<T>) -> (Vec<T>, usize) {
        join_unless_stalled(loops, &self.begun).await
    }

    /// Lets each loop of [`Stop::WhenTold`] end with the call that it is at.
    pub(crate) fn tell_to_stop(&self) {
        self.told_to_stop.store(true, Ordering::Relaxed);
    }
}

const LATENCY_FLOOR_NANOS: u64 = 1_000;

/// Twice the time after which an answer is lost.
const LATENCY_CEILING_NANOS: u64 = 30_000_000_000;

/// Significant digits that are kept.
const LATENCY_DIGITS: u8 = 3;
