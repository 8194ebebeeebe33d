//! What happened so far, by name. Counters only grow.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// One number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The hub's counters.
#[derive(Debug, Default)]
pub struct Counters {
    /// Devices that a newer connection of the same id took over.
    pub take_overs: Counter,
    /// Connections refused because too many were not verified yet.
    pub unverified_refused: Counter,
    /// Answers of devices that nobody waited for any more.
    pub answers_dropped: Counter,
    /// Sessions ended, by [reason](rtio_proto::session::CloseReason::name): a handful of names, never a peer's text.
    sessions_ended: Mutex<Vec<(&'static str, u64)>>,
}

impl Counters {
    /// Counts the end of a session.
    pub fn session_ended(&self, reason: &'static str) {
        let mut ended = self.sessions_ended.lock();
        match ended.iter_mut().find(|(name, _)| *name == reason) {
            Some((_, count)) => *count += 1,
            None => ended.push((reason, 1)),
        }
    }

    /// How many sessions ended for `reason`.
    pub fn sessions_ended(&self, reason: &str) -> u64 {
        self.sessions_ended.lock().iter().find(|(name, _)| *name == reason).map_or(0, |(_, count)| *count)
    }
}
