//! Ids that our side no longer waits for but the peer may still use: they stay out of use until it does, so that a late
//! message is never taken for one that belongs to a newer request.

use alloc::collections::BTreeSet;

use crate::time::{Duration, Instant};

/// Two generations of ids. An id stays between one and two quarantines, or until it is released.
#[derive(Debug)]
pub(super) struct Retired {
    young: BTreeSet<u16>,
    old: BTreeSet<u16>,
    rotated_at: Instant,
}

impl Retired {
    pub(super) fn new(now: Instant) -> Self {
        Self { young: BTreeSet::new(), old: BTreeSet::new(), rotated_at: now }
    }

    pub(super) fn retire(&mut self, id: u16) {
        self.young.insert(id);
    }

    /// The peer has used `id`: it is free again. `false` if it was not retired.
    pub(super) fn release(&mut self, id: u16) -> bool {
        self.young.remove(&id) || self.old.remove(&id)
    }

    pub(super) fn contains(&self, id: u16) -> bool {
        self.young.contains(&id) || self.old.contains(&id)
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Frees the older generation once the younger has waited for a whole quarantine.
    pub(super) fn rotate(&mut self, now: Instant) {
        if now.since(self.rotated_at) >= QUARANTINE {
            self.old = core::mem::take(&mut self.young);
            self.rotated_at = now;
        }
    }
}

/// Most retired ids of one session: a quarter of all ids, about 100 KB when full. When full, new requests are refused.
pub(super) const MAX_RETIRED: usize = 16_384;

/// How long an unanswered id stays out of use at least: five times the longest time limit that a caller may ask for (120 s).
pub(super) const QUARANTINE: Duration = Duration::from_secs(600);
