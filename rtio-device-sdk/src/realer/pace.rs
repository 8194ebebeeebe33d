//! How long to wait before the next request, and how much it may bear. Pure: the seed decides. (Contract §11.)

use std::time::Duration;

use super::descriptor::Descriptor;
use super::outcome::Then;
use crate::backoff::{Backoff, Growth};

/// Waits between requests.
#[derive(Debug)]
pub(super) struct Pace {
    backoff: Backoff,
    growth: Growth,
    seed: u64,
    minimum: Duration,
    /// Items that a request may have; fewer once one was refused as a whole.
    items: usize,
}

impl Pace {
    /// Before the first bootstrap.
    pub(super) fn new(seed: u64) -> Self {
        let growth = Growth { base: Duration::from_secs(2), factor: 2, cap: Duration::from_secs(300) };
        let backoff = Backoff::new(growth, seed);
        Self { backoff, growth, seed, minimum: Duration::from_secs(5), items: usize::MAX }
    }

    /// From now on by the numbers of this descriptor.
    pub(super) fn follow(&mut self, descriptor: &Descriptor) {
        let told = descriptor.backoff;
        let growth = Growth { base: told.initial, factor: told.multiplier, cap: told.max };
        if growth != self.growth {
            (self.growth, self.backoff) = (growth, Backoff::new(growth, self.seed));
        }
        self.minimum = descriptor.feed_data.minimum;
    }

    /// How long to wait after a request of so many items.
    pub(super) fn wait(&mut self, then: Then, sent: usize) -> Duration {
        match then {
            Then::GoOn => {
                self.backoff.reset();
                self.items = self.items.saturating_mul(2);
                Duration::ZERO
            }
            Then::Halve => {
                self.items = (sent / 2).max(1);
                Duration::ZERO
            }
            // The grown wait on top lengthens the cycle of a device that is too fast again and again.
            Then::TooSoon(named) => named.unwrap_or(self.minimum).min(NOT_SERVED) + self.backoff.next_delay(),
            Then::BackOff => self.backoff.next_delay(),
            Then::NotServed => NOT_SERVED,
        }
    }

    /// Items that the next request may have.
    pub(super) fn items(&self) -> usize {
        self.items
    }
}

/// Until a device that is not served tries again. (Contract §11, `subscription_inactive`: hourly.)
const NOT_SERVED: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn descriptor() -> Descriptor {
        let document = json!({"catalog_revision": "a", "runtime_revision": "b",
            "cadence": {"feed_data": {"minimum_interval": 3}}, "backoff": {"initial": 1, "multiplier": 10, "max": 50}});
        Descriptor::of(&document).unwrap()
    }

    /// The longest waits of many devices, one after the other.
    fn longest(paces: impl Iterator<Item = Pace>) -> [Duration; 4] {
        let mut longest = [Duration::ZERO; 4];
        for mut pace in paces {
            for longest in &mut longest {
                *longest = pace.wait(Then::BackOff, 1).max(*longest);
            }
            assert_eq!(pace.wait(Then::GoOn, 1), Duration::ZERO);
            assert!(pace.wait(Then::BackOff, 1) <= Duration::from_secs(2), "it begins anew after a success");
        }
        longest
    }

    #[test]
    fn waits_grow_as_the_descriptor_says() {
        let told = (0..300).map(|seed| {
            let mut pace = Pace::new(seed);
            pace.follow(&descriptor());
            pace
        });
        let cases = [([2, 4, 8, 16], longest((0..300).map(Pace::new))), ([1, 10, 50, 50], longest(told))];
        for (ceilings, longest) in cases {
            for (ceiling, longest) in ceilings.map(Duration::from_secs).into_iter().zip(longest) {
                assert!(longest <= ceiling && longest > ceiling * 9 / 10, "{ceiling:?} {longest:?}");
            }
        }
    }

    #[test]
    fn a_batch_that_is_refused_is_halved_until_it_passes() {
        let mut pace = Pace::new(1);
        for (sent, items) in [(8, 4), (4, 2), (2, 1), (1, 1)] {
            assert_eq!((pace.wait(Then::Halve, sent), pace.items()), (Duration::ZERO, items));
        }
        pace.wait(Then::GoOn, 1);
        assert_eq!(pace.items(), 2);
    }

    #[test]
    fn who_is_too_fast_waits_as_long_as_the_hub_says_and_at_least_the_shortest_interval() {
        let mut pace = Pace::new(1);
        pace.follow(&descriptor());
        assert!(pace.wait(Then::TooSoon(None), 1) >= Duration::from_secs(3));
        assert!(pace.wait(Then::TooSoon(Some(Duration::from_secs(9))), 1) >= Duration::from_secs(9));
        assert_eq!(pace.wait(Then::NotServed, 1), Duration::from_secs(3600));
    }
}
