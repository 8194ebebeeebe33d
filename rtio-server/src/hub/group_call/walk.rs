//! Which devices a group stands for, one after the other: those that are named, then those that are online when the walk comes by.

use std::collections::HashSet;
use std::fmt;

use foldhash::fast::RandomState;

use super::super::registry::{Registry, SHARDS};
use super::super::{DeviceId, IdPattern};

/// Devices by name and by pattern. How many of either, whoever reads them from outside must bound.
#[derive(Debug, Default, Clone)]
pub struct Group {
    /// Each once, in the order in which they were named.
    named: Vec<DeviceId>,
    known: HashSet<DeviceId, RandomState>,
    patterns: Vec<IdPattern>,
}

impl Group {
    /// A group of nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one device, online or not. Naming it again changes nothing.
    pub fn add(&mut self, device: DeviceId) {
        if self.known.insert(device.clone()) {
            self.named.push(device);
        }
    }

    /// Adds whoever is online and matches; whom it stands for is called once, whatever else stands for it.
    pub fn add_all(&mut self, pattern: IdPattern) {
        if !self.patterns.contains(&pattern) {
            self.patterns.push(pattern);
        }
    }

    /// How many devices are named.
    pub fn named(&self) -> usize {
        self.named.len()
    }

    /// How many patterns there are.
    pub fn patterns(&self) -> usize {
        self.patterns.len()
    }
}

/// What a look for the next device comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This one.
    Found(DeviceId),
    /// None so far: other tasks shall have their turn.
    Later,
    /// There is no further one, ever.
    End,
}

/// A walk through a group. It remembers the names and the ids of one shard of the registry, a 256th of all.
pub(super) struct Walk {
    /// Those that are left.
    named: std::vec::IntoIter<DeviceId>,
    /// Whom a pattern does not find again.
    known: HashSet<DeviceId, RandomState>,
    patterns: Vec<IdPattern>,
    /// The next to look at.
    shard: usize,
    /// Of the last shard, those that are left.
    ids: Vec<DeviceId>,
}

impl Walk {
    pub(super) fn new(group: Group) -> Self {
        let Group { named, known, patterns } = group;
        let known = if patterns.is_empty() { HashSet::default() } else { known };
        Self { named: named.into_iter(), known, patterns, shard: 0, ids: Vec::new() }
    }

    /// The next device. Patterns stand for those that `may` be found. No lock is held while patterns are tried.
    pub(super) fn next(&mut self, registry: &Registry, may: impl Fn(&DeviceId) -> bool) -> Step {
        if let Some(device) = self.named.next() {
            return Step::Found(device);
        }
        if self.patterns.is_empty() {
            return Step::End;
        }
        (0..LOOKS).find_map(|_| self.look(registry, &may)).unwrap_or(Step::Later)
    }

    /// Looks at one id, or goes on to the next shard.
    fn look(&mut self, registry: &Registry, may: impl Fn(&DeviceId) -> bool) -> Option<Step> {
        if let Some(device) = self.ids.pop() {
            // Who has gone since its shard was read was not there when the walk came by.
            let is_due = self.stands_for(&device) && may(&device) && registry.get(&device).is_some();
            return is_due.then_some(Step::Found(device));
        }
        if self.shard == SHARDS {
            return Some(Step::End);
        }
        self.ids = registry.ids_in_shard(self.shard, |_| true);
        self.shard += 1;
        None
    }

    fn stands_for(&self, device: &DeviceId) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(device)) && !self.known.contains(device)
    }
}

/// Without the ids, of which there may be many.
impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Walk");
        debug.field("named_left", &self.named.len()).field("patterns", &self.patterns);
        debug.field("shard", &self.shard).finish_non_exhaustive()
    }
}

/// Ids that are looked at in one go: with 64 patterns and a token of 64 grants, each of which takes its time, about a millisecond.
const LOOKS: usize = 128;
