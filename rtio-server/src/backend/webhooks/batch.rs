//! Some events as one post (pure). It is made once: a repeat has the same bytes, so that a receiver knows it by its number.

use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

use crate::event_json::EventJson;
use crate::hub::{Event, EventId, Gap};

/// A post of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    /// Its number, the same for each attempt.
    pub(super) id: Uuid,
    /// The whole JSON document.
    pub(super) body: Bytes,
    /// How many events are in it.
    pub(super) events: u64,
    /// What is missing before them.
    pub(super) dropped: Dropped,
    /// Who has it has seen so much.
    pub(super) seen: EventId,
}

/// Events that a receiver does not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dropped {
    /// So many.
    Known(u64),
    /// Nobody can say.
    Unknown,
}

impl Dropped {
    /// All events are there.
    pub(super) const NONE: Self = Self::Known(0);

    /// As many more.
    #[must_use]
    pub(super) const fn and(self, more: u64) -> Self {
        match self {
            Self::Known(count) => Self::Known(count.saturating_add(more)),
            Self::Unknown => Self::Unknown,
        }
    }

    /// And those of a gap.
    #[must_use]
    pub(super) const fn and_gap(self, gap: Gap) -> Self {
        match gap {
            Gap::Missed(count) => self.and(count),
            Gap::Unknown => Self::Unknown,
        }
    }
}

/// docs/backends.md §4.
#[derive(Debug, Serialize)]
struct Document<'a> {
    hook: &'a str,
    batch: String,
    dropped: Option<u64>,
    events: Vec<EventJson<'a>>,
}

impl Batch {
    /// The batch `id` of `hook` with `events`, before which `dropped` are missing.
    pub(super) fn new(id: Uuid, hook: &str, dropped: Dropped, events: &[Event], seen: EventId) -> Self {
        let count = match dropped {
            Dropped::Known(count) => Some(count),
            Dropped::Unknown => None,
        };
        let listed = events.iter().map(EventJson::of).collect();
        let document = Document { hook, batch: id.to_string(), dropped: count, events: listed };
        let body = serde_json::to_vec(&document).expect("texts and numbers are JSON");
        Self { id, body: body.into(), events: events.len() as u64, dropped, seen }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Change, DeviceId, Epoch, Protocol};

    #[test]
    fn a_batch_names_its_webhook_itself_what_is_missing_and_the_events() {
        let id = Uuid::from_u128(7);
        let seen: EventId = "9".parse().unwrap();
        let event = Event {
            id: seen,
            time: jiff::Timestamp::UNIX_EPOCH,
            device: DeviceId::parse("dev").unwrap(),
            epoch: Epoch(1),
            peer: ([127, 0, 0, 1], 5).into(),
            change: Change::Online { protocol: Protocol::Rtio },
        };
        let check = |dropped, events: &[Event], expected: &str| {
            let batch = Batch::new(id, "orders", dropped, events, seen);
            let common = r#"{"hook":"orders","batch":"00000000-0000-0000-0000-000000000007","dropped":"#;
            assert_eq!(batch.body, format!("{common}{expected}}}"));
            assert_eq!((batch.events, batch.seen), (events.len() as u64, seen));
        };
        let listed = serde_json::to_string(&EventJson::of(&event)).unwrap();
        check(Dropped::Known(3), &[event.clone(), event], &format!(r#"3,"events":[{listed},{listed}]"#));
        check(Dropped::Unknown, &[], r#"null,"events":[]"#);
    }

    #[test]
    fn what_is_not_known_stays_so() {
        assert_eq!(Dropped::NONE.and(2).and_gap(Gap::Missed(3)), Dropped::Known(5));
        assert_eq!(Dropped::Unknown.and(2).and_gap(Gap::Missed(3)), Dropped::Unknown);
        assert_eq!(Dropped::Known(2).and_gap(Gap::Unknown), Dropped::Unknown);
    }
}
