//! What the runtime does by itself: it closes desired states whose time is over, and forgets what was kept long enough.

use std::time::Duration;

use tokio::time::sleep;

use super::Realer;
use super::ports::{Forgotten, StoreError};

impl Realer {
    /// Goes on for ever.
    ///
    /// # Cancel safety
    ///
    /// Safe: each step is whole, and what was not done is done the next time.
    pub async fn keep_up(&self) {
        tokio::join!(self.keep_expiring(), self.keep_forgetting());
    }

    async fn keep_expiring(&self) {
        let mut works = true;
        loop {
            works = said(self.expire().await, works, "desired states whose time is over cannot be closed now");
            sleep(EXPIRE_EVERY).await;
        }
    }

    async fn keep_forgetting(&self) {
        let mut works = true;
        loop {
            works = said(self.forget().await, works, "nothing is forgotten now");
            sleep(FORGET_EVERY).await;
        }
    }

    /// Closes all desired states whose time is over, and tells who waits for their devices.
    pub(super) async fn expire(&self) -> Result<(), StoreError> {
        loop {
            let devices = self.store.expire(self.now_ms(), EXPIRE_AT_ONCE).await?;
            if devices.is_empty() {
                return Ok(());
            }
            devices.iter().for_each(|device| self.has_changed(device));
        }
    }

    /// Forgets all that was kept long enough, with pauses, so that who writes meanwhile hardly notices.
    async fn forget(&self) -> Result<(), StoreError> {
        while self.store.forget(self.config.retention, self.now_ms()).await? == Forgotten::Some {
            sleep(FORGET_PAUSE).await;
        }
        Ok(())
    }
}

/// Logs a failure once, and not each time; whether it went well.
fn said(result: Result<(), StoreError>, worked: bool, what: &str) -> bool {
    match result {
        Ok(()) => true,
        Err(StoreError(error)) => {
            if worked {
                tracing::error!(%error, "{what}");
            }
            false
        }
    }
}

/// How late a desired state may end whose time is over. It is shown as over before that, and cannot be answered.
const EXPIRE_EVERY: Duration = Duration::from_secs(1);

/// Desired states that are closed in one change: a few milliseconds of the store's writer.
const EXPIRE_AT_ONCE: usize = 500;

/// How often it is looked for what is old. Ages are days, so this is often enough, and finds little at a time.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// Between two steps of some 10 ms: forgets 50,000 rows a second, more than can come in.
const FORGET_PAUSE: Duration = Duration::from_millis(5);
