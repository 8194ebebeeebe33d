//! How many group calls there may be at once: of one caller, and of all.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Metrics;
use crate::http::caller_limits::Exceeded;
use crate::token::{Caller, Identity};

/// The group calls there are. All clones are the same ones.
#[derive(Debug, Clone)]
pub(in crate::http) struct Seats(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    max: usize,
    /// By caller, without those that have none: never more than `max`.
    taken: Mutex<HashMap<Identity, usize>>,
    metrics: Metrics,
}

/// One group call; it counts as long as this lives.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Seats,
    identity: Identity,
}

impl Seats {
    /// Room for `max` group calls.
    pub(in crate::http) fn new(max: usize, metrics: Metrics) -> Self {
        Self(Arc::new(Inner { max, taken: Mutex::default(), metrics }))
    }

    /// Lets a caller begin a group call.
    pub(super) fn take(&self, caller: &Caller) -> Result<Seat, Exceeded> {
        let identity = caller.identity();
        let mut taken = self.0.taken.lock();
        let of_all: usize = taken.values().sum();
        let of_caller = taken.get(&identity).copied().unwrap_or(0);
        let full = match (of_caller < MAX_PER_CALLER, of_all < self.0.max) {
            (true, true) => {
                taken.insert(identity, of_caller + 1);
                self.0.metrics.open.inc();
                return Ok(Seat { seats: self.clone(), identity });
            }
            (false, _) => Exceeded::GroupCalls { max: MAX_PER_CALLER },
            (true, false) => Exceeded::GroupCallsInAll { max: self.0.max },
        };
        self.0.metrics.refused.inc();
        Err(full)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Inner { taken, metrics, .. } = &*self.seats.0;
        metrics.open.dec();
        let mut taken = taken.lock();
        if let Some(count) = taken.get_mut(&self.identity) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.identity);
            }
        }
    }
}

/// Group calls of one caller at once. One is as wide as its `concurrency`, so more of them are for different things.
pub(super) const MAX_PER_CALLER: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(number: u32) -> Caller {
        Caller::unchecked(std::net::Ipv4Addr::from(number).into())
    }

    #[test]
    fn one_more_of_a_caller_or_of_all_is_refused_until_one_ends() {
        let seats = Seats::new(10, Metrics::default());
        let take =
            |number, count: usize| -> Vec<Seat> { (0..count).map(|_| seats.take(&caller(number)).unwrap()).collect() };
        let mut first = take(1, MAX_PER_CALLER);
        assert_eq!(seats.take(&caller(1)).unwrap_err(), Exceeded::GroupCalls { max: MAX_PER_CALLER });
        let others = (take(2, MAX_PER_CALLER), take(3, 2));
        assert_eq!(seats.take(&caller(3)).unwrap_err(), Exceeded::GroupCallsInAll { max: 10 });
        first.pop();
        first.push(seats.take(&caller(1)).unwrap());
        assert!(seats.take(&caller(3)).is_err());
        assert_eq!((seats.0.metrics.open.get(), seats.0.metrics.refused.get()), (10, 3));
        drop((first, others));
        assert_eq!((seats.0.metrics.open.get(), seats.0.taken.lock().len()), (0, 0), "nobody is remembered");
    }
}
