//! Who reads events: how many may, how many do.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of those who read events.
#[derive(Debug)]
pub struct EventReaders {
    places: Arc<Semaphore>,
    open: Gauge,
    resets: Counter,
}

/// One reader's place, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    open: Gauge,
    resets: Counter,
    _permit: OwnedSemaphorePermit,
}

impl EventReaders {
    /// Nobody yet; `registry` shows how many there are.
    pub fn register(registry: &mut Registry) -> Self {
        let (open, resets) = (Gauge::default(), Counter::default());
        registry.register("event_readers", "Operators' programs that read events", open.clone());
        registry.register("event_resets", "Times that a reader of events was told that it missed some", resets.clone());
        Self { places: Arc::new(Semaphore::new(MAX_READERS)), open, resets }
    }

    /// A place for one more; `None`: there is none.
    pub(super) fn enter(&self) -> Option<Place> {
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        self.open.inc();
        Some(Place { open: self.open.clone(), resets: self.resets.clone(), _permit: permit })
    }
}

impl Place {
    /// Counts a gap that the reader is told of.
    pub(super) fn count_reset(&self) {
        self.resets.inc();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.dec();
    }
}

/// Half of the operators' 64 connections, so that somebody can look what is wrong with the other half.
pub(super) const MAX_READERS: usize = 32;
