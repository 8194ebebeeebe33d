//! What a webhook does next (pure): which events go into a batch, when it is posted, and when again.
//!
//! ```text
//!                build                  handle_failure
//!  Gathering ───────────────► Sending ─────────────────► Pausing
//!   ▲ ▲  handle_page            │  ▲                      │  │
//!   │ └─── handle_delivered ────┘  └──── handle_page ─────┘  │
//!   └──────────── handle_page: the batch is forgotten ───────┘
//! ```

use std::mem;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::batch::{Batch, Dropped};
use super::definition::Definition;
use super::pause::pause_after;
use crate::hub::{Event, EventId, Gap, Page};

/// One webhook's way through the events. Its driver asks [`step`](Self::step) what to do, does it, and says how it went.
#[derive(Debug)]
pub(super) struct Delivery {
    name: String,
    definition: Definition,
    state: State,
    /// The last event that was looked at.
    seen: EventId,
    /// All up to here is delivered, or was not wanted, or is given up.
    place: EventId,
    /// What is missing before the next batch.
    dropped: Dropped,
    /// Attempts in a row that came to nothing.
    failures: u32,
    end: End,
}

#[derive(Debug)]
enum State {
    Gathering(Gathered),
    Sending(Batch),
    Pausing { batch: Batch, until: Instant },
    Over,
}

/// The next batch as far as it is known.
#[derive(Debug)]
struct Gathered {
    events: Vec<Event>,
    /// When it goes at the latest. Set once there is something to say.
    due: Option<Instant>,
    /// There may be events that nobody has looked at.
    has_unread: bool,
    /// What comes next does not belong into this batch.
    is_closed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotInSight,
    /// What is left is offered once.
    Near,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Read at most [`PAGE`] events after this one, then [`Delivery::handle_page`].
    Read(EventId),
    /// Make a number for a batch, then [`Delivery::build`].
    Build,
    /// Post this, then [`Delivery::handle_delivered`] or [`Delivery::handle_failure`].
    Post(Batch),
    /// Wait for an event after `seen`, then [`Delivery::handle_growth`]; at most until then.
    Wait { seen: EventId, until: Option<Instant> },
    /// Wait until then.
    Pause(Instant),
    /// Nothing any more.
    Stop,
}

impl Delivery {
    /// Begins after `newest`. What was before nobody tells the receiver, so its first batch says that it does not know all.
    pub(super) fn new(name: String, definition: Definition, newest: EventId, now: Instant) -> Self {
        let gathered = Gathered { due: Some(now + definition.max_delay), ..Gathered::nothing() };
        Self {
            name,
            definition,
            state: State::Gathering(gathered),
            seen: newest,
            place: newest,
            dropped: Dropped::Unknown,
            failures: 0,
            end: End::NotInSight,
        }
    }

    /// What came after what [`Step::Read`] named. Says how many events the receiver will not get that it was to get until now.
    pub(super) fn handle_page(&mut self, page: Page, now: Instant) -> u64 {
        match mem::replace(&mut self.state, State::Over) {
            State::Pausing { batch, .. } if page.gap.is_none() => {
                self.state = State::Sending(batch);
                0
            }
            State::Pausing { batch, .. } => {
                self.dropped = batch.dropped.and(batch.events);
                batch.events + self.gather(Gathered::nothing(), page, now)
            }
            State::Gathering(gathered) => self.gather(gathered, page, now),
            state @ (State::Sending(_) | State::Over) => {
                self.state = state;
                0
            }
        }
    }

    /// There are events after those that were looked at.
    pub(super) fn handle_growth(&mut self) {
        if let State::Gathering(gathered) = &mut self.state {
            gathered.has_unread = true;
        }
    }

    /// Makes the batch `id` of what is gathered.
    pub(super) fn build(&mut self, id: Uuid) {
        if let State::Gathering(gathered) = &self.state {
            let dropped = mem::replace(&mut self.dropped, Dropped::NONE);
            self.state = State::Sending(Batch::new(id, &self.name, dropped, &gathered.events, self.seen));
        }
    }

    /// The receiver has the batch. Returns how many attempts had come to nothing before.
    pub(super) fn handle_delivered(&mut self) -> u32 {
        if let State::Sending(batch) = &self.state {
            self.place = batch.seen;
            self.state = State::Gathering(Gathered::nothing());
        }
        mem::take(&mut self.failures)
    }

    /// The receiver did not say that it has the batch; it may have `asked` for a pause. Returns how many attempts in a row that makes.
    pub(super) fn handle_failure(&mut self, now: Instant, asked: Option<Duration>, random: u32) -> u32 {
        self.failures = self.failures.saturating_add(1);
        self.state = match (mem::replace(&mut self.state, State::Over), self.end) {
            (State::Sending(batch), End::NotInSight) => {
                State::Pausing { batch, until: now + pause_after(self.failures, asked, random) }
            }
            (State::Sending(_), End::Near) => State::Over,
            (state @ (State::Gathering(_) | State::Pausing { .. } | State::Over), _) => state,
        };
        self.failures
    }

    /// The hub ends: what is there is offered once, without waiting for anything.
    pub(super) fn end(&mut self) {
        if self.end == End::NotInSight {
            self.end = End::Near;
            self.handle_growth();
        }
    }

    /// What to do at `now`.
    pub(super) fn step(&self, now: Instant) -> Step {
        let ends = self.end == End::Near;
        match &self.state {
            State::Gathering(gathered) if self.is_whole(gathered) => Step::Build,
            State::Gathering(gathered) if gathered.has_unread => Step::Read(self.seen),
            State::Gathering(gathered) => match gathered.due {
                Some(due) if ends || due <= now => Step::Build,
                None if ends => Step::Stop,
                until => Step::Wait { seen: self.seen, until },
            },
            State::Sending(batch) => Step::Post(batch.clone()),
            // Whether the batch is worth another attempt depends on what is still known beside it.
            State::Pausing { batch, until } if ends || *until <= now => Step::Read(batch.seen),
            State::Pausing { until, .. } => Step::Pause(*until),
            State::Over => Step::Stop,
        }
    }

    /// All up to here is delivered, or was not wanted, or is given up.
    pub(super) const fn place(&self) -> EventId {
        self.place
    }

    fn is_whole(&self, gathered: &Gathered) -> bool {
        gathered.is_closed || gathered.events.len() >= self.definition.max_batch
    }

    fn gather(&mut self, mut gathered: Gathered, page: Page, now: Instant) -> u64 {
        // What is missing lies behind what is gathered, so that goes alone.
        if page.gap.is_some() && !gathered.events.is_empty() {
            gathered.is_closed = true;
            self.state = State::Gathering(gathered);
            return 0;
        }
        let missed = match page.gap {
            Some(Gap::Missed(count)) => count,
            Some(Gap::Unknown) | None => 0,
        };
        self.dropped = page.gap.map_or(self.dropped, |gap| self.dropped.and_gap(gap));
        self.seen = gathered.take(page, &self.definition);
        if gathered.events.is_empty() && self.dropped == Dropped::NONE {
            self.place = self.seen;
        } else {
            gathered.due = gathered.due.or(Some(now + self.definition.max_delay));
        }
        self.state = State::Gathering(gathered);
        missed
    }
}

impl Gathered {
    const fn nothing() -> Self {
        Self { events: Vec::new(), due: None, has_unread: true, is_closed: false }
    }

    /// Takes what is wanted, until the batch is full; the last event that was looked at.
    fn take(&mut self, page: Page, definition: &Definition) -> EventId {
        self.has_unread = page.events.len() >= PAGE;
        for event in page.events {
            let id = event.id;
            if definition.filter.takes(&event) {
                self.events.push(event);
            }
            if self.events.len() >= definition.max_batch {
                self.has_unread = true;
                return id;
            }
        }
        page.seen
    }
}

/// Events that are read at once: the lock of the ring is held for as many clones.
pub(super) const PAGE: usize = 256;

#[cfg(test)]
mod tests;
