//! When to stop asking a backend that does not answer. Pure: the clock is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// ```text
///            FAILURES_TO_OPEN in a row
///   Closed ───────────────────────────► Open ──┐ OPEN_TIME later one question
///     ▲                                  │  ▲  │ is let through as a probe
///     └────────── any answer ────────────┘  └──┘
/// ```
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: State,
}

#[derive(Debug)]
enum State {
    /// Everybody may ask. So many failures in a row so far.
    Closed { failures: u32 },
    /// Nobody may ask before `probe_at`. Then one may, and the next only as much later, so that a probe whose outcome never comes
    /// does not block for ever.
    Open { probe_at: Instant },
}

impl Default for State {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Breaker {
    /// Whether one question may be asked now.
    pub(super) fn lets_through(&mut self, now: Instant) -> bool {
        match &mut self.state {
            State::Closed { .. } => true,
            State::Open { probe_at } if now >= *probe_at => {
                *probe_at = now + OPEN_TIME;
                true
            }
            State::Open { .. } => false,
        }
    }

    /// The backend answered. Says whether the breaker was open.
    pub(super) fn handle_answer(&mut self) -> bool {
        let was_open = self.is_open();
        self.state = State::default();
        was_open
    }

    /// The backend did not answer. Says whether that opened the breaker.
    pub(super) fn handle_failure(&mut self, now: Instant) -> bool {
        let State::Closed { failures } = &mut self.state else { return false };
        *failures += 1;
        let opens = *failures >= FAILURES_TO_OPEN;
        if opens {
            self.state = State::Open { probe_at: now + OPEN_TIME };
        }
        opens
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    /// Whether a question would be refused now, without asking one.
    pub(super) fn refuses(&self, now: Instant) -> bool {
        matches!(self.state, State::Open { probe_at } if now < probe_at)
    }
}

/// One failure is an accident and two are bad luck; each may cost a device its 5 s.
const FAILURES_TO_OPEN: u32 = 5;

/// As long as one question may take: a dead backend costs at most one question in flight.
const OPEN_TIME: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn open_at(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        let opened: Vec<bool> = (0..FAILURES_TO_OPEN).map(|_| breaker.handle_failure(now)).collect();
        assert_eq!(opened, [false, false, false, false, true]);
        breaker
    }

    #[tokio::test]
    async fn failures_in_a_row_open_it_and_an_answer_between_them_does_not() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..100 {
            (1..FAILURES_TO_OPEN).for_each(|_| assert!(!breaker.handle_failure(now)));
            assert!(!breaker.handle_answer());
        }
        assert!(breaker.lets_through(now) && !open_at(now).lets_through(now));
    }

    #[tokio::test]
    async fn once_in_a_while_one_question_tries_it_out() {
        let start = Instant::now();
        let mut breaker = open_at(start);
        let just_before = start + OPEN_TIME - Duration::from_millis(1);
        assert!(breaker.refuses(just_before) && !breaker.lets_through(just_before));
        let then = start + OPEN_TIME;
        assert!(!breaker.refuses(then));
        assert!(breaker.lets_through(then), "the probe");
        assert!(!breaker.lets_through(then), "one only");
        assert!(!breaker.handle_failure(then), "it was open before");
        assert!(!breaker.lets_through(then + OPEN_TIME - Duration::from_millis(1)));
        assert!(breaker.lets_through(then + OPEN_TIME), "the next one, whatever became of the first");
        assert!(breaker.handle_answer());
        assert!(breaker.lets_through(then) && breaker.lets_through(then));
    }
}
