//! A map with a cap: what was not used lately is forgotten once it is full. For what peers make us remember of themselves.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// Two generations of entries. What is used moves to the young one; when that is full it becomes the old one, and what was the
/// old one is forgotten. So at most `2 × max_young` entries are kept, the `max_young` used last are among them, and nothing costs
/// more than a look-up or two.
#[derive(Debug)]
pub struct Recent<K, V> {
    young: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
    max_young: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// A map that remembers the `max_young` entries that were used last, and perhaps as many before them.
    pub fn new(max_young: usize) -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), max_young: max_young.max(1) }
    }

    /// The entry of `key`, which counts as used.
    pub fn get(&mut self, key: &K) -> Option<&mut V> {
        if !self.young.contains_key(key) {
            let (key, value) = self.old.remove_entry(key)?;
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    /// Makes `value` the entry of `key`.
    pub fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.max_young && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }

    /// Forgets the entry of `key`.
    pub fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    /// Entries that are kept.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_map_forgets_what_was_not_used_lately() {
        let mut recent = Recent::new(100);
        recent.insert(0, "kept");
        for key in 1..10_000 {
            recent.insert(key, "passing");
            assert!(recent.get(&0).is_some(), "what is used stays");
            assert!(recent.len() <= 200, "{} entries", recent.len());
        }
        assert!((9_901..10_000).all(|key| recent.get(&key).is_some()), "the last ones are there");
        assert!(recent.get(&1).is_none());
    }

    #[test]
    fn a_removed_entry_does_not_come_back() {
        let mut recent = Recent::new(1);
        recent.insert(1, ());
        recent.insert(2, ());
        recent.remove(&1);
        recent.remove(&2);
        assert!(recent.get(&1).is_none() && recent.get(&2).is_none() && recent.is_empty());
    }
}
