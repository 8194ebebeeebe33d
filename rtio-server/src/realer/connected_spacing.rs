//! How often a device may come that holds a connection. Polling is spaced by the plan (§1.7); who is connected tells events as they
//! happen, so this is more generous and lets bursts through. It is there so that a device that runs wild cannot fill the disk.

use parking_lot::Mutex;
use tokio::time::Instant;

use super::spacing::{Pace, Spacing};
use super::{Config, ControlDevice, Family, Refusal};

/// Who came when over one kind of connection; each kind is counted by itself.
#[derive(Debug, Default)]
pub(super) struct ConnectedSpacing(Mutex<Spacing>);

impl ConnectedSpacing {
    /// Counts a request of a device.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooSoon`]; it counts for nothing.
    pub(super) fn take(
        &self,
        device: &ControlDevice,
        family: Family,
        (config, now_ms): (&Config, i64),
    ) -> Result<(), Refusal> {
        let polling = device.settings.plan.cadence(config).minimum(family);
        let pace = Pace { interval: polling / GENEROSITY, burst: BURST };
        let taken = self.0.lock().take(&device.id, family, pace, (Instant::now(), now_ms));
        taken.map_err(|too_soon| Refusal::TooSoon { retry_after: too_soon.retry_after })
    }
}

/// As many requests for each one that polling would allow.
const GENEROSITY: u32 = 10;

/// Requests at once after a quiet time.
pub(super) const BURST: u32 = 32;
