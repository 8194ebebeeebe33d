//! How long to wait before the next attempt to connect: capped, exponential, with full jitter. Pure: the seed decides.

use std::time::Duration;

/// Delays between attempts. Each is drawn evenly from zero up to a ceiling that grows with every attempt, so that a fleet
/// that lost its hub does not come back in one moment.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    growth: Growth,
    attempts: u32,
    random: u64,
}

/// How the ceiling grows: from `base` by `factor` with each attempt, up to `cap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Growth {
    pub(crate) base: Duration,
    pub(crate) factor: u32,
    pub(crate) cap: Duration,
}

impl Backoff {
    pub(crate) fn new(growth: Growth, seed: u64) -> Self {
        Self { growth, attempts: 0, random: seed }
    }

    pub(crate) fn next_delay(&mut self) -> Duration {
        let Growth { base, factor, cap } = self.growth;
        let ceiling = base.saturating_mul(factor.saturating_pow(self.attempts)).min(cap);
        self.attempts = self.attempts.saturating_add(1);
        let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.next_random() % nanos.saturating_add(1).max(1))
    }

    /// The last connection was a good one.
    pub(crate) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// SplitMix64.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// First ceiling.
pub(crate) const BASE_DELAY: Duration = Duration::from_secs(1);

/// Highest ceiling: a device is back within a minute after its hub is.
pub(crate) const MAX_DELAY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const DOUBLING: Growth = Growth { base: BASE_DELAY, factor: 2, cap: MAX_DELAY };

    #[test]
    fn delays_stay_under_a_ceiling_that_doubles_up_to_the_cap() {
        for seed in 0..200 {
            let mut backoff = Backoff::new(DOUBLING, seed);
            for ceiling in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
                assert!(backoff.next_delay() <= Duration::from_secs(ceiling), "seed {seed}");
            }
            for _ in 0..100 {
                assert!(backoff.next_delay() <= MAX_DELAY);
            }
            backoff.reset();
            assert!(backoff.next_delay() <= BASE_DELAY, "seed {seed}");
        }
    }

    #[test]
    fn delays_fill_the_whole_range() {
        let mut backoff = Backoff::new(Growth { base: MAX_DELAY, ..DOUBLING }, 1);
        let delays: Vec<_> = (0..200).map(|_| backoff.next_delay().as_secs() / 15).collect();
        for quarter in 0..4 {
            assert!(delays.iter().filter(|delay| **delay == quarter).count() > 30);
        }
        assert_eq!(Backoff::new(Growth { base: Duration::ZERO, ..DOUBLING }, 1).next_delay(), Duration::ZERO);
    }
}
