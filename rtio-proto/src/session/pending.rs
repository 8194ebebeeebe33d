//! Requests of the hub that wait for the device's answer: message ids, matching, deadlines, cap.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::ops::Bound;

use super::outbox::Span;
use super::retired::{MAX_RETIRED, Retired};
use crate::header::MessageId;
use crate::rest::ObserverId;
use crate::time::Instant;

/// Table of requests in flight. Holds no memory while there are none.
#[derive(Debug)]
pub(super) struct Pending<C> {
    waiting: BTreeMap<MessageId, Entry<C>>,
    retired: Option<Box<Retired>>,
    next_id: MessageId,
    next_serial: u32,
}

/// One request in flight.
#[derive(Debug)]
pub(super) struct Entry<C> {
    /// Tells this use of the message id from later ones.
    pub(super) serial: u32,
    pub(super) deadline: Instant,
    pub(super) span: Span,
    pub(super) what: Awaited<C>,
}

/// What an answer is for.
#[derive(Debug)]
pub(super) enum Awaited<C> {
    /// A CoPOST, with the driver's token.
    Call(C),
    /// The establishment of an observation.
    Establish(ObserverId),
}

/// No message id is free.
#[derive(Debug)]
pub(super) struct NoFreeId;

impl<C> Pending<C> {
    pub(super) fn new() -> Self {
        Self { waiting: BTreeMap::new(), retired: None, next_id: MessageId::FIRST, next_serial: 0 }
    }

    /// A message id that neither a live request has nor a late answer may still carry, and the serial number of its use.
    pub(super) fn allocate(&mut self, now: Instant) -> Result<(MessageId, u32), NoFreeId> {
        if let Some(retired) = &mut self.retired {
            retired.rotate(now);
            match retired.len() {
                0 => self.retired = None,
                MAX_RETIRED.. => return Err(NoFreeId),
                _ => {}
            }
        }
        if self.waiting.len() + MAX_RETIRED > crate::limits::MAX_MESSAGE_IDS {
            return Err(NoFreeId);
        }
        let in_use = |id: &MessageId| {
            self.waiting.contains_key(id) || self.retired.as_ref().is_some_and(|retired| retired.contains(id.to_wire()))
        };
        let mut id = self.next_id;
        while in_use(&id) {
            id = id.next();
        }
        self.next_id = id.next();
        self.next_serial = self.next_serial.wrapping_add(1);
        Ok((id, self.next_serial))
    }

    pub(super) fn insert(&mut self, id: MessageId, entry: Entry<C>) {
        self.waiting.insert(id, entry);
    }

    /// Ends the wait for `id`.
    pub(super) fn remove(&mut self, id: MessageId) -> Option<Entry<C>> {
        let entry = self.waiting.remove(&id)?;
        if self.waiting.is_empty() {
            // An emptied tree keeps its last node; an idle session shall keep nothing.
            self.waiting = BTreeMap::new();
        }
        Some(entry)
    }

    /// Like [`remove`](Self::remove), but only the use of `id` that has this serial number.
    pub(super) fn remove_use(&mut self, id: MessageId, serial: u32) -> Option<Entry<C>> {
        let same = self.waiting.get(&id).is_some_and(|entry| entry.serial == serial);
        if same { self.remove(id) } else { None }
    }

    /// Keeps `id` out of use, because an answer may still come.
    pub(super) fn retire(&mut self, now: Instant, id: MessageId) {
        self.retired.get_or_insert_with(|| Box::new(Retired::new(now))).retire(id.to_wire());
    }

    /// A late answer came for `id`, if it was retired: it is free again.
    pub(super) fn release(&mut self, id: MessageId) {
        if let Some(retired) = &mut self.retired {
            retired.release(id.to_wire());
            if retired.len() == 0 {
                self.retired = None;
            }
        }
    }

    /// The first request after `after` whose deadline has come.
    pub(super) fn next_expired(&self, now: Instant, after: Option<MessageId>) -> Option<MessageId> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.waiting.range((from, Bound::Unbounded)).find(|(_, entry)| entry.deadline <= now).map(|(id, _)| *id)
    }

    /// Any request, but most often the one that was sent last, which is the cheapest to take back.
    pub(super) fn pop_last(&mut self) -> Option<Entry<C>> {
        let id = *self.waiting.keys().next_back()?;
        self.remove(id)
    }

    /// A frame was withdrawn: those behind it moved.
    pub(super) fn shift_after(&mut self, withdrawn: Span) {
        for entry in self.waiting.values_mut().filter(|entry| entry.span.start > withdrawn.start) {
            entry.span.start -= withdrawn.len as u64;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Earliest deadline; costs a walk over all requests in flight.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.waiting.values().map(|entry| entry.deadline).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::retired::QUARANTINE;

    fn entry(serial: u32) -> Entry<()> {
        Entry { serial, deadline: Instant::START, span: Span { start: 0, len: 0 }, what: Awaited::Call(()) }
    }

    #[test]
    fn a_live_id_is_not_reused_after_the_wrap() {
        let mut pending = Pending::new();
        let (first, serial) = pending.allocate(Instant::START).unwrap();
        pending.insert(first, entry(serial));
        for _ in 0..70_000 {
            assert_ne!(pending.allocate(Instant::START).unwrap().0, first);
        }
    }

    #[test]
    fn a_retired_id_comes_back_with_its_late_answer_or_after_the_quarantine() {
        let mut pending = Pending::<()>::new();
        let (first, _) = pending.allocate(Instant::START).unwrap();
        let comes_back =
            |pending: &mut Pending<()>, now| (0..65_535).any(|_| pending.allocate(now).unwrap().0 == first);
        pending.retire(Instant::START, first);
        assert!(!comes_back(&mut pending, Instant::START));
        pending.release(first);
        assert!(comes_back(&mut pending, Instant::START));

        pending.retire(Instant::START, first);
        let once = Instant::START.after(QUARANTINE);
        assert!(!comes_back(&mut pending, once));
        pending.release(first);
        assert!(comes_back(&mut pending, once));

        pending.retire(once, first);
        let once = once.after(QUARANTINE);
        assert!(!comes_back(&mut pending, once));
        assert!(comes_back(&mut pending, once.after(QUARANTINE)));
    }

    #[test]
    fn retired_ids_are_capped() {
        let mut pending = Pending::<()>::new();
        for _ in 0..MAX_RETIRED {
            let (id, _) = pending.allocate(Instant::START).unwrap();
            pending.retire(Instant::START, id);
        }
        assert!(pending.allocate(Instant::START).is_err());
    }
}
