//! Saying that something happens again and again without flooding the log: once an interval, with how often it was not said.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// One thing to be said now and then.
#[derive(Debug)]
pub struct Notice {
    start: Instant,
    pace: Mutex<Pace>,
}

impl Notice {
    /// Nothing was said yet.
    pub fn new() -> Self {
        Self { start: Instant::now(), pace: Mutex::new(Pace::default()) }
    }

    /// It happened. `Some`: it is to be said, and was not said so many times since it last was.
    pub fn due(&self) -> Option<u64> {
        self.pace.lock().due(self.start.elapsed())
    }
}

impl Default for Notice {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug, Default)]
struct Pace {
    said: Option<Duration>,
    left_out: u64,
}

impl Pace {
    fn due(&mut self, now: Duration) -> Option<u64> {
        if self.said.is_some_and(|said| now.saturating_sub(said) < INTERVAL) {
            self.left_out += 1;
            return None;
        }
        self.said = Some(now);
        Some(std::mem::take(&mut self.left_out))
    }
}

/// Often enough to see when a flood begins and ends.
const INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_said_once_a_second_with_its_size() {
        let mut pace = Pace::default();
        let at = Duration::from_millis;
        assert_eq!(pace.due(at(0)), Some(0));
        assert_eq!((pace.due(at(1)), pace.due(at(999))), (None, None));
        assert_eq!(pace.due(at(1000)), Some(2));
        assert_eq!(pace.due(at(5000)), Some(0));
    }
}
