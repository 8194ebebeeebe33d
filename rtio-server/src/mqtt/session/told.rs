//! What a client was told on this connection, so that it is not told twice: once as it subscribes, and once more by who looks after all
//! devices. It is told anew with each subscription, and on each connection.

use std::collections::VecDeque;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// The desired states that were told last. Before the first one it owns no heap.
#[derive(Debug, Default)]
pub(super) struct Told(VecDeque<(u64, u64)>);

impl Told {
    /// Whether this was told. Each payload has a name of its own in it, so no two are the same.
    pub(super) fn has(&self, topic: &str, payload: &[u8]) -> bool {
        self.0.contains(&(hash(topic.as_bytes()), hash(payload)))
    }

    /// It is told now. What was told long ago is forgotten, and may be told again.
    pub(super) fn note(&mut self, topic: &str, payload: &[u8]) {
        if self.0.len() == MAX_TOLD {
            self.0.pop_front();
        }
        self.0.push_back((hash(topic.as_bytes()), hash(payload)));
    }

    /// The client has subscribed to this topic, and shall be told all that is open (contract §7.3).
    pub(super) fn forget(&mut self, topic: &str) {
        let topic = hash(topic.as_bytes());
        self.0.retain(|(of, _)| *of != topic);
    }
}

fn hash(bytes: &[u8]) -> u64 {
    FixedState::default().hash_one(bytes)
}

/// Desired states that are remembered, 16 bytes each: more than most devices have open.
const MAX_TOLD: usize = 64;
