//! The one clock of all sessions: the runtime's, as milliseconds since the edge started.

use rtio_proto::time::Instant as SessionInstant;
use tokio::time::Instant;

/// Turns the runtime's time into the sessions'.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(super) fn now(self) -> SessionInstant {
        self.at(Instant::now())
    }

    /// The runtime's time of a session's.
    pub(super) fn runtime(self, instant: SessionInstant) -> Instant {
        self.start + instant.since(SessionInstant::START)
    }

    pub(super) fn at(self, instant: Instant) -> SessionInstant {
        let millis = instant.saturating_duration_since(self.start).as_millis();
        SessionInstant::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}
