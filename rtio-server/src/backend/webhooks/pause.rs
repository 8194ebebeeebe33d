//! How long a webhook waits before it posts a batch again (pure).

use std::time::Duration;

/// Time until the next attempt after `failures` in a row, the first of which is 1: a second, twice as long each time, up to 5 minutes;
/// longer where the receiver asked for it, but no longer than that either. `random` takes up to a quarter off, so that webhooks that
/// failed together do not come back together.
pub(super) fn pause_after(failures: u32, asked: Option<Duration>, random: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(MAX_DOUBLINGS));
    let pause = doubled.min(MAX_PAUSE);
    let jittered = pause - (pause / 4).mul_f64(f64::from(random) / f64::from(u32::MAX));
    jittered.max(asked.unwrap_or_default().min(MAX_PAUSE))
}

const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Longer would leave a receiver that is well again in the dark, and the ring forgets meanwhile.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// Beyond the longest pause already.
const MAX_DOUBLINGS: u32 = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_twice_the_one_before_up_to_five_minutes() {
        let pauses = [1, 2, 3, 8, 9, 10, 11, u32::MAX].map(|failures| pause_after(failures, None, 0).as_secs());
        assert_eq!(pauses, [1, 2, 4, 128, 256, 300, 300, 300]);
        assert_eq!(pause_after(0, None, 0).as_secs(), 1);
    }

    #[test]
    fn chance_takes_a_quarter_at_most() {
        assert_eq!(pause_after(3, None, u32::MAX), Duration::from_secs(3));
        assert_eq!(pause_after(3, None, u32::MAX / 2).as_millis(), 3500);
        assert_eq!(pause_after(99, None, u32::MAX), Duration::from_secs(225));
    }

    #[test]
    fn what_the_receiver_asks_for_counts_within_five_minutes() {
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(pause_after(1, asked(30), u32::MAX), Duration::from_secs(30));
        assert_eq!(pause_after(5, asked(1), 0), Duration::from_secs(16));
        assert_eq!(pause_after(1, asked(86_400), 0), Duration::from_secs(300));
    }
}
