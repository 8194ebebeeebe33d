//! A device wants in: whether it may try now, when its turn is, and what the verifier says.

use core::net::IpAddr;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::pace::Pace;
use super::ports::Verification;
use super::{DeviceId, Hub};

/// What stands in front of the verifier.
#[derive(Debug)]
pub(super) struct Door {
    backoff: Mutex<Backoff>,
    pace: Mutex<Pace>,
}

impl Door {
    pub(super) fn new(max_verifications_per_second: u32) -> Self {
        let pace = Mutex::new(Pace::new(max_verifications_per_second, Instant::now()));
        Self { backoff: Mutex::new(Backoff::new()), pace }
    }
}

impl Hub {
    /// Asks whether a device that connects from `peer` may come in.
    ///
    /// # Cancel safety
    ///
    /// As the verifier's. An attempt that is given up counts for nothing.
    pub async fn verify(&self, peer: IpAddr, device: &DeviceId, secret: &[u8]) -> Verification {
        self.verify_by(peer, device, self.verifier.verify(device, secret)).await
    }

    /// The same where somebody else knows what proves the device. `ask` is not polled before it is the device's turn.
    ///
    /// # Cancel safety
    ///
    /// As that of `ask`. An attempt that is given up counts for nothing.
    pub async fn verify_by(
        &self,
        peer: IpAddr,
        device: &DeviceId,
        ask: impl Future<Output = Verification>,
    ) -> Verification {
        let outcome = self.verify_in_turn(peer, device, ask).await;
        self.metrics.verified(match &outcome {
            Ok(Verification::Accepted | Verification::AcceptedBy(_)) => "accepted",
            Ok(Verification::Refused) => "refused",
            Ok(Verification::Unavailable) => "unavailable",
            Err(Turned::TooSoon) => "backed_off",
            Err(Turned::Crowded) => "crowded",
        });
        outcome.unwrap_or(Verification::Unavailable)
    }

    async fn verify_in_turn(
        &self,
        peer: IpAddr,
        device: &DeviceId,
        ask: impl Future<Output = Verification>,
    ) -> Result<Verification, Turned> {
        let begun = self.door.backoff.lock().begin(peer, device, Instant::now());
        begun.map_err(|_| Turned::TooSoon)?;
        let mut attempt = Attempt { door: &self.door, peer, device, outcome: None };
        let turn = self.door.pace.lock().take(Instant::now());
        let turn = turn.map_err(|_| Turned::Crowded)?;
        if turn > Instant::now() {
            tokio::time::sleep_until(turn).await;
        }
        let verdict = ask.await;
        attempt.outcome = Some(verdict);
        Ok(verdict)
    }
}

/// The verifier was not asked.
#[derive(Debug, Clone, Copy)]
enum Turned {
    TooSoon,
    Crowded,
}

/// An attempt that has begun. However it ends, the back-off hears of it.
struct Attempt<'a> {
    door: &'a Door,
    peer: IpAddr,
    device: &'a DeviceId,
    outcome: Option<Verification>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let (mut backoff, now) = (self.door.backoff.lock(), Instant::now());
        match self.outcome {
            Some(Verification::Accepted | Verification::AcceptedBy(_)) => {
                backoff.handle_success(self.peer, self.device)
            }
            Some(Verification::Refused) => backoff.handle_failure(self.peer, now),
            Some(Verification::Unavailable) | None => backoff.handle_no_verdict(self.peer, self.device, now),
        }
    }
}
