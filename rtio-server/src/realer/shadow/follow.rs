//! The two streams: how a device stands, and what it tells.

use std::collections::VecDeque;

use super::Shadow;
use super::history::FeedItem;
use super::state::StateDocument;
use super::stream::{Follow, end, has_changed};
use crate::hub::{DeviceId, FeedEnd, ObservationItem};
use crate::realer::{FeedRecord, Refusal, State, Watcher};

/// How a device stands: first all of it, then those of its sources that have changed.
pub(super) struct FollowState {
    shadow: Shadow,
    device: DeviceId,
    changes: Watcher,
    /// What was read and not told yet.
    read: Option<State>,
    /// The change that was told last.
    after: u64,
    /// Whether the device was online when that was said last.
    was_online: bool,
}

impl FollowState {
    pub(super) fn new(shadow: Shadow, device: DeviceId, changes: Watcher) -> Self {
        let was_online = shadow.is_online(&device);
        Self { shadow, device, changes, read: None, after: 0, was_online }
    }

    /// The same that begins with what was read: with all of it, or if it goes on after a change, with what has changed since.
    pub(super) fn beginning_with(mut self, state: State, after: Option<u64>) -> Self {
        self.after = after.unwrap_or(0);
        let is_news = after.is_none_or(|after| after < state.change);
        self.read = Some(state).filter(|_| is_news);
        self
    }

    /// What has changed since.
    async fn news(&mut self) -> Result<State, FeedEnd> {
        if let Some(state) = self.read.take() {
            return Ok(state);
        }
        let realer = &self.shadow.realer;
        loop {
            let has_changed = has_changed(&mut self.changes).await;
            let is_other = self.shadow.is_online(&self.device) != self.was_online;
            if !has_changed && !is_other {
                realer.there(&self.device, realer.store.control_device(&self.device).await).map_err(end)?;
                continue;
            }
            let state = realer.there(&self.device, realer.store.state(&self.device, self.after).await);
            let state = state.map_err(end)?;
            if is_other || state.change > self.after {
                return Ok(state);
            }
        }
    }
}

impl Follow for FollowState {
    async fn next(mut self) -> (Self, ObservationItem) {
        let state = match self.news().await {
            Ok(state) => state,
            Err(end) => return (self, ObservationItem::End(end)),
        };
        self.after = state.change;
        self.was_online = self.shadow.is_online(&self.device);
        let document = StateDocument::of(state, self.shadow.look(self.was_online));
        let item = event(self.after, &document);
        (self, item)
    }
}

/// What a device tells: one record after the other.
pub(super) struct FollowFeedData {
    shadow: Shadow,
    device: DeviceId,
    changes: Watcher,
    /// What was read and not told yet.
    read: VecDeque<FeedRecord>,
    /// The record that was read last.
    after: u64,
}

impl FollowFeedData {
    /// What comes behind the record `after`.
    pub(super) const fn new(shadow: Shadow, device: DeviceId, changes: Watcher, after: u64) -> Self {
        Self { shadow, device, changes, read: VecDeque::new(), after }
    }

    async fn news(&mut self) -> Result<FeedRecord, FeedEnd> {
        loop {
            if let Some(record) = self.read.pop_front() {
                return Ok(record);
            }
            self.read_more().await.map_err(end)?;
            match self.read.back() {
                Some(last) => self.after = last.id,
                // What it was, the next look at the store says.
                None => drop(has_changed(&mut self.changes).await),
            }
        }
    }

    async fn read_more(&mut self) -> Result<(), Refusal> {
        let (realer, device) = (&self.shadow.realer, &self.device);
        let records = realer.stored(device, realer.store.feed_data(device, self.after, RECORDS_AT_ONCE).await)?;
        if records.is_empty() {
            // A device that is there no more tells nothing, either.
            realer.there(device, realer.store.control_device(device).await)?;
        }
        self.read = records.into();
        Ok(())
    }
}

impl Follow for FollowFeedData {
    async fn next(mut self) -> (Self, ObservationItem) {
        let item = match self.news().await {
            Ok(record) => event(record.id, &FeedItem::of(&record)),
            Err(end) => ObservationItem::End(end),
        };
        (self, item)
    }
}

fn event(id: u64, document: &impl serde::Serialize) -> ObservationItem {
    let data = serde_json::to_vec(document).expect("strings and numbers always serialize");
    ObservationItem::Event { id, data }
}

/// Records that are read at once: with the longest values and message ids they have 100 KB, which is what a stream has in memory
/// at most.
const RECORDS_AT_ONCE: usize = 64;
