//! Who came and who went: the newest events of all devices' presence, in one ring that all readers share. A reader keeps its place in
//! it and nothing else, so that one that never reads costs the hub nothing and misses what is forgotten meanwhile.

mod counters;
mod event;
mod filter;
mod pieces;
mod ring;
#[cfg(test)]
mod tests;

use core::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

pub(super) use counters::EventCounters;
pub use event::{Change, Epoch, Event, EventId, EventKind, OfflineCause};
pub use filter::EventFilter;
pub use ring::{Gap, Page};

use ring::Ring;

use super::DeviceId;

/// What happened to devices' presence lately.
#[derive(Debug)]
pub struct Events {
    ring: Mutex<Ring>,
    grown: Notify,
    next_epoch: AtomicU64,
}

impl Events {
    /// No events yet; the newest `max` will be kept, about 100 bytes each.
    pub(super) fn new(max: usize) -> Self {
        // Microseconds: more than a hub has sessions or events, so that the numbers of its next run are greater.
        let start = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(1).max(1);
        Self { ring: Mutex::new(Ring::new(max, start)), grown: Notify::new(), next_epoch: AtomicU64::new(start) }
    }

    /// The number of a new session.
    pub(super) fn begin_epoch(&self) -> Epoch {
        Epoch(self.next_epoch.fetch_add(1, Ordering::Relaxed))
    }

    /// Keeps an event. To be called in the order in which things happen to one device, and [`wake`](Self::wake) after it, once no
    /// lock is held.
    pub(super) fn push(&self, device: &DeviceId, epoch: Epoch, peer: SocketAddr, change: Change) {
        let (time, device) = (Timestamp::now(), device.clone());
        let forgotten = self.ring.lock().push(|id| Event { id, time, device, epoch, peer, change });
        // After the lock: it may be the last that knew the device's id.
        drop(forgotten);
    }

    /// Wakes who waits for an event.
    pub(super) fn wake(&self) {
        self.grown.notify_waiters();
    }

    /// The last event so far: where a reader begins that only wants what is new.
    pub fn newest(&self) -> EventId {
        self.ring.lock().newest()
    }

    /// Events after `seen`, at most `max` of them, and whether any before them are gone.
    pub fn after(&self, seen: EventId, max: usize) -> Page {
        self.ring.lock().after(seen, max)
    }

    /// Waits until there is an event after `seen`.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only looks.
    pub async fn grown_beyond(&self, seen: EventId) {
        loop {
            // Made before the look: an event that comes between the two wakes it.
            let grown = self.grown.notified();
            if self.newest() != seen {
                return;
            }
            grown.await;
        }
    }
}
