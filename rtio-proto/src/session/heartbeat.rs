//! The hub's silence rule (§3): who was not heard for one and a half intervals is gone. The device's is in `ping_clock`.

use crate::limits::DEFAULT_PING_INTERVAL;
use crate::time::{Duration, Instant};

/// When the peer was last heard, and how long it may stay silent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heartbeat {
    interval: Duration,
    last_heard: Instant,
}

impl Heartbeat {
    pub(super) fn new(now: Instant) -> Self {
        Self { interval: DEFAULT_PING_INTERVAL, last_heard: now }
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
    }

    pub(super) fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
    }

    pub(super) fn last_heard(&self) -> Instant {
        self.last_heard
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// Whether nothing came after `asked`.
    pub(super) fn is_silent_since(&self, asked: Instant) -> bool {
        self.last_heard <= asked
    }

    /// From then on the peer counts as gone.
    pub(super) fn deadline(&self) -> Instant {
        self.last_heard.after(self.interval * 3 / 2)
    }
}
