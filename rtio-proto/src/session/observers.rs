//! Observations of one device as the hub sees them: observer ids, the frames each may still take, the cap.

use alloc::collections::BTreeMap;

use super::retired::{MAX_RETIRED, Retired};
use crate::header::MessageId;
use crate::rest::ObserverId;
use crate::time::Instant;

/// Table of observations. The session makes it with its first observation.
#[derive(Debug)]
pub(super) struct Observers<O> {
    live: BTreeMap<ObserverId, Observation<O>>,
    /// Left by their callers while the device does not know: never reused before it does, however long that takes.
    left: Retired,
    next_id: ObserverId,
}

/// One observation.
#[derive(Debug)]
pub(super) struct Observation<O> {
    /// Tells this use of the observer id from later ones.
    pub(super) serial: u32,
    pub(super) token: O,
    /// The establishment that is not answered yet.
    pub(super) establishing: Option<MessageId>,
    /// Whether the driver knows that it has begun.
    pub(super) started: bool,
    /// Frames that the caller's side can still take.
    pub(super) room: u16,
    /// The notification whose answer waits for room. The device sends nothing more until it has it.
    pub(super) owed: Option<Owed>,
}

/// A notification that waits for room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owed {
    pub(super) message_id: MessageId,
    /// From then on it has waited too long.
    pub(super) deadline: Instant,
}

impl<O> Observers<O> {
    pub(super) fn new(now: Instant, next_id: ObserverId) -> Self {
        Self { live: BTreeMap::new(), left: Retired::new(now), next_id }
    }

    /// The id that is tried first for the next observation.
    pub(super) fn next_id(&self) -> ObserverId {
        self.next_id
    }

    /// Whether one more observation is allowed where `max` are.
    pub(super) fn has_room(&self, max: usize) -> bool {
        self.live.len() < max && self.left.len() < MAX_RETIRED
    }

    /// An observer id that the device cannot hold for live.
    pub(super) fn allocate(&mut self) -> ObserverId {
        let mut id = self.next_id;
        while self.live.contains_key(&id) || self.left.contains(id.to_wire()) {
            id = id.next();
        }
        self.next_id = id.next();
        id
    }

    pub(super) fn insert(&mut self, id: ObserverId, observation: Observation<O>) {
        self.live.insert(id, observation);
    }

    pub(super) fn get_mut(&mut self, id: ObserverId) -> Option<&mut Observation<O>> {
        self.live.get_mut(&id)
    }

    pub(super) fn remove(&mut self, id: ObserverId) -> Option<Observation<O>> {
        self.live.remove(&id)
    }

    /// The device may hold `id` for live until it is told otherwise.
    pub(super) fn leave(&mut self, id: ObserverId) {
        self.left.retire(id.to_wire());
    }

    /// The device knows now that `id` is gone.
    pub(super) fn forget(&mut self, id: ObserverId) {
        self.left.release(id.to_wire());
    }

    /// An observation whose caller has not made room in time.
    pub(super) fn stalled(&self, now: Instant) -> Option<ObserverId> {
        let stalled = |live: &Observation<O>| live.owed.is_some_and(|owed| owed.deadline <= now);
        self.live.iter().find(|(_, live)| stalled(live)).map(|(id, _)| *id)
    }

    /// When the next of them will have.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.live.values().filter_map(|live| live.owed).map(|owed| owed.deadline).min()
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    pub(super) fn pop_any(&mut self) -> Option<Observation<O>> {
        self.live.pop_first().map(|(_, observation)| observation)
    }

    /// Whether nothing needs to be remembered.
    pub(super) fn is_forgettable(&self) -> bool {
        self.live.is_empty() && self.left.len() == 0
    }
}
