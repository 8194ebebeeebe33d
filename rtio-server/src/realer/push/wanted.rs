//! Which devices may have something to be told (pure): each is there once, and whoever works for one has it to himself. Time is an
//! argument.

use std::collections::{BTreeSet, HashMap, VecDeque};

use foldhash::fast::RandomState;
use tokio::time::Instant;

use crate::hub::DeviceId;

/// Devices to look at, in the order in which they were noted.
///
/// ```text
///            note            take            done
///  (absent) ──────► Waiting ──────► Busy ──────────────► (absent), or Waiting if it was noted meanwhile
///                      ▲              │ rest
///                      └── its time ── Resting: noting it changes nothing, it is looked at in any case
/// ```
#[derive(Debug)]
pub(super) struct Wanted {
    devices: HashMap<DeviceId, Stage, RandomState>,
    queue: VecDeque<DeviceId>,
    resting: BTreeSet<(Instant, DeviceId)>,
    max: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Busy { again: bool },
    Resting { until: Instant },
}

/// As many devices as may be are there already: this one is not noted. It reads its desired states when it next polls, and is
/// looked at when it next connects or is told something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

impl Wanted {
    pub(super) fn new(max: usize) -> Self {
        Self { devices: HashMap::default(), queue: VecDeque::new(), resting: BTreeSet::new(), max }
    }

    /// There may be something for this device.
    pub(super) fn note(&mut self, device: &DeviceId) -> Result<(), Full> {
        let is_full = self.devices.len() >= self.max;
        match self.devices.get_mut(device) {
            Some(Stage::Busy { again }) => *again = true,
            Some(Stage::Waiting | Stage::Resting { .. }) => {}
            None if is_full => return Err(Full),
            None => self.queue(device),
        }
        Ok(())
    }

    /// It has a session of its own now: if it rests, that is over.
    pub(super) fn wake(&mut self, device: &DeviceId) -> Result<(), Full> {
        if let Some(&Stage::Resting { until }) = self.devices.get(device) {
            self.resting.remove(&(until, device.clone()));
            self.devices.remove(device);
        }
        self.note(device)
    }

    /// What is agreed with it is another, and it may have to go: it is looked at soon, whether or not there is room. Only operators
    /// cause that, and each device is there once.
    pub(super) fn insist(&mut self, device: &DeviceId) {
        if self.wake(device).is_err() {
            self.queue(device);
        }
    }

    fn queue(&mut self, device: &DeviceId) {
        self.devices.insert(device.clone(), Stage::Waiting);
        self.queue.push_back(device.clone());
    }

    /// The next device to work for; say [`done`](Self::done) or [`rest`](Self::rest) after it.
    pub(super) fn take(&mut self, now: Instant) -> Option<DeviceId> {
        while let Some((until, device)) = self.resting.pop_first() {
            if until > now {
                self.resting.insert((until, device));
                break;
            }
            self.devices.insert(device.clone(), Stage::Waiting);
            self.queue.push_back(device);
        }
        let device = self.queue.pop_front()?;
        self.devices.insert(device.clone(), Stage::Busy { again: false });
        Some(device)
    }

    /// The work for it has ended.
    pub(super) fn done(&mut self, device: &DeviceId) {
        if self.devices.remove(device) == Some(Stage::Busy { again: true }) {
            self.devices.insert(device.clone(), Stage::Waiting);
            self.queue.push_back(device.clone());
        }
    }

    /// The work for it goes on later.
    pub(super) fn rest(&mut self, device: &DeviceId, until: Instant) {
        self.devices.insert(device.clone(), Stage::Resting { until });
        self.resting.insert((until, device.clone()));
    }

    /// When somebody has rested long enough.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.resting.first().map(|&(until, _)| until)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn device(id: &str) -> DeviceId {
        DeviceId::parse(id).unwrap()
    }

    /// All that can be taken, and is not given back.
    fn taken(wanted: &mut Wanted, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| wanted.take(now)).map(|device| device.to_string()).collect()
    }

    #[test]
    fn a_device_is_taken_once_however_often_it_is_noted() {
        let (mut wanted, now) = (Wanted::new(9), Instant::now());
        for id in ["a", "b", "a", "a"] {
            assert_eq!(wanted.note(&device(id)), Ok(()));
        }
        assert_eq!(taken(&mut wanted, now), ["a", "b"]);
        assert_eq!(wanted.note(&device("a")), Ok(()));
        assert_eq!(taken(&mut wanted, now), [""; 0], "somebody works for it");
        wanted.done(&device("a"));
        wanted.done(&device("b"));
        assert_eq!(taken(&mut wanted, now), ["a"], "it was noted meanwhile, the other was not");
        wanted.done(&device("a"));
        assert!(wanted.devices.is_empty() && wanted.queue.is_empty());
    }

    #[test]
    fn one_too_many_is_not_noted_and_those_who_are_there_stay() {
        let (mut wanted, now) = (Wanted::new(2), Instant::now());
        wanted.note(&device("a")).unwrap();
        wanted.note(&device("b")).unwrap();
        assert_eq!(wanted.note(&device("c")), Err(Full));
        assert_eq!(wanted.note(&device("a")), Ok(()));
        assert_eq!(taken(&mut wanted, now), ["a", "b"]);
        assert_eq!(wanted.note(&device("c")), Err(Full), "who is worked for counts");
        wanted.rest(&device("a"), now);
        assert_eq!(wanted.note(&device("c")), Err(Full), "who rests counts");
        wanted.done(&device("b"));
        assert_eq!(wanted.note(&device("c")), Ok(()));
    }

    #[test]
    fn who_must_be_looked_at_needs_no_room_and_rests_no_longer() {
        let (mut wanted, now) = (Wanted::new(1), Instant::now());
        wanted.note(&device("a")).unwrap();
        wanted.take(now).unwrap();
        wanted.rest(&device("a"), now + Duration::from_secs(60));
        for id in ["b", "a", "b"] {
            wanted.insist(&device(id));
        }
        assert_eq!(taken(&mut wanted, now), ["b", "a"]);
        wanted.insist(&device("a"));
        wanted.done(&device("a"));
        assert_eq!(taken(&mut wanted, now), ["a"], "somebody worked for it");
        assert_eq!((wanted.devices.len(), wanted.next_at()), (2, None));
    }

    #[test]
    fn who_rests_is_looked_at_when_its_time_has_come_or_it_has_a_new_session() {
        let (mut wanted, now) = (Wanted::new(9), Instant::now());
        let later = |seconds| now + Duration::from_secs(seconds);
        for (id, seconds) in [("a", 2), ("b", 1), ("c", 3)] {
            wanted.note(&device(id)).unwrap();
            wanted.take(now).unwrap();
            wanted.rest(&device(id), later(seconds));
        }
        wanted.note(&device("a")).unwrap();
        assert_eq!(wanted.next_at(), Some(later(1)));
        assert_eq!(taken(&mut wanted, now), [""; 0]);
        wanted.wake(&device("c")).unwrap();
        assert_eq!(taken(&mut wanted, now), ["c"]);
        assert_eq!(taken(&mut wanted, later(2)), ["b", "a"]);
        assert_eq!(wanted.next_at(), None);
    }
}
