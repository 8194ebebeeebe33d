//! Time as the sessions see it: milliseconds since a start that the driver picks. Nothing here reads a clock.

pub use core::time::Duration;

/// A moment, in milliseconds since the driver's start. Only differences mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The driver's start.
    pub const START: Self = Self(0);

    /// The moment `millis` milliseconds after the start.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the start.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// This moment and `duration`, rounded up to a millisecond so that no deadline comes early; stops at the end of time.
    pub fn after(self, duration: Duration) -> Self {
        let millis = duration.as_nanos().div_ceil(1_000_000);
        Self(self.0.saturating_add(u64::try_from(millis).unwrap_or(u64::MAX)))
    }

    /// Time since `earlier`, zero if that is later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_rounded_down() {
        let start = Instant::from_millis(5);
        assert_eq!(start.after(Duration::from_micros(1)), Instant::from_millis(6));
        assert_eq!(start.after(Duration::ZERO), start);
        assert_eq!(start.after(Duration::MAX), Instant::from_millis(u64::MAX));
    }
}
