//! Connections whose peer has not shown who it is: how many of them there may be at an edge.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Notice;

/// Places for connections that are not verified yet.
#[derive(Debug)]
pub struct Unverified {
    port: &'static str,
    places: Arc<Semaphore>,
    max: usize,
    refusals: Notice,
}

impl Unverified {
    /// As many as `max` places at this port.
    pub fn new(port: &'static str, max: usize) -> Self {
        let max = max.min(Semaphore::MAX_PERMITS);
        Self { port, places: Arc::new(Semaphore::new(max)), max, refusals: Notice::new() }
    }

    /// A place, until it is dropped. `None`: all are taken, which is logged at most once a second.
    pub fn enter(&self, peer: SocketAddr) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        if place.is_none()
            && let Some(left_out) = self.refusals.due()
        {
            tracing::warn!(port = self.port, %peer, left_out, "connection refused: as many unverified ones as are allowed");
        }
        place
    }

    /// Places that are taken.
    pub fn taken(&self) -> u64 {
        self.max.saturating_sub(self.places.available_permits()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_places_as_were_said_and_one_is_free_again_once_it_is_left() {
        let (unverified, peer) = (Unverified::new("devices", 2), ([127, 0, 0, 1], 1).into());
        let (one, two) = (unverified.enter(peer), unverified.enter(peer));
        assert!(one.is_some() && two.is_some() && unverified.enter(peer).is_none());
        assert_eq!(unverified.taken(), 2);
        drop(one);
        assert_eq!(unverified.taken(), 1);
        assert!(unverified.enter(peer).is_some());
    }
}
