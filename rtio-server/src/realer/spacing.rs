//! How often devices come, and when each came last: the shortest spacing that its plan allows, by family of requests. Pure: the clock
//! is an argument. (Contract §1.7, §12.)

use std::time::Duration;

use tokio::time::Instant;

use super::config::Cadence;
use crate::hub::{DeviceId, Recent};

/// What is counted together: requests of one family are spaced, those of different ones are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Bootstrap and catalogs.
    Catalog,
    /// Desired states.
    DesiredStates,
    /// Feed data; a batch counts once.
    FeedData,
    /// Credentials for MQTT, so that a device may ask for one right after it has read its catalog.
    Credentials,
}

/// How often something may happen in the long run, and how many times at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From one to the next. Zero: as often as one likes.
    pub interval: Duration,
    /// At once after a pause; 1 for a strict spacing.
    pub burst: u32,
}

/// It comes too soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSoon {
    /// When it may come.
    pub retry_after: Duration,
}

/// When devices came, and when they may come again. Those seen last are remembered ([`MAX_DEVICES`]); the others begin anew.
#[derive(Debug)]
pub struct Spacing {
    devices: Recent<DeviceId, Visits>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Visits {
    /// By family: the moment that [`Pace::take`] gave last.
    due: [Option<Instant>; 4],
    /// The last one that was not too soon, in milliseconds since 1970.
    last_ms: i64,
}

impl Pace {
    /// Takes one. `due` is what the last one that was taken gave, if one was; so is what this gives. The generic cell rate
    /// algorithm: one moment is all there is to remember.
    ///
    /// # Errors
    ///
    /// [`TooSoon`]: it is not taken, and coming too soon makes nobody wait longer.
    pub fn take(self, due: Option<Instant>, now: Instant) -> Result<Instant, TooSoon> {
        let due = due.map_or(now, |due| due.max(now));
        let ahead = due.saturating_duration_since(now);
        let allowed = self.interval * (self.burst.max(1) - 1);
        match ahead.checked_sub(allowed).filter(|wait| !wait.is_zero()) {
            None => Ok(due + self.interval),
            Some(retry_after) => Err(TooSoon { retry_after }),
        }
    }

    /// Undoes a [`take`](Self::take) that gave `due`, or came before the one that did.
    pub fn give_back(self, due: Instant) -> Instant {
        due.checked_sub(self.interval).unwrap_or(due)
    }
}

impl Spacing {
    /// One that has seen nobody.
    pub fn new() -> Self {
        Self { devices: Recent::new(MAX_DEVICES) }
    }

    /// A device comes. `now_ms` is the same moment as `now`, since 1970.
    ///
    /// # Errors
    ///
    /// [`TooSoon`]: it counts for nothing.
    pub fn take(
        &mut self,
        device: &DeviceId,
        family: Family,
        pace: Pace,
        (now, now_ms): (Instant, i64),
    ) -> Result<(), TooSoon> {
        let visits = self.devices.get(device);
        let due = visits.as_ref().and_then(|visits| visits.due[family as usize]);
        let due = pace.take(due, now)?;
        match visits {
            Some(visits) => visits.count(family, due, now_ms),
            None => {
                let mut visits = Visits::default();
                visits.count(family, due, now_ms);
                self.devices.insert(device.clone(), visits);
            }
        }
        Ok(())
    }

    /// When the device came last and not too soon, in milliseconds since 1970. `None`: not since the start, or long ago.
    pub fn last_contact(&mut self, device: &DeviceId) -> Option<i64> {
        self.devices.get(device).map(|visits| visits.last_ms)
    }
}

impl Default for Spacing {
    fn default() -> Self {
        Self::new()
    }
}

impl Visits {
    fn count(&mut self, family: Family, due: Instant, now_ms: i64) {
        self.due[family as usize] = Some(due);
        self.last_ms = now_ms;
    }
}

impl Cadence {
    /// The shortest spacing of a family.
    pub const fn minimum(&self, family: Family) -> Duration {
        match family {
            Family::Catalog | Family::Credentials => self.catalog.minimum,
            Family::DesiredStates => self.desired_states.minimum,
            Family::FeedData => self.feed_data.minimum,
        }
    }
}

/// Devices whose last visits are remembered, and perhaps as many before them: 131,072 take about 17 MB.
pub const MAX_DEVICES: usize = 131_072;

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE: Pace = Pace { interval: Duration::from_secs(5), burst: 1 };

    struct Scene {
        spacing: Spacing,
        now: Instant,
        now_ms: i64,
    }

    impl Scene {
        fn new() -> Self {
            Self { spacing: Spacing::new(), now: Instant::now(), now_ms: 1_000 }
        }

        fn comes(&mut self, id: &str, family: Family, pace: Pace) -> Result<(), Duration> {
            let taken = self.spacing.take(&DeviceId::parse(id).unwrap(), family, pace, (self.now, self.now_ms));
            taken.map_err(|too_soon| too_soon.retry_after)
        }

        fn passes(&mut self, ms: u64) {
            self.now += Duration::from_millis(ms);
            self.now_ms += i64::try_from(ms).unwrap();
        }
    }

    #[tokio::test]
    async fn the_spacing_is_kept_to_the_millisecond_and_what_is_too_soon_does_not_move_it() {
        let mut scene = Scene::new();
        assert_eq!(scene.comes("dev", Family::FeedData, FIVE), Ok(()));
        for waited in [0, 1_000, 3_999] {
            scene.passes(waited);
            assert!(scene.comes("dev", Family::FeedData, FIVE).is_err());
        }
        assert_eq!(scene.comes("dev", Family::FeedData, FIVE), Err(Duration::from_millis(1)));
        scene.passes(1);
        assert_eq!(scene.comes("dev", Family::FeedData, FIVE), Ok(()));
        assert_eq!(scene.comes("dev", Family::FeedData, FIVE), Err(Duration::from_secs(5)));
    }

    #[tokio::test]
    async fn families_and_devices_do_not_wait_for_each_other() {
        let mut scene = Scene::new();
        for family in [Family::Catalog, Family::DesiredStates, Family::FeedData, Family::Credentials] {
            assert_eq!(scene.comes("dev", family, FIVE), Ok(()));
            assert_eq!(scene.comes("other", family, FIVE), Ok(()));
            assert!(scene.comes("dev", family, FIVE).is_err());
        }
    }

    #[tokio::test]
    async fn a_spacing_of_nothing_is_no_limit() {
        let mut scene = Scene::new();
        let none = Pace { interval: Duration::ZERO, burst: 1 };
        assert!((0..1000).all(|_| scene.comes("dev", Family::FeedData, none).is_ok()));
    }

    #[tokio::test]
    async fn after_a_pause_a_burst_may_come_at_once() {
        let mut scene = Scene::new();
        let burst = Pace { burst: 4, ..FIVE };
        let at_once =
            |scene: &mut Scene| (0..100).filter(|_| scene.comes("dev", Family::FeedData, burst).is_ok()).count();
        assert_eq!(at_once(&mut scene), 4);
        assert_eq!(scene.comes("dev", Family::FeedData, burst), Err(Duration::from_secs(5)));
        scene.passes(5_000);
        assert_eq!(at_once(&mut scene), 1);
        scene.passes(3_600_000);
        assert_eq!(at_once(&mut scene), 4);
    }

    #[tokio::test]
    async fn what_is_given_back_may_be_taken_again() {
        let (now, pace) = (Instant::now(), Pace { burst: 2, ..FIVE });
        let due = pace.take(Some(pace.take(None, now).unwrap()), now).unwrap();
        assert!(pace.take(Some(due), now).is_err());
        assert_eq!(pace.take(Some(pace.give_back(due)), now), Ok(due));
    }

    #[tokio::test]
    async fn the_last_contact_is_the_last_one_that_was_not_too_soon() {
        let mut scene = Scene::new();
        let dev = DeviceId::parse("dev").unwrap();
        assert_eq!(scene.spacing.last_contact(&dev), None);
        scene.comes("dev", Family::Catalog, FIVE).unwrap();
        scene.passes(10);
        scene.comes("dev", Family::Catalog, FIVE).unwrap_err();
        assert_eq!(scene.spacing.last_contact(&dev), Some(1_000));
        scene.comes("dev", Family::FeedData, FIVE).unwrap();
        assert_eq!(scene.spacing.last_contact(&dev), Some(1_010));
    }

    #[tokio::test]
    async fn what_is_remembered_is_capped() {
        let mut scene = Scene::new();
        for number in 0..3 * MAX_DEVICES {
            scene.comes(&format!("dev-{number}"), Family::Catalog, FIVE).unwrap();
            assert!(scene.spacing.devices.len() <= 2 * MAX_DEVICES);
        }
        let last = format!("dev-{}", 3 * MAX_DEVICES - 1);
        assert!(scene.comes(&last, Family::Catalog, FIVE).is_err(), "who came last is known");
        assert_eq!(scene.comes("dev-0", Family::Catalog, FIVE), Ok(()), "who came long ago begins anew");
    }
}
