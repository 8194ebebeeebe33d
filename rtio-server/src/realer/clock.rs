//! What time it is: the system's, but never earlier than it was.

use std::fmt::Debug;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Tells the time in milliseconds since 1970.
pub trait Clock: Debug + Send + Sync {
    /// Now.
    fn now_ms(&self) -> i64;
}

/// The system's clock. When that is set back, this one goes on at its pace until the system's has caught up: nothing that has
/// expired is alive again, and what comes later is not earlier.
#[derive(Debug)]
pub struct SteadyClock {
    last: Mutex<Reading>,
}

/// The time at a moment of the clock that is never set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    at: Instant,
    ms: i64,
}

impl SteadyClock {
    /// One that begins now.
    pub fn new() -> Self {
        Self { last: Mutex::new(Reading { at: Instant::now(), ms: system_ms() }) }
    }
}

impl Default for SteadyClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SteadyClock {
    fn now_ms(&self) -> i64 {
        let (at, system) = (Instant::now(), system_ms());
        let mut last = self.last.lock();
        *last = last.then(at, system);
        last.ms
    }
}

impl Reading {
    /// The next reading, when the system says `system_ms`.
    fn then(self, at: Instant, system_ms: i64) -> Self {
        let passed = i64::try_from(at.saturating_duration_since(self.at).as_millis()).unwrap_or(i64::MAX);
        let least = self.ms.saturating_add(passed);
        if system_ms >= least {
            Self { at, ms: system_ms }
        } else {
            // Whole milliseconds only, or the parts that are cut off at each reading would add up.
            Self { at: self.at + Duration::from_millis(passed.cast_unsigned()), ms: least }
        }
    }
}

fn system_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_goes_on_at_its_pace() {
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_micros(ms * 1000);
        let first = Reading { at: start, ms: 1_000_000 };
        assert_eq!(first.then(after(10), 1_000_010).ms, 1_000_010);
        assert_eq!(first.then(after(10), 5_000_000).ms, 5_000_000, "set forward is believed");
        let back = first.then(after(10), 900_000);
        assert_eq!(back.ms, 1_000_010);
        assert_eq!(back.then(after(20), 900_010).ms, 1_000_020);
        assert_eq!(back.then(after(20), 1_000_500).ms, 1_000_500, "once caught up, the system's counts again");
    }

    #[test]
    fn readings_in_short_order_lose_no_time() {
        let start = Instant::now();
        let mut reading = Reading { at: start, ms: 1_000_000 };
        for step in 1..=1000_u64 {
            reading = reading.then(start + Duration::from_micros(step * 500), 0);
        }
        assert_eq!(reading.ms, 1_000_500);
    }
}
