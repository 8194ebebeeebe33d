//! Which devices are online: a map from id to link, in shards so that a million sessions do not queue for one lock.

use std::collections::hash_map::{Entry, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::RwLock;

use super::{DeviceId, DeviceLink};

/// The map. It hands out clones: no method calls into a link while it holds a lock.
pub(super) struct Registry {
    hasher: RandomState,
    shards: Box<[RwLock<Shard>]>,
}

type Shard = HashMap<DeviceId, Arc<dyn DeviceLink>, RandomState>;

impl Registry {
    pub(super) fn new() -> Self {
        let hasher = RandomState::default();
        let shard = || RwLock::new(HashMap::with_hasher(hasher.clone()));
        Self { shards: std::iter::repeat_with(shard).take(SHARDS).collect(), hasher }
    }

    pub(super) fn get(&self, device: &DeviceId) -> Option<Arc<dyn DeviceLink>> {
        self.shard(device).read().get(device).cloned()
    }

    /// Makes `link` the device's; returns the one it replaces.
    pub(super) fn insert(&self, device: DeviceId, link: Arc<dyn DeviceLink>) -> Option<Arc<dyn DeviceLink>> {
        self.shard(&device).write().insert(device, link)
    }

    /// Removes the device if `link` is still its link. Says whether it was.
    pub(super) fn remove(&self, device: &DeviceId, link: &Arc<dyn DeviceLink>) -> bool {
        match self.shard(device).write().entry(device.clone()) {
            Entry::Occupied(entry) if Arc::ptr_eq(entry.get(), link) => {
                entry.remove();
                true
            }
            Entry::Occupied(_) | Entry::Vacant(_) => false,
        }
    }

    /// The links of one shard.
    pub(super) fn links_in_shard(&self, shard: usize) -> Vec<Arc<dyn DeviceLink>> {
        self.shards[shard].read().values().cloned().collect()
    }

    /// The ids in one shard that are `wanted`, in no order.
    pub(super) fn ids_in_shard(&self, shard: usize, wanted: impl Fn(&DeviceId) -> bool) -> Vec<DeviceId> {
        self.shards[shard].read().keys().filter(|id| wanted(id)).cloned().collect()
    }

    /// Which shard the device is in, online or not.
    pub(super) fn shard_of(&self, device: &DeviceId) -> usize {
        // The map inside uses the top and low bits of the same hash; the middle ones pick the shard.
        let hash = self.hasher.hash_one(device) >> 24;
        usize::try_from(hash % SHARDS as u64).expect("less than SHARDS")
    }

    /// A number that tells this distribution over the shards from others.
    pub(super) fn order(&self) -> u64 {
        self.hasher.hash_one("order")
    }

    /// Devices online.
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    fn shard(&self, device: &DeviceId) -> &RwLock<Shard> {
        &self.shards[self.shard_of(device)]
    }
}

/// Enough that a shard of a million devices is swept, and grows, in well under a millisecond.
pub(super) const SHARDS: usize = 256;
