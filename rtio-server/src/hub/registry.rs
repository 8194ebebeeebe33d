//! Which devices are online: a map from id to link, in shards so that a million sessions do not queue for one lock.

use std::collections::hash_map::{Entry, HashMap};
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::RwLock;

use super::{DeviceId, DeviceLink, Epoch};

/// The map. It hands out clones: no method calls into a link while it holds a lock.
pub(super) struct Registry {
    hasher: RandomState,
    shards: Box<[RwLock<Shard>]>,
}

type Shard = HashMap<DeviceId, Session, RandomState>;

/// Who is the device now.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) link: Arc<dyn DeviceLink>,
    pub(super) epoch: Epoch,
}

impl Registry {
    pub(super) fn new() -> Self {
        let hasher = RandomState::default();
        let shard = || RwLock::new(HashMap::with_hasher(hasher.clone()));
        Self { shards: std::iter::repeat_with(shard).take(SHARDS).collect(), hasher }
    }

    pub(super) fn get(&self, device: &DeviceId) -> Option<Arc<dyn DeviceLink>> {
        self.shard(device).read().get(device).map(|session| Arc::clone(&session.link))
    }

    pub(super) fn session(&self, device: &DeviceId) -> Option<Session> {
        self.shard(device).read().get(device).cloned()
    }

    /// Makes `link` the device's, as the session that `begin` numbers; returns that number and the link it replaces. `begin` gets the
    /// session before, under the lock: it must be short.
    pub(super) fn insert(
        &self,
        device: DeviceId,
        link: &Arc<dyn DeviceLink>,
        begin: impl FnOnce(Option<&Session>) -> Epoch,
    ) -> (Epoch, Option<Arc<dyn DeviceLink>>) {
        let mut shard = self.shard(&device).write();
        match shard.entry(device) {
            Entry::Occupied(mut entry) => {
                let epoch = begin(Some(entry.get()));
                let old = entry.insert(Session { link: Arc::clone(link), epoch });
                (epoch, Some(old.link))
            }
            Entry::Vacant(entry) => {
                let epoch = begin(None);
                entry.insert(Session { link: Arc::clone(link), epoch });
                (epoch, None)
            }
        }
    }

    /// Removes the device if `epoch` is still its session, and calls `tell` then, under the lock: it must be short.
    pub(super) fn remove(&self, device: &DeviceId, epoch: Epoch, tell: impl FnOnce()) {
        let mut shard = self.shard(device).write();
        // The value is dropped after the lock: it may be the last handle of a link.
        let _removed = match shard.entry(device.clone()) {
            Entry::Occupied(entry) if entry.get().epoch == epoch => {
                tell();
                Some(entry.remove())
            }
            Entry::Occupied(_) | Entry::Vacant(_) => None,
        };
        drop(shard);
    }

    /// The links of one shard.
    pub(super) fn links_in_shard(&self, shard: usize) -> Vec<Arc<dyn DeviceLink>> {
        self.shards[shard].read().values().map(|session| Arc::clone(&session.link)).collect()
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
