//! How long a connection may stay open without doing anything (pure). hyper limits neither idling nor, without a timer for
//! every request, a head that never ends; this looks at a connection now and then instead.

use std::time::Duration;

/// What a connection has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    /// Requests that are being answered.
    pub(super) in_progress: usize,
    /// Requests that were taken in all.
    pub(super) requests: usize,
    /// Times that something was read.
    pub(super) reads: usize,
}

/// Decides when to give a connection up.
#[derive(Debug)]
pub(super) struct Patience {
    idle_timeout: Duration,
    head_timeout: Duration,
    /// Whether bytes after the first head are the beginning of another.
    bytes_are_heads: bool,
    /// As it was when the connection last did something useful.
    seen: Progress,
    /// When that was, in time since the connection began.
    idle_since: Duration,
    /// Since when a head has been on its way. The first is due from the start.
    head_since: Option<Duration>,
}

impl Patience {
    /// For a connection of HTTP/1.1.
    pub(super) const fn new(idle_timeout: Duration, head_timeout: Duration) -> Self {
        let seen = Progress { in_progress: 0, requests: 0, reads: 0 };
        let head_since = Some(Duration::ZERO);
        Self { idle_timeout, head_timeout, bytes_are_heads: true, seen, idle_since: Duration::ZERO, head_since }
    }

    /// For a connection of HTTP/2: its peer also sends frames that belong to no request, which neither begin a head nor keep
    /// the connection. A head that never ends is bounded by its size and by the idle time.
    pub(super) const fn with_frames(idle_timeout: Duration, head_timeout: Duration) -> Self {
        Self { bytes_are_heads: false, ..Self::new(idle_timeout, head_timeout) }
    }

    /// How often to look: a limit is kept to a quarter of itself.
    pub(super) fn tick(&self) -> Duration {
        (self.idle_timeout.min(self.head_timeout) / 4).max(Duration::from_millis(1))
    }

    /// Looks at a connection `now` after it began. `true`: it has had its time.
    pub(super) fn is_over(&mut self, now: Duration, progress: Progress) -> bool {
        if progress.in_progress > 0 || progress.requests != self.seen.requests {
            self.seen = progress;
            self.idle_since = now;
            self.head_since = None;
            return false;
        }
        if self.bytes_are_heads && progress.reads != self.seen.reads && self.head_since.is_none() {
            self.head_since = Some(now);
        }
        let head_is_late = self.head_since.is_some_and(|since| now - since >= self.head_timeout);
        head_is_late || now - self.idle_since >= self.idle_timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(looks: &[(u64, Progress, bool)]) {
        check_with(Patience::new(Duration::from_secs(60), Duration::from_secs(10)), looks);
    }

    fn check_frames(looks: &[(u64, Progress, bool)]) {
        check_with(Patience::with_frames(Duration::from_secs(60), Duration::from_secs(10)), looks);
    }

    fn check_with(mut patience: Patience, looks: &[(u64, Progress, bool)]) {
        for (second, progress, over) in looks {
            assert_eq!(patience.is_over(Duration::from_secs(*second), *progress), *over, "{second} s, {progress:?}");
        }
    }

    const fn at(in_progress: usize, requests: usize, reads: usize) -> Progress {
        Progress { in_progress, requests, reads }
    }

    #[test]
    fn the_first_head_is_due_at_once() {
        check(&[(9, at(0, 0, 0), false), (10, at(0, 0, 0), true)]);
        check(&[(9, at(0, 0, 9), false), (10, at(0, 0, 10), true)]);
    }

    #[test]
    fn a_kept_connection_may_idle() {
        check(&[(5, at(0, 1, 1), false), (64, at(0, 1, 1), false), (65, at(0, 1, 1), true)]);
    }

    #[test]
    fn a_head_that_comes_in_drops_is_given_up() {
        check(&[(5, at(0, 1, 1), false), (20, at(0, 1, 2), false), (29, at(0, 1, 9), false), (30, at(0, 1, 10), true)]);
    }

    #[test]
    fn frames_that_belong_to_no_request_neither_shorten_nor_lengthen_a_life() {
        check_frames(&[(9, at(0, 0, 9), false), (10, at(0, 0, 10), true)]);
        check_frames(&[
            (5, at(0, 1, 1), false),
            (20, at(0, 1, 2), false),
            (64, at(0, 1, 90), false),
            (65, at(0, 1, 91), true),
        ]);
        check_frames(&[(5, at(1, 1, 1), false), (3600, at(1, 1, 2), false), (3661, at(0, 1, 99), true)]);
    }

    #[test]
    fn an_answer_may_take_its_time() {
        check(&[
            (5, at(1, 1, 1), false),
            (3600, at(1, 1, 1), false),
            (3659, at(0, 1, 1), false),
            (3660, at(0, 1, 1), true),
        ]);
    }
}
