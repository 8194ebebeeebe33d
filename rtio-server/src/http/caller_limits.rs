//! How much one caller may do: calls and observations at once, and begun in a second.
//!
//! A caller is its token; where there are no tokens, its address. Those seen last are remembered, in a young and an old half as in
//! `token/cache.rs`: when the young half is full it becomes the old one, and who was in the old one begins anew, except for
//! callers with something in flight.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use governor::clock::Clock as _;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter, clock, middleware};
use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::token::{Caller, Identity};

/// What one caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerLimits {
    /// Most calls and observations at once; 0 for any number.
    pub max_in_flight: usize,
    /// How often it may begin one; `None` for as often as it likes.
    pub rate: Option<CallerRate>,
}

/// How often a caller may begin a call or an observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerRate {
    /// How many in each second, in the long run.
    pub per_second: NonZeroU32,
    /// How many at once after a pause.
    pub burst: NonZeroU32,
}

/// The limits, and what callers have done.
#[derive(Debug)]
pub struct Limits {
    limits: CallerLimits,
    clock: Clock,
    shards: Box<[Mutex<Shard>]>,
    /// Most callers in half a shard.
    max_half: usize,
    metrics: LimitMetrics,
}

/// A call or an observation of a caller; it is in flight as long as this lives.
#[derive(Debug)]
pub(super) struct Place {
    account: Option<Arc<Account>>,
}

/// Which limit a caller has reached, or all have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Exceeded {
    #[error("a caller may have {max} calls and observations in flight; it has them")]
    InFlight { max: usize },
    #[error("a caller may begin {per_second} calls and observations in a second; wait for {} ms", wait.as_millis())]
    Rate { per_second: u32, wait: Duration },
    #[error("the hub has as many calls with an Idempotency-Key in flight as it can remember")]
    Keys,
    #[error("a caller may have {max} group calls in flight; it has them")]
    GroupCalls { max: usize },
    #[error("the hub may have {max} group calls in flight; it has them")]
    GroupCallsInAll { max: usize },
}

/// What happened at the limits so far.
#[derive(Debug, Default)]
pub struct LimitMetrics {
    /// Refused because the caller had too many in flight.
    pub in_flight_refused: Counter,
    /// Refused because the caller began too many.
    pub rate_refused: Counter,
}

#[derive(Debug, Default)]
struct Shard {
    young: Half,
    old: Half,
}

type Half = HashMap<Identity, Arc<Account>, foldhash::fast::RandomState>;

/// What one caller has done. Whoever has something in flight holds a clone.
#[derive(Debug)]
struct Account {
    in_flight: AtomicUsize,
    rate: Option<RateLimiter<NotKeyed, InMemoryState, Clock, middleware::NoOpMiddleware<Duration>>>,
}

/// The runtime's clock as governor wants it: time since the hub's start.
#[derive(Debug, Clone, Copy)]
struct Clock {
    start: Instant,
}

impl Limits {
    /// Limits for callers that have done nothing yet.
    pub fn new(limits: CallerLimits, metrics: LimitMetrics) -> Self {
        Self::with_memory(limits, metrics, MAX_CALLERS)
    }

    fn with_memory(limits: CallerLimits, metrics: LimitMetrics, max_callers: usize) -> Self {
        let shards = SHARDS.min(max_callers / 2).max(1);
        Self {
            limits,
            clock: Clock { start: Instant::now() },
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            max_half: (max_callers / 2 / shards).max(1),
            metrics,
        }
    }

    /// Lets a caller begin a call or an observation.
    pub(super) fn begin(&self, caller: &Caller) -> Result<Place, Exceeded> {
        self.try_begin(caller).inspect_err(|exceeded| self.metrics.count(exceeded))
    }

    /// The same for somebody who comes back when it may not: that is not counted as refused.
    pub(super) fn try_begin(&self, caller: &Caller) -> Result<Place, Exceeded> {
        let CallerLimits { max_in_flight, rate } = self.limits;
        if max_in_flight == 0 && rate.is_none() {
            return Ok(Place { account: None });
        }
        let account = self.account(caller.identity());
        // Counted first, so that two that come at once cannot both be the last.
        let before = account.in_flight.fetch_add(1, Ordering::Relaxed);
        let place = Place { account: Some(Arc::clone(&account)) };
        if max_in_flight > 0 && before >= max_in_flight {
            return Err(Exceeded::InFlight { max: max_in_flight });
        }
        match (&account.rate, rate) {
            (Some(limiter), Some(CallerRate { per_second, .. })) => match limiter.check() {
                Ok(()) => Ok(place),
                Err(until) => {
                    let wait = until.wait_time_from(self.clock.now());
                    Err(Exceeded::Rate { per_second: per_second.get(), wait })
                }
            },
            (None, _) | (_, None) => Ok(place),
        }
    }

    fn account(&self, identity: Identity) -> Arc<Account> {
        let mut shard = self.shard(&identity).lock();
        if let Some(account) = shard.young.get(&identity) {
            return Arc::clone(account);
        }
        let account = shard.old.remove(&identity).unwrap_or_else(|| Arc::new(self.new_account()));
        shard.keep(identity, Arc::clone(&account), self.max_half);
        account
    }

    fn new_account(&self) -> Account {
        let quota = |rate: CallerRate| Quota::per_second(rate.per_second).allow_burst(rate.burst);
        let rate = self.limits.rate.map(|rate| RateLimiter::direct_with_clock(quota(rate), self.clock));
        Account { in_flight: AtomicUsize::new(0), rate }
    }

    fn shard(&self, identity: &Identity) -> &Mutex<Shard> {
        let byte = match identity {
            Identity::Token(digest) => digest[0],
            Identity::Peer(std::net::IpAddr::V4(addr)) => addr.octets()[3],
            Identity::Peer(std::net::IpAddr::V6(addr)) => addr.octets()[7],
        };
        &self.shards[usize::from(byte) % self.shards.len()]
    }
}

impl Shard {
    fn keep(&mut self, identity: Identity, account: Arc<Account>, max_half: usize) {
        if self.young.len() >= max_half {
            let forgotten = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
            let busy = forgotten.into_iter().filter(|(_, account)| Arc::strong_count(account) > 1);
            // Half of the room stays for newcomers, whoever is busy.
            self.young.extend(busy.take(max_half / 2));
        }
        self.young.insert(identity, account);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(account) = &self.account {
            account.in_flight.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Exceeded {
    /// Whole seconds after which doing it again makes sense: for `Retry-After`.
    pub(super) fn wait_seconds(self) -> u64 {
        match self {
            Self::InFlight { .. } | Self::Keys => IN_FLIGHT_WAIT_SECONDS,
            Self::GroupCalls { .. } | Self::GroupCallsInAll { .. } => GROUP_CALLS_WAIT_SECONDS,
            Self::Rate { wait, .. } => wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1),
        }
    }
}

impl LimitMetrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let mut counter = |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        counter(
            "caller_in_flight_refused",
            "Calls and observations refused because their caller had too many in flight",
            &metrics.in_flight_refused,
        );
        counter(
            "caller_rate_refused",
            "Calls and observations refused because their caller began too many",
            &metrics.rate_refused,
        );
        metrics
    }

    fn count(&self, exceeded: &Exceeded) {
        match exceeded {
            Exceeded::InFlight { .. } => self.in_flight_refused.inc(),
            Exceeded::Rate { .. } => self.rate_refused.inc(),
            // They have counters of their own.
            Exceeded::Keys | Exceeded::GroupCalls { .. } | Exceeded::GroupCallsInAll { .. } => 0,
        };
    }
}

impl clock::Clock for Clock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Callers that are remembered. Each takes about 200 bytes.
const MAX_CALLERS: usize = 65_536;

/// Several times as many as a machine has cores, so that two callers seldom want the same one.
const SHARDS: usize = 16;

/// A call takes a fraction of a second as a rule.
const IN_FLIGHT_WAIT_SECONDS: u64 = 1;

/// A group call takes seconds as a rule.
const GROUP_CALLS_WAIT_SECONDS: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(number: u32) -> Caller {
        Caller::unchecked(std::net::Ipv4Addr::from(number).into())
    }

    fn limits(max_in_flight: usize, rate: Option<(u32, u32)>) -> Limits {
        let number = |number| NonZeroU32::new(number).unwrap();
        let rate = rate.map(|(per_second, burst)| CallerRate { per_second: number(per_second), burst: number(burst) });
        Limits::with_memory(CallerLimits { max_in_flight, rate }, LimitMetrics::default(), 100)
    }

    #[test]
    fn without_limits_nothing_is_remembered() {
        let limits = limits(0, None);
        let places: Vec<_> = (0..1000).map(|_| limits.begin(&caller(1)).unwrap()).collect();
        assert!(places.iter().all(|place| place.account.is_none()));
    }

    #[test]
    fn one_more_in_flight_is_refused_until_one_ends() {
        let limits = limits(2, None);
        let mut places: Vec<_> = (0..2).map(|_| limits.begin(&caller(1)).unwrap()).collect();
        for _ in 0..3 {
            assert_eq!(limits.begin(&caller(1)).unwrap_err(), Exceeded::InFlight { max: 2 });
        }
        assert!(limits.begin(&caller(2)).is_ok(), "another caller has places of its own");
        places.pop();
        places.push(limits.begin(&caller(1)).unwrap());
        assert!(limits.begin(&caller(1)).is_err());
        assert_eq!(limits.metrics.in_flight_refused.get(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_through_and_then_the_rate_counts() {
        let limits = limits(0, Some((10, 3)));
        for _ in 0..3 {
            limits.begin(&caller(1)).unwrap();
        }
        let expected = Exceeded::Rate { per_second: 10, wait: Duration::from_millis(100) };
        assert_eq!(limits.begin(&caller(1)).unwrap_err(), expected);
        assert_eq!(expected.wait_seconds(), 1);
        assert!(limits.begin(&caller(2)).is_ok());
        tokio::time::advance(Duration::from_millis(99)).await;
        assert!(limits.begin(&caller(1)).is_err());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(limits.begin(&caller(1)).is_ok());
        assert!(limits.begin(&caller(1)).is_err());
        tokio::time::advance(Duration::from_secs(3600)).await;
        let after_a_pause = (0..10).filter(|_| limits.begin(&caller(1)).is_ok()).count();
        assert_eq!((after_a_pause, limits.metrics.rate_refused.get()), (3, 10));
    }

    #[test]
    fn many_callers_are_forgotten_but_for_the_busy_ones() {
        let limits = limits(1, None);
        let busy = limits.begin(&caller(0)).unwrap();
        for number in 1..10_000 {
            limits.begin(&caller(number)).unwrap();
            let size = |shard: &Mutex<Shard>| {
                let shard = shard.lock();
                shard.young.len() + shard.old.len()
            };
            assert!(limits.shards.iter().map(size).sum::<usize>() <= 100);
        }
        assert!(limits.begin(&caller(0)).is_err(), "who has a call in flight is still known");
        drop(busy);
        assert!(limits.begin(&caller(0)).is_ok());
    }

    #[test]
    fn where_all_are_busy_the_oldest_begin_anew() {
        let limits = limits(1, None);
        let places: Vec<_> = (0..1000).map(|number| limits.begin(&caller(number)).unwrap()).collect();
        let known = (0..1000).filter(|number| limits.begin(&caller(*number)).is_err()).count();
        assert!((1..=100).contains(&known), "{known}");
        drop(places);
    }
}
