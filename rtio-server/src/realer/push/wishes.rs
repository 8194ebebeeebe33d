//! Where whoever sets a desired state says so, and where the pusher finds it.

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::metrics::Metrics;
use super::wanted::{Full, Wanted};
use crate::hub::DeviceId;

/// Devices that may have something to be told. Nobody waits to note one.
#[derive(Debug)]
pub(in crate::realer) struct Wishes {
    wanted: Mutex<Wanted>,
    noted: Notify,
    pub(super) metrics: Metrics,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { wanted: Mutex::new(Wanted::new(MAX_WANTED)), noted: Notify::new(), metrics: Metrics::default() }
    }
}

impl Wishes {
    /// A desired state of this device was set.
    pub(in crate::realer) fn note(&self, device: &DeviceId) {
        let noted = self.wanted.lock().note(device);
        match noted {
            Ok(()) => self.noted.notify_one(),
            Err(Full) => self.metrics.count("crowded"),
        }
    }

    /// Something else is agreed with this device.
    pub(in crate::realer) fn insist(&self, device: &DeviceId) {
        self.wanted.lock().insist(device);
        self.noted.notify_one();
    }

    /// This device has a new session.
    pub(super) fn wake(&self, device: &DeviceId) -> Result<(), Full> {
        self.wanted.lock().wake(device)
    }

    /// Waits until a device was noted since the last time.
    pub(super) async fn noted(&self) {
        self.noted.notified().await;
    }

    /// The next device to work for, until the place is dropped.
    pub(super) fn take(&self) -> Option<DeviceId> {
        self.wanted.lock().take(Instant::now())
    }

    /// The work for it has ended, or goes on later.
    pub(super) fn give_back(&self, device: &DeviceId, rest_until: Option<Instant>) {
        let mut wanted = self.wanted.lock();
        match rest_until {
            Some(until) => wanted.rest(device, until),
            None => wanted.done(device),
        }
    }

    /// When somebody has rested long enough.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.wanted.lock().next_at()
    }
}

/// Devices that are noted, worked for or resting, 100 bytes each.
const MAX_WANTED: usize = 65_536;
