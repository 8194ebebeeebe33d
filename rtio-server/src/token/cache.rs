//! Tokens that were verified, so that a token that comes again costs a digest and a look-up instead of a signature.
//!
//! Only good tokens are kept: strangers cannot fill it. It is split in shards, so that callers seldom meet at a lock; each has a
//! young and an old half. What is found in the old half moves to the young one; when that is full it becomes the old one, and the
//! old one is forgotten. So what is in use stays, and the bound holds without a list of who was used when.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::check::{Digest, Verified};

/// Verified tokens by their digest.
#[derive(Debug)]
pub struct Cache {
    shards: Box<[Mutex<Shard>]>,
    /// Most entries of half a shard; 0 keeps nothing.
    max_half: usize,
}

#[derive(Debug, Default)]
struct Shard {
    young: Half,
    old: Half,
}

type Half = HashMap<Digest, Arc<Verified>, foldhash::fast::RandomState>;

impl Cache {
    /// A cache for about `max` tokens, and never more. 0 keeps none.
    pub fn new(max: usize) -> Self {
        let shards = SHARDS.min(max / 2).max(1);
        Self { shards: (0..shards).map(|_| Mutex::default()).collect(), max_half: max / 2 / shards }
    }

    /// The token with this digest, if it is known and valid `now` (time since 1970).
    pub fn get(&self, digest: &Digest, now: Duration) -> Option<Arc<Verified>> {
        let mut shard = self.shard(digest).lock();
        let (found, is_young) = match shard.young.get(digest) {
            Some(found) => (Arc::clone(found), true),
            None => (Arc::clone(shard.old.get(digest)?), false),
        };
        let is_valid = now < found.until;
        if !is_valid || !is_young {
            shard.old.remove(digest);
        }
        match (is_valid, is_young) {
            (true, true) => Some(found),
            (true, false) => {
                shard.keep(Arc::clone(&found), self.max_half);
                Some(found)
            }
            (false, _) => {
                shard.young.remove(digest);
                None
            }
        }
    }

    /// Remembers a token that was verified.
    pub fn insert(&self, verified: Arc<Verified>) {
        if self.max_half > 0 {
            self.shard(&verified.digest).lock().keep(verified, self.max_half);
        }
    }

    /// How many tokens are remembered.
    pub fn len(&self) -> usize {
        let sizes = self.shards.iter().map(|shard| {
            let shard = shard.lock();
            shard.young.len() + shard.old.len()
        });
        sizes.sum()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A digest is random, so that any of its bytes picks a shard well.
    fn shard(&self, digest: &Digest) -> &Mutex<Shard> {
        &self.shards[usize::from(digest[0]) % self.shards.len()]
    }
}

impl Shard {
    fn keep(&mut self, verified: Arc<Verified>, max_half: usize) {
        if self.young.len() >= max_half && !self.young.contains_key(&verified.digest) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(verified.digest, verified);
    }
}

/// Several times as many as a machine has cores, so that two callers seldom want the same one.
const SHARDS: usize = 64;

#[cfg(test)]
mod tests {
    use super::super::check::tests::verified;
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    fn entry(number: u16, until: Duration) -> Arc<Verified> {
        let mut digest = [0; 32];
        digest[..2].copy_from_slice(&number.to_le_bytes());
        Arc::new(Verified { digest, until, ..verified("d") })
    }

    #[test]
    fn a_token_is_known_until_it_expires() {
        let cache = Cache::new(1000);
        let token = entry(1, NOW);
        cache.insert(Arc::clone(&token));
        let before = NOW.checked_sub(Duration::from_millis(1)).unwrap();
        assert!(cache.get(&token.digest, before).is_some_and(|found| Arc::ptr_eq(&found, &token)));
        assert_eq!((cache.get(&token.digest, NOW), cache.len()), (None, 0));
        assert_eq!(cache.get(&entry(2, NOW).digest, before), None);
    }

    #[test]
    fn the_cap_holds_and_what_is_in_use_stays() {
        for max in [2, 10, 128, 1000] {
            check_cap(max);
        }
    }

    fn check_cap(max: usize) {
        let cache = Cache::new(max);
        let used = entry(0, NOW);
        cache.insert(Arc::clone(&used));
        for number in 1..5000 {
            cache.insert(entry(number, NOW));
            assert!(cache.len() <= max, "{} of {max}", cache.len());
            let stays = max <= 128 || cache.get(&used.digest, Duration::ZERO).is_some();
            assert!(stays, "{number} of {max}");
        }
    }

    #[test]
    fn a_cache_of_nothing_keeps_nothing() {
        let cache = Cache::new(0);
        cache.insert(entry(1, NOW));
        assert!(cache.is_empty());
        assert_eq!(cache.get(&entry(1, NOW).digest, Duration::ZERO), None);
    }
}
