//! Observations of a device: a fixed number of slots, each with the observer id that the hub chose and the step it is at.

use crate::header::MessageId;
use crate::rest::{ObserverId, StatusCode};

/// Table of observations. When every slot is taken, an establishment is answered with [`StatusCode::TooManyObservers`].
#[derive(Debug)]
pub(super) struct Observations<const N: usize> {
    slots: [Option<Observation>; N],
}

/// One observation.
///
/// ```text
///  Requested ──accept──► Open ◄──continue── Notifying ──finish──► Finishing
///      │ refuse            │ finish ▲         ▲ │ terminate           │ continue
///      ▼                   │        └─notify──┘ ▼                     │
///    gone                  └──────────────► Ending ◄──────────────────┘
///                                             └──any answer──► gone
/// ```
#[derive(Debug, Clone, Copy)]
pub(super) struct Observation {
    pub(super) id: ObserverId,
    pub(super) step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The establishment waits for our driver.
    Requested { message_id: MessageId },
    /// The next notification may go.
    Open,
    /// A notification waits for its answer.
    Notifying { message_id: MessageId },
    /// The same, and our driver has ended the observation with this status.
    Finishing { message_id: MessageId, status: StatusCode },
    /// The last notification waits for its answer: until then the hub may hold the observation for live.
    Ending { message_id: MessageId },
}

impl<const N: usize> Observations<N> {
    pub(super) fn new() -> Self {
        Self { slots: [None; N] }
    }

    /// Makes room for an observation.
    ///
    /// # Errors
    ///
    /// The status to answer with.
    pub(super) fn insert(&mut self, raw_id: u16, message_id: MessageId) -> Result<ObserverId, StatusCode> {
        let id = ObserverId::new(raw_id).ok_or(StatusCode::BadRequest)?;
        if self.get_mut(id).is_some() {
            return Err(StatusCode::BadRequest);
        }
        let slot = self.slots.iter_mut().find(|slot| slot.is_none()).ok_or(StatusCode::TooManyObservers)?;
        *slot = Some(Observation { id, step: Step::Requested { message_id } });
        Ok(id)
    }

    pub(super) fn get_mut(&mut self, id: ObserverId) -> Option<&mut Observation> {
        self.slots.iter_mut().flatten().find(|live| live.id == id)
    }

    pub(super) fn remove(&mut self, id: ObserverId) {
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.is_some_and(|live| live.id == id)) {
            *slot = None;
        }
    }

    /// The observation whose notification `message_id` is.
    pub(super) fn notifying(&self, message_id: MessageId) -> Option<Observation> {
        self.slots.iter().flatten().find(|live| live.step.notification() == Some(message_id)).copied()
    }

    /// Ends any one that our driver still holds for live.
    pub(super) fn pop_any(&mut self) -> Option<ObserverId> {
        let live = |step| matches!(step, Step::Requested { .. } | Step::Open | Step::Notifying { .. });
        let slot = self.slots.iter_mut().find(|slot| slot.is_some_and(|observation| live(observation.step)))?;
        slot.take().map(|observation| observation.id)
    }
}

impl Step {
    fn notification(self) -> Option<MessageId> {
        match self {
            Self::Notifying { message_id } | Self::Finishing { message_id, .. } | Self::Ending { message_id } => {
                Some(message_id)
            }
            Self::Requested { .. } | Self::Open => None,
        }
    }
}
