//! One id, two devices: each takes the id over from the other as soon as it can connect again (pure). It is noticed, told once in a
//! while, and slowed, so that it costs the hub little and each of the two some time of being there.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::DeviceId;

/// Ids that were taken over lately.
#[derive(Debug, Default)]
pub(super) struct Disputes {
    recent: HashMap<DeviceId, Recent, RandomState>,
}

#[derive(Debug)]
struct Recent {
    count: u32,
    last: Instant,
    told: Option<Instant>,
}

/// What a take-over is to be met with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slowed {
    /// How long the newcomer waits for the answer to its verification.
    pub delay: Duration,
    /// Whether it is time to tell the operator.
    pub tell: bool,
}

impl Disputes {
    /// A connection is about to take `device` over. `None`: a device that came back, as devices do.
    pub(super) fn note(&mut self, device: &DeviceId, now: Instant) -> Option<Slowed> {
        let recent = self.entry(device, now)?;
        let is_quiet = now.duration_since(recent.last) >= QUIET;
        recent.count = if is_quiet { 1 } else { recent.count.saturating_add(1) };
        recent.last = now;
        let steps = recent.count.checked_sub(DISPUTED_FROM)?;
        let tell = recent.told.is_none_or(|told| now.duration_since(told) >= QUIET);
        if tell {
            recent.told = Some(now);
        }
        let delay = FIRST_DELAY.saturating_mul(1 << steps.min(MAX_STEPS)).min(LONGEST_DELAY);
        Some(Slowed { delay, tell })
    }

    fn entry(&mut self, device: &DeviceId, now: Instant) -> Option<&mut Recent> {
        if !self.recent.contains_key(device) {
            if self.recent.len() >= MAX_REMEMBERED {
                self.recent.retain(|_, recent| now.duration_since(recent.last) < QUIET);
            }
            if self.recent.len() >= MAX_REMEMBERED {
                return None;
            }
        }
        Some(self.recent.entry(device.clone()).or_insert(Recent { count: 0, last: now, told: None }))
    }
}

/// A device without a take-over for so long is at peace; told of no more often.
const QUIET: Duration = Duration::from_secs(60);

/// From this take-over on, without a quiet minute in between, it is a dispute. A device that changes its network, or loses it
/// several times in a tunnel, takes itself over once each time.
const DISPUTED_FROM: u32 = 5;

/// The first slowed newcomer waits for this long, each further one twice as long.
const FIRST_DELAY: Duration = Duration::from_millis(250);

/// Longest wait: well below the 15 s in which a connection must be verified, and what devices wait for the answer.
const LONGEST_DELAY: Duration = Duration::from_secs(4);

/// Doublings after which nothing changes any more.
const MAX_STEPS: u32 = 8;

/// Ids that are remembered, some 120 bytes each. One more is not, and so not slowed, until another has had a quiet minute.
const MAX_REMEMBERED: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: impl std::fmt::Display) -> DeviceId {
        DeviceId::parse(&id.to_string()).unwrap()
    }

    #[test]
    fn the_fifth_take_over_is_slowed_and_each_after_it_longer() {
        let (mut disputes, now) = (Disputes::default(), Instant::now());
        let mut millis = || disputes.note(&device("dev"), now).map_or(0, |slowed| slowed.delay.as_millis());
        let delays: Vec<_> = (0..10).map(|_| millis()).collect();
        assert_eq!(delays, [0, 0, 0, 0, 250, 500, 1000, 2000, 4000, 4000]);
        for _ in 0..100 {
            assert_eq!(disputes.note(&device("dev"), now).unwrap().delay, LONGEST_DELAY);
        }
        assert_eq!(disputes.note(&device("other"), now), None, "another device has no part in it");
    }

    #[test]
    fn a_device_that_comes_back_now_and_then_is_never_slowed() {
        let (mut disputes, mut now) = (Disputes::default(), Instant::now());
        for _ in 0..50 {
            assert_eq!(disputes.note(&device("dev"), now), None);
            now += QUIET;
        }
    }

    #[test]
    fn a_dispute_is_told_once_a_minute() {
        let (mut disputes, start) = (Disputes::default(), Instant::now());
        let told = (0..180).filter(|&second| {
            let slowed = disputes.note(&device("dev"), start + Duration::from_secs(second));
            slowed.is_some_and(|slowed| slowed.tell)
        });
        assert_eq!(told.collect::<Vec<_>>(), [4, 64, 124]);
    }

    #[test]
    fn a_full_memory_forgets_the_quiet_and_slows_no_stranger() {
        let (mut disputes, now) = (Disputes::default(), Instant::now());
        for number in 0..MAX_REMEMBERED {
            disputes.note(&device(number), now);
        }
        let later = now + QUIET / 2;
        for _ in 0..10 {
            assert_eq!(disputes.note(&device("one-more"), later), None);
        }
        assert_eq!(disputes.recent.len(), MAX_REMEMBERED);
        disputes.note(&device("one-more"), now + QUIET);
        assert_eq!(disputes.recent.len(), 1);
    }
}
