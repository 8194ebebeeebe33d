//! Feed data comes in: one item, a batch, or the answer to a push. (Contract §6.)

use super::accept::Now;
use super::document::{BatchDocument, BatchResult, ResultDocument};
use super::ports::Accepted;
use super::read::{self, ReadItem};
use super::{DesiredState, Item, MessageId, Realer, Refusal};
use crate::hub::DeviceId;

impl Realer {
    /// Takes one item.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing was kept.
    pub async fn feed_item(&self, device: &DeviceId, body: &[u8]) -> Result<ResultDocument, Refusal> {
        self.accept_one(device, read::item(body)?).await
    }

    /// Takes the answer to a push of `desired`: an item that need not say what it is of and what it answers.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing was kept.
    pub async fn report(
        &self,
        device: &DeviceId,
        desired: &DesiredState,
        body: &[u8],
    ) -> Result<ResultDocument, Refusal> {
        self.accept_one(device, read::report(body, desired)?).await
    }

    /// Takes the items of a batch, one after the other; one that is refused does not undo others.
    ///
    /// # Errors
    ///
    /// [`Refusal`] of the whole: nothing was kept.
    pub async fn feed_batch(&self, device: &DeviceId, body: &[u8]) -> Result<BatchDocument, Refusal> {
        let known = self.there(device, self.store.control_device(device).await)?;
        let entries = read::batch(body, known.settings.plan.limits(&self.config).max_batch_items)?;
        let (entries, items) = apart(entries);
        let mut outcomes = self.accept(device, items).await?.into_iter();
        let results = entries.into_iter().enumerate().map(|(index, entry)| {
            let outcome = entry.refusal.map_or_else(|| outcomes.next().unwrap_or(Err(Refusal::Bug)), Err);
            self.result(index, entry.message.as_ref(), outcome)
        });
        Ok(BatchDocument::of(results.collect(), &self.config))
    }

    async fn accept_one(&self, device: &DeviceId, item: Item) -> Result<ResultDocument, Refusal> {
        let message = item.message_id.clone();
        let accepted = self.accept(device, vec![item]).await?.pop().unwrap_or(Err(Refusal::Bug))?;
        Ok(ResultDocument::of(&message, accepted, &self.config))
    }

    pub(super) async fn accept(
        &self,
        device: &DeviceId,
        items: Vec<Item>,
    ) -> Result<Vec<Result<Accepted, Refusal>>, Refusal> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let outcomes = self.stored(device, self.store.accept(device, items, self.now()).await)?;
        if outcomes.iter().any(|outcome| matches!(outcome, Ok(Accepted::Created { .. }))) {
            self.has_changed(device);
        }
        Ok(outcomes)
    }

    fn result(&self, index: usize, message: Option<&MessageId>, outcome: Result<Accepted, Refusal>) -> BatchResult {
        match (outcome, message) {
            (Ok(accepted), Some(message)) => BatchResult::accepted(index, message, accepted, &self.config),
            (Ok(_), None) => BatchResult::refused(index, None, &Refusal::Bug, &self.config),
            (Err(refusal), message) => BatchResult::refused(index, message, &refusal, &self.config),
        }
    }

    fn now(&self) -> Now {
        let tolerance = self.config.future_tolerance.as_millis();
        Now { ms: self.now_ms(), future_tolerance_ms: i64::try_from(tolerance).unwrap_or(i64::MAX) }
    }
}

/// What a result needs of an entry of a batch.
struct Entry {
    message: Option<MessageId>,
    /// `None`: it is an item, and the store says what becomes of it.
    refusal: Option<Refusal>,
}

/// The items for the store, and what is needed to tell each entry's result, both in their order.
fn apart(entries: Vec<ReadItem>) -> (Vec<Entry>, Vec<Item>) {
    let mut items = Vec::with_capacity(entries.len());
    let entry = |ReadItem { message, item }| Entry { message, refusal: item.map(|item| items.push(item)).err() };
    (entries.into_iter().map(entry).collect(), items)
}
