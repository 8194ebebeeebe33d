//! What must not be forgotten: what waits to be sent, and what was answered last. Pure; each change is also an [`Entry`], from which a
//! file makes the same again. (Contract §5.2, §6.4, §9.3, §11.)

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decisions::{Contexts, Decision, Handled};
use super::desired::{Answer, Desired};
use super::item::{Item, Source};
use super::outcome::{Fate, Outcome};
use super::queue::{Next, Pushed, Queue, Room, Waiting};

/// What must not be forgotten. After each change, [`take_entries`](Self::take_entries) says what to write.
#[derive(Debug)]
pub(super) struct Memory {
    queue: Queue,
    contexts: Contexts,
    values: BTreeMap<String, String>,
    names: MessageNames,
    entries: Vec<Entry>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// An item waits to be sent.
    Queued {
        item: Item,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        renamed: bool,
    },
    /// The item with this message id does not wait any more.
    Gone(String),
    /// A desired state was answered.
    Handled(Handled),
    /// What a command was last.
    Value { command_id: String, value: String },
}

/// What is to be done about a desired state.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// This is the answer.
    Say(Item),
    /// There is no answer.
    Nothing,
    /// Nothing is done while so much waits to be sent.
    Full,
    /// It is acted on, and then [finished](Memory::finish).
    Act,
}

/// What is new to who reads the descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hint {
    /// Nothing.
    None,
    /// A command or sensor is gone: the descriptor is out of date.
    Outdated,
}

/// The time of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    pub(super) ms: i64,
    pub(super) is_trusted: bool,
}

/// Message ids: the same for no two items, because each run has a name of its own.
#[derive(Debug)]
struct MessageNames {
    run: String,
    last: u64,
}

impl Memory {
    /// An empty one. `run` differs with each start of the program; `cap` is how many items may wait.
    pub(super) fn new(run: String, cap: usize) -> Self {
        let names = MessageNames { run, last: 0 };
        let (contexts, values) = (Contexts::default(), BTreeMap::new());
        Self { queue: Queue::new(cap), contexts, values, names, entries: Vec::new() }
    }

    /// Makes a change again that was written before.
    pub(super) fn restore(&mut self, entry: Entry) {
        match entry {
            Entry::Queued { item, renamed } => {
                // An answer may be sent again long after; what it said was learned when it was given.
                if !item.is_answer() && !renamed {
                    self.learn(item.command_id.as_deref(), &item.told.value);
                }
                // More were allowed when it was written: the one that goes is the one that would have gone then.
                self.queue.push(Waiting { item, is_renamed: renamed });
            }
            Entry::Gone(message_id) => drop(self.queue.remove(&message_id)),
            Entry::Handled(handled) => {
                self.learn(handled.report.command_id.as_deref(), &handled.report.told.value);
                self.contexts.remember(handled);
            }
            Entry::Value { command_id, value } => self.learn(Some(&command_id), &value),
        }
    }

    /// Puts an observation at the end of the queue. `false`: there is no room for it.
    pub(super) fn observe(&mut self, source: Source<'_>, value: String, now: Now) -> bool {
        let item = Item::observed(source, self.names.next(), value, now.ms);
        self.learn(item.command_id.as_deref(), &item.told.value);
        let told = item.command_id.clone().map(|command_id| (command_id, item.told.value.clone()));
        let is_kept = self.push(item.into());
        if let Some((command_id, value)) = told.filter(|_| !is_kept) {
            self.entries.push(Entry::Value { command_id, value });
        }
        is_kept
    }

    /// What is to be done about a desired state.
    pub(super) fn begin(&mut self, desired: &Desired, now: Now) -> Begin {
        let trusted_ms = now.is_trusted.then_some(now.ms);
        let known = self.values.get(&desired.command_id).map(String::as_str);
        match self.contexts.decide(desired, trusted_ms, known) {
            Decision::Again(report) => Begin::Say(report),
            Decision::Stale { value } => Begin::Say(self.finish(desired, Answer::stale(value), now)),
            Decision::TooLate => Begin::Nothing,
            Decision::Act if self.queue.has_room_for_answer() => Begin::Act,
            Decision::Act => Begin::Full,
        }
    }

    /// A desired state was answered, which is remembered.
    pub(super) fn finish(&mut self, desired: &Desired, answer: Answer, now: Now) -> Item {
        let report = Item::answering(desired, answer, self.names.next(), now.ms);
        self.learn(Some(&desired.command_id), &report.told.value);
        let handled = Handled::of(desired, report.clone());
        self.contexts.remember(handled.clone());
        self.entries.push(Entry::Handled(handled));
        report
    }

    /// Puts an answer at the end of the queue, unless it waits there.
    pub(super) fn queue_answer(&mut self, report: Item) {
        if !self.queue.contains(&report.told.message_id) {
            self.push(report.into());
        }
    }

    /// What to send next. What fits no request is forgotten.
    pub(super) fn next(&mut self, room: Room) -> Next {
        loop {
            let next = self.queue.next(room);
            let Next::TooLarge { message_id, len } = &next else { return next };
            tracing::error!(message_id, len, max = room.bytes, "an item fits no message and is forgotten");
            self.forget(message_id);
        }
    }

    /// The hub has answered what was sent.
    pub(super) fn settle(&mut self, ids: &[String], outcome: &Outcome) -> Hint {
        let mut hint = Hint::None;
        for (id, fate) in ids.iter().zip(&outcome.fates) {
            match fate {
                Fate::Done => drop(self.forget(id)),
                Fate::Stays => {}
                Fate::Conflict => self.rename(id),
                Fate::Refused { code, kind, message } => {
                    let item = self.forget(id);
                    let source = item.as_ref().map_or("", |waiting| waiting.item.source_id());
                    tracing::warn!(source, message_id = id, code, kind, message, "the hub refuses an item");
                    hint = hint.max(Hint::of(*code));
                }
            }
        }
        hint
    }

    /// All that is known, as the changes that make it.
    pub(super) fn snapshot(&self) -> Vec<Entry> {
        let handled = self.contexts.iter().cloned().map(Entry::Handled);
        let queued = self.queue.iter().map(Entry::of);
        // After what they are learned from as well.
        let values = self.values.iter();
        let values =
            values.map(|(command_id, value)| Entry::Value { command_id: command_id.clone(), value: value.clone() });
        handled.chain(queued).chain(values).collect()
    }

    /// The changes since the last time.
    pub(super) fn take_entries(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// Items that wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// The id is another's: the same is told once more under a new one. (§11, `message_conflict`)
    fn rename(&mut self, message_id: &str) {
        let Some(Waiting { mut item, is_renamed }) = self.forget(message_id) else { return };
        if is_renamed {
            tracing::error!(message_id, "the hub knows this message id, too, as another's: the item is forgotten");
            return;
        }
        tracing::warn!(message_id, "the hub knows this message id as another's: the item gets a new one");
        item.told.message_id = self.names.next();
        self.push(Waiting { item, is_renamed: true });
    }

    fn push(&mut self, waiting: Waiting) -> bool {
        let entry = Entry::of(&waiting);
        match self.queue.push(waiting) {
            Pushed::Kept => {}
            Pushed::Refused => return false,
            Pushed::InPlaceOf(message_id) => {
                tracing::warn!(message_id, "the queue is full: an item is forgotten");
                self.entries.push(Entry::Gone(message_id));
            }
        }
        self.entries.push(entry);
        true
    }

    fn forget(&mut self, message_id: &str) -> Option<Waiting> {
        let waiting = self.queue.remove(message_id)?;
        self.entries.push(Entry::Gone(message_id.to_owned()));
        Some(waiting)
    }

    /// What a command is, by the last that was said of it.
    fn learn(&mut self, command_id: Option<&str>, value: &str) {
        let Some(command_id) = command_id else { return };
        if let Some(known) = self.values.get_mut(command_id) {
            value.clone_into(known);
        } else if self.values.len() < MAX_VALUES {
            self.values.insert(command_id.to_owned(), value.to_owned());
        }
    }
}

impl Hint {
    /// Of an item that was refused with this code.
    fn of(code: u16) -> Self {
        if code == NOT_FOUND { Self::Outdated } else { Self::None }
    }
}

impl Entry {
    fn of(waiting: &Waiting) -> Self {
        Self::Queued { item: waiting.item.clone(), renamed: waiting.is_renamed }
    }
}

impl MessageNames {
    fn next(&mut self) -> String {
        self.last += 1;
        format!("{}-{}", self.run, self.last)
    }
}

/// `resource_not_found`.
const NOT_FOUND: u16 = 4004;

/// Commands whose last value is remembered: as many as the hub lets one device have. Of one more, that of its last answer counts.
const MAX_VALUES: usize = 256;
