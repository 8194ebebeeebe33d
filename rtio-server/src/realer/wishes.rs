//! Desired states: set, listed for the device, and waited for. (Contract §5.)

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::document::{DesiredDocument, DesiredStatesDocument, ErrorDocument};
use super::read::{self, Expiry};
use super::runtime::unavailable;
use super::{DesiredId, DesiredState, NewDesired, Realer, Refusal};
use crate::hub::DeviceId;

impl Realer {
    /// The desired states that wait for the device. Reading does not consume them.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] of the device, [`Refusal::Unavailable`].
    pub async fn desired_states(&self, device: &DeviceId) -> Result<DesiredStatesDocument, Refusal> {
        let known = self.there(device, self.store.control_device(device).await)?;
        let open = self.stored(device, self.store.open_desired(device, self.now_ms()).await)?;
        Ok(DesiredStatesDocument::of(&known, &open, &self.config))
    }

    /// Sets a desired state: `{"command_id", "resource_id"?, "value", "expires_in"?}`.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: nothing was set.
    pub async fn wish(&self, device: &DeviceId, body: &[u8]) -> Result<DesiredState, Refusal> {
        let wish = read::wish(body)?;
        let issued_ms = self.now_ms();
        let id = DesiredId::new(issued_ms).map_err(|error| unavailable(device, &error))?;
        let expires_ms = match wish.expiry {
            Expiry::Default => Some(after(issued_ms, self.config.desired_expiry)),
            Expiry::After(wait) => Some(after(issued_ms, wait)),
            Expiry::Never => None,
        };
        let (command, resource, value) = (wish.command, wish.resource, wish.value.as_str().to_owned());
        let wish = NewDesired { id, command, resource, value, issued_ms, expires_ms };
        let desired = self.stored(device, self.store.set_desired(device, wish).await)??;
        self.is_wished(device);
        Ok(desired)
    }

    /// How a desired state ended, or how it stands when `wait` is over.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] of the desired state, which may be another device's, or forgotten; [`Refusal::Unavailable`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn outcome(&self, device: &DeviceId, id: &DesiredId, wait: Duration) -> Result<DesiredState, Refusal> {
        let deadline = Instant::now() + wait.min(MAX_WAIT);
        // Before the store is read: what changes after that wakes.
        let mut changes = self.changes.watch(device);
        loop {
            let desired = self.stored(device, self.store.desired_state(device, id).await)?;
            let now_ms = self.now_ms();
            let desired = desired.ok_or(Refusal::NotFound("desired state"))?.seen_at(now_ms);
            if !desired.lifecycle.is_open() || Instant::now() >= deadline {
                return Ok(desired);
            }
            let until = until_expiry(&desired, now_ms).map_or(deadline, |expiry| expiry.min(deadline));
            // Whether it has changed, expired or not: the store is asked again.
            let _ = timeout_at(until, changes.changed()).await;
        }
    }

    /// A session could not take what is open on a topic that its device has just subscribed to, or it could not be read: it is tried
    /// again, as long as the session lives.
    pub fn look_again(&self, device: &DeviceId) {
        self.wishes.note(device);
    }

    /// A desired state as callers and operators see it now.
    pub fn desired_document(&self, desired: &DesiredState) -> DesiredDocument {
        DesiredDocument::of(desired, self.now_ms())
    }

    /// A refusal as it is answered.
    pub fn error_document(&self, refusal: &Refusal) -> ErrorDocument {
        ErrorDocument::of(refusal, &self.config)
    }
}

/// When the time of one is over that is open at `now_ms`.
fn until_expiry(desired: &DesiredState, now_ms: i64) -> Option<Instant> {
    let left_ms = desired.expires_ms?.saturating_sub(now_ms).unsigned_abs();
    Some(Instant::now() + Duration::from_millis(left_ms).min(MAX_WAIT))
}

fn after(ms: i64, wait: Duration) -> i64 {
    ms.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
}

/// Longer than any caller waits, and short enough to be added to any time.
const MAX_WAIT: Duration = Duration::from_secs(24 * 3600);
