//! What is remembered of calls with a key. Pure: the clock is an argument.
//!
//! A key is in flight from its first call until its outcome is known; then the outcome is remembered for the window, or forgotten at
//! once where nothing reached the device. Both are capped, in number and in bytes: where there is no room, what ended longest ago is
//! forgotten before its time, and where all are in flight a new key is refused. There is no timer: what is over is taken out while
//! others begin.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::time::Instant;

use super::Outcome;
use super::scope::{Fingerprint, Scope};
use crate::hub::Delivery;

/// The keys of all callers. `W` is what others wait on while a call is in flight.
#[derive(Debug)]
pub(super) struct Memory<W> {
    bounds: Bounds,
    entries: HashMap<Arc<Scope>, Entry<W>, RandomState>,
    /// Those with an outcome, in the order in which that was known, which is also the order in which they are over.
    ended: BTreeMap<u64, Arc<Scope>>,
    next_number: u64,
    /// Of all entries.
    cost: usize,
    crowded_out: u64,
}

/// How much is remembered, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// How long an outcome counts.
    pub(super) window: Duration,
    /// Most entries.
    pub(super) max_keys: usize,
    /// Most bytes of all entries; room for one at least.
    pub(super) max_bytes: usize,
}

#[derive(Debug)]
struct Entry<W> {
    request: Fingerprint,
    /// Bytes that it counts for.
    cost: usize,
    state: State<W>,
}

#[derive(Debug)]
enum State<W> {
    InFlight(W),
    Ended { number: u64, at: Instant, outcome: Outcome },
}

/// What is to be done about a call with a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begun<W> {
    /// Make it, and say its outcome to [`Memory::end`].
    First(Arc<Scope>),
    /// It is in flight: wait for the outcome.
    Shared(W),
    /// This came of it.
    Replay(Outcome),
    /// The key was used for another request.
    Conflict,
    /// No more keys can be in flight.
    Full,
}

impl<W: Clone> Memory<W> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, entries: HashMap::default(), ended: BTreeMap::new(), next_number: 0, cost: 0, crowded_out: 0 }
    }

    /// A call with a key comes. If it is the first, others shall wait on `wait`.
    pub(super) fn begin(&mut self, scope: Scope, request: Fingerprint, wait: W, now: Instant) -> Begun<W> {
        self.sweep(now);
        if let Some(number) = self.entries.get(&scope).and_then(|entry| self.number_if_over(entry, now)) {
            self.forget(number);
        }
        match self.entries.get(&scope) {
            None => self.first(scope, request, wait, now),
            Some(entry) if entry.request != request => Begun::Conflict,
            Some(Entry { state: State::InFlight(wait), .. }) => Begun::Shared(wait.clone()),
            Some(Entry { state: State::Ended { outcome, .. }, .. }) => Begun::Replay(outcome.clone()),
        }
    }

    fn first(&mut self, scope: Scope, request: Fingerprint, wait: W, now: Instant) -> Begun<W> {
        let cost = cost_in_flight(&scope);
        if !self.make_room(1, cost, now) {
            return Begun::Full;
        }
        let scope = Arc::new(scope);
        self.cost += cost;
        self.entries.insert(Arc::clone(&scope), Entry { request, cost, state: State::InFlight(wait) });
        Begun::First(scope)
    }

    /// The call of this key has ended. Where nothing came of it that is not remembered: doing it again is safe and may succeed.
    pub(super) fn end(&mut self, scope: &Arc<Scope>, outcome: &Outcome, now: Instant) {
        let Some(entry) = self.entries.get_mut(scope) else { return };
        if is_nothing(outcome) {
            self.cost -= entry.cost;
            self.entries.remove(scope);
            return;
        }
        let cost = cost_of(scope, outcome);
        self.cost = self.cost - entry.cost + cost;
        let number = self.next_number;
        self.next_number += 1;
        entry.cost = cost;
        entry.state = State::Ended { number, at: now, outcome: outcome.clone() };
        self.ended.insert(number, Arc::clone(scope));
        // The hub's own answers on a device's behalf are longer than a device's, for which there was room.
        self.make_room(0, 0, now);
    }

    /// Keys that are remembered or in flight.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keys that were forgotten before their window had passed, since the start.
    pub(super) const fn crowded_out(&self) -> u64 {
        self.crowded_out
    }

    /// Forgets a few that are over, so that as many go as come, and nobody waits for long.
    fn sweep(&mut self, now: Instant) {
        for _ in 0..SWEPT_AT_ONCE {
            let oldest = self.ended.first_key_value().and_then(|(_, scope)| self.entries.get(scope));
            let Some(number) = oldest.and_then(|entry| self.number_if_over(entry, now)) else { return };
            self.forget(number);
        }
    }

    fn number_if_over(&self, entry: &Entry<W>, now: Instant) -> Option<u64> {
        match &entry.state {
            State::Ended { number, at, .. } if now.saturating_duration_since(*at) >= self.bounds.window => {
                Some(*number)
            }
            State::Ended { .. } | State::InFlight(_) => None,
        }
    }

    /// Makes room for as many more that cost so much, if need be by forgetting what ended longest ago.
    fn make_room(&mut self, more: usize, cost: usize, now: Instant) -> bool {
        while self.entries.len() + more > self.bounds.max_keys || self.cost + cost > self.bounds.max_bytes {
            let Some((&number, scope)) = self.ended.first_key_value() else { return false };
            let is_over = self.entries.get(scope).is_some_and(|entry| self.number_if_over(entry, now).is_some());
            self.crowded_out += u64::from(!is_over);
            self.forget(number);
        }
        true
    }

    fn forget(&mut self, number: u64) {
        let entry = self.ended.remove(&number).and_then(|scope| self.entries.remove(&scope));
        self.cost -= entry.map_or(0, |entry| entry.cost);
    }
}

/// Whether nothing left the hub, or the hub itself could do nothing.
fn is_nothing(outcome: &Outcome) -> bool {
    match outcome {
        Ok(answered) => answered.is_unavailable(),
        Err(error) => error.delivery() == Delivery::NotSent,
    }
}

/// While a call is in flight it counts for the longest answer, so that there is room for whatever comes.
fn cost_in_flight(scope: &Scope) -> usize {
    ENTRY_BYTES + scope.len() + MAX_ANSWER_BYTES
}

fn cost_of(scope: &Scope, outcome: &Outcome) -> usize {
    ENTRY_BYTES + scope.len() + outcome.as_ref().map_or(0, |answered| answered.data.len())
}

/// The longest body of a device (docs/protocol.md §4).
const MAX_ANSWER_BYTES: usize = 4096;

/// An entry without its texts and its answer, with its share of both tables: a hub with 60,000 keys had 440 bytes more for each.
const ENTRY_BYTES: usize = 448;

/// More than one, so that a memory that is full of what is over empties while it is used.
const SWEPT_AT_ONCE: usize = 8;

#[cfg(test)]
mod tests;
