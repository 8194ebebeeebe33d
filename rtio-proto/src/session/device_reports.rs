//! Reports of a device that wait for the hub's answer: a fixed number of slots, each with its message id and deadline.

use crate::header::MessageId;
use crate::limits::REPORT_TIMEOUT;
use crate::time::{Duration, Instant};

/// Table of reports. A report that is given up keeps its slot, and thereby its message id out of use, until its late answer
/// comes or [`QUARANTINE`] has passed. When every slot is taken, a new report is refused.
#[derive(Debug)]
pub(super) struct Reports<const N: usize> {
    slots: [Slot; N],
}

#[derive(Debug, Clone, Copy)]
enum Slot {
    Free,
    Waiting { id: MessageId, deadline: Instant },
    GivenUp { id: MessageId, free_at: Instant },
}

impl<const N: usize> Reports<N> {
    pub(super) fn new() -> Self {
        Self { slots: [Slot::Free; N] }
    }

    /// Whether one more is allowed now.
    pub(super) fn has_room(&mut self, now: Instant) -> bool {
        for slot in &mut self.slots {
            if matches!(slot, Slot::GivenUp { free_at, .. } if *free_at <= now) {
                *slot = Slot::Free;
            }
        }
        self.slots.iter().any(|slot| matches!(slot, Slot::Free))
    }

    /// Begins the wait for an answer. Goes into a free slot, which [`has_room`](Self::has_room) has promised.
    pub(super) fn insert(&mut self, id: MessageId, deadline: Instant) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| matches!(slot, Slot::Free)) {
            *slot = Slot::Waiting { id, deadline };
        }
    }

    /// An answer came: the slot is free. Says whether somebody waits for it.
    pub(super) fn answered(&mut self, id: MessageId) -> bool {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.id() == Some(id)) else { return false };
        let waits = matches!(slot, Slot::Waiting { .. });
        *slot = Slot::Free;
        waits
    }

    /// Nobody waits for `id` any more.
    pub(super) fn give_up(&mut self, now: Instant, id: MessageId) {
        let free_at = now.after(QUARANTINE);
        if let Some(slot) =
            self.slots.iter_mut().find(|slot| matches!(slot, Slot::Waiting { id: live, .. } if *live == id))
        {
            *slot = Slot::GivenUp { id, free_at };
        }
    }

    /// Gives up one report whose deadline has come.
    pub(super) fn give_up_expired(&mut self, now: Instant) -> Option<MessageId> {
        let expired = self.slots.iter().find_map(|slot| match slot {
            Slot::Waiting { id, deadline } if *deadline <= now => Some(*id),
            Slot::Waiting { .. } | Slot::GivenUp { .. } | Slot::Free => None,
        })?;
        self.give_up(now, expired);
        Some(expired)
    }

    /// Ends the wait of any one.
    pub(super) fn pop_any(&mut self) -> Option<MessageId> {
        let slot = self.slots.iter_mut().find(|slot| matches!(slot, Slot::Waiting { .. }))?;
        core::mem::replace(slot, Slot::Free).id()
    }

    pub(super) fn uses(&self, id: MessageId) -> bool {
        self.slots.iter().any(|slot| slot.id() == Some(id))
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = self.slots.iter().filter_map(|slot| match slot {
            Slot::Waiting { deadline, .. } => Some(*deadline),
            Slot::GivenUp { .. } | Slot::Free => None,
        });
        deadlines.min()
    }
}

impl Slot {
    fn id(&self) -> Option<MessageId> {
        match self {
            Self::Free => None,
            Self::Waiting { id, .. } | Self::GivenUp { id, .. } => Some(*id),
        }
    }
}

/// How long the id of a report without an answer stays out of use: twelve times the hub's own limit, after which a hub that
/// has not answered never will.
pub(super) const QUARANTINE: Duration = Duration::from_secs(60);

const _: () = assert!(QUARANTINE.as_secs() == 12 * REPORT_TIMEOUT.as_secs());
