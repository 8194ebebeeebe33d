//! The events that are kept (pure): the newest ones, and how to go on after one that a reader has seen.

use super::pieces::Pieces;
use super::{Event, EventId};

/// The newest events, at most `max` of them. Ids follow each other without a gap.
#[derive(Debug)]
pub(super) struct Ring {
    events: Pieces,
    max: usize,
    /// What the first event ever has as its id.
    start: u64,
    /// What the next one has.
    next: u64,
}

/// Some events after those that a reader has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The reader has missed events before these.
    pub gap: Option<Gap>,
    /// In the order in which they happened.
    pub events: Vec<Event>,
    /// What the reader has seen with them.
    pub seen: EventId,
}

/// Events that are kept no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// So many.
    Missed(u64),
    /// The reader has seen an event that is none of this run of the hub.
    Unknown,
}

impl Ring {
    /// An empty ring, whose first event gets the id `start`. Above 0.
    pub(super) fn new(max: usize, start: u64) -> Self {
        Self { events: Pieces::default(), max: max.max(1), start, next: start }
    }

    /// Keeps what `make` makes of its id. Gives the oldest event back if there are too many.
    pub(super) fn push(&mut self, make: impl FnOnce(EventId) -> Event) -> Option<Event> {
        let forgotten = if self.events.len() >= self.max { self.events.pop() } else { None };
        self.events.push(make(EventId(self.next)));
        self.next += 1;
        forgotten
    }

    /// The last event so far, or the place before the first.
    pub(super) const fn newest(&self) -> EventId {
        EventId(self.next - 1)
    }

    /// Events after `seen`, at most `max` of them.
    pub(super) fn after(&self, seen: EventId, max: usize) -> Page {
        let first = self.next - self.events.len() as u64;
        let (gap, begin) = match seen.0.saturating_add(1) {
            begin if begin < self.start || begin > self.next => (Some(Gap::Unknown), first),
            begin if begin < first => (Some(Gap::Missed(first - begin)), first),
            begin => (None, begin),
        };
        let skipped = usize::try_from(begin - first).unwrap_or(usize::MAX);
        let events: Vec<Event> = self.events.iter_from(skipped).take(max).cloned().collect();
        Page { gap, seen: EventId(begin - 1 + events.len() as u64), events }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Change, DeviceId, Epoch, Protocol};

    /// A ring for three with `pushed` events, the first of which is 100.
    fn ring(pushed: u64) -> Ring {
        let mut ring = Ring::new(3, 100);
        (0..pushed).for_each(|nth| drop(ring.push(|id| event(id, nth))));
        ring
    }

    fn event(id: EventId, epoch: u64) -> Event {
        Event {
            id,
            time: jiff::Timestamp::UNIX_EPOCH,
            device: DeviceId::parse("dev").unwrap(),
            epoch: Epoch(epoch),
            peer: ([127, 0, 0, 1], 1).into(),
            change: Change::Online { protocol: Protocol::Rtio },
        }
    }

    /// What a reader that has seen `seen` gets, with `pushed` events in all: the gap, the first and the last id, and what it has seen
    /// then.
    fn check((pushed, seen, max): (u64, u64, usize), gap: Option<Gap>, ids: impl IntoIterator<Item = u64>, then: u64) {
        let page = ring(pushed).after(EventId(seen), max);
        let got: Vec<u64> = page.events.iter().map(|event| event.id.0).collect();
        let expected = (gap, ids.into_iter().collect(), then);
        assert_eq!((page.gap, got, page.seen.0), expected, "{pushed} events, {seen} seen");
    }

    #[test]
    fn a_reader_goes_on_after_what_it_has_seen() {
        check((0, 99, 9), None, [], 99);
        check((2, 99, 9), None, 100..=101, 101);
        check((2, 100, 9), None, [101], 101);
        check((2, 101, 9), None, [], 101);
        check((3, 99, 2), None, 100..=101, 101);
    }

    #[test]
    fn a_reader_hears_of_what_is_kept_no_more() {
        check((3, 99, 9), None, 100..=102, 102);
        check((4, 99, 9), Some(Gap::Missed(1)), 101..=103, 103);
        check((10, 102, 2), Some(Gap::Missed(4)), 107..=108, 108);
        check((10, 106, 9), None, 107..=109, 109);
    }

    #[test]
    fn ids_of_another_run_are_no_place_to_go_on_from() {
        check((2, 98, 9), Some(Gap::Unknown), 100..=101, 101);
        check((2, 0, 9), Some(Gap::Unknown), 100..=101, 101);
        check((2, 102, 9), Some(Gap::Unknown), 100..=101, 101);
        check((0, 5, 9), Some(Gap::Unknown), [], 99);
        check((10, 98, 9), Some(Gap::Unknown), 107..=109, 109);
        check((2, u64::MAX, 9), Some(Gap::Unknown), 100..=101, 101);
    }

    #[test]
    fn the_newest_is_where_a_new_reader_begins() {
        assert_eq!(ring(0).newest(), EventId(99));
        assert_eq!(ring(5).newest(), EventId(104));
    }
}
