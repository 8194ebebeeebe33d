//! Feed data comes in: one item, a batch, or the answer to a push. (Contract §6.)

use super::accept::Now;
use super::document::{BatchDocument, BatchResult, ResultDocument};
use super::ports::Accepted;
use super::read::{self, ReadItem};
use super::{DesiredState, Item, Realer, Refusal};
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
        let items: Vec<Item> = entries.iter().filter_map(|entry| entry.item.as_ref().ok().cloned()).collect();
        let mut outcomes = self.accept(device, items).await?.into_iter();
        let results = entries.iter().enumerate().map(|(index, entry)| self.result(index, entry, &mut outcomes));
        Ok(BatchDocument::of(results.collect(), &self.config))
    }

    async fn accept_one(&self, device: &DeviceId, item: Item) -> Result<ResultDocument, Refusal> {
        let message = item.message_id.clone();
        let accepted = self.accept(device, vec![item]).await?.pop().unwrap_or(Err(Refusal::Bug))?;
        Ok(ResultDocument::of(&message, accepted, &self.config))
    }

    async fn accept(&self, device: &DeviceId, items: Vec<Item>) -> Result<Vec<Result<Accepted, Refusal>>, Refusal> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let outcomes = self.stored(device, self.store.accept(device, items, self.now()).await)?;
        if outcomes.iter().any(|outcome| matches!(outcome, Ok(Accepted::Created { .. }))) {
            self.has_changed(device);
        }
        Ok(outcomes)
    }

    fn result(
        &self,
        index: usize,
        entry: &ReadItem,
        outcomes: &mut impl Iterator<Item = Result<Accepted, Refusal>>,
    ) -> BatchResult {
        let message = entry.message.as_ref();
        let outcome = match &entry.item {
            Ok(_) => outcomes.next().unwrap_or(Err(Refusal::Bug)),
            Err(refusal) => Err(refusal.clone()),
        };
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
