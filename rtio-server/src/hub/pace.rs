//! How many verifications begin in a second: in a storm the others wait for their turn, in the order of their arrival. Pure: the
//! clock is an argument, and who waits is a number.

use std::time::Duration;

use tokio::time::Instant;

/// Turns, `interval` apart. Those of one tick of the clock may be taken at once.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    /// When the next turn is.
    next: Instant,
}

/// So many wait already that the turn would come too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crowded;

impl Pace {
    /// `per_second` turns a second, from `now`.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.max(1), next: now }
    }

    /// Takes the next turn; when it is. A turn that is not used in the end is lost.
    pub(super) fn take(&mut self, now: Instant) -> Result<Instant, Crowded> {
        let turn = self.next.max(now.checked_sub(BURST).unwrap_or(now));
        if turn > now + MAX_WAIT {
            return Err(Crowded);
        }
        self.next = turn + self.interval;
        Ok(turn)
    }
}

/// Turns that nobody took may be taken later, as many as come in this time.
const BURST: Duration = Duration::from_millis(100);

/// Of the 15 s that a device has, 5 s are for the verifier. With it the queue is bounded, to ten times the turns of a second.
const MAX_WAIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_come_at_the_pace_and_the_queue_is_bounded() {
        let now = Instant::now();
        let mut pace = Pace::new(1000, now);
        let turns: Vec<_> = (0..20_000).map_while(|_| pace.take(now).ok()).collect();
        assert_eq!(turns.len(), 10_001, "ten seconds' worth may wait");
        assert!(turns.windows(2).all(|pair| pair[1] - pair[0] == Duration::from_millis(1)));
        assert_eq!(pace.take(now), Err(Crowded));
        assert_eq!(pace.take(now + Duration::from_secs(5)), Ok(now + Duration::from_millis(10_001)));
    }

    #[tokio::test]
    async fn after_a_quiet_time_only_a_tenth_of_a_second_is_made_up_for() {
        let now = Instant::now();
        let mut pace = Pace::new(1000, now);
        let later = now + Duration::from_secs(60);
        let at_once = (0..1000).filter(|_| pace.take(later).is_ok_and(|turn| turn <= later)).count();
        assert_eq!(at_once, 101);
    }
}
