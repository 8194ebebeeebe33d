//! What came of what devices sent to services. docs/metrics.md explains each.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::outcome::NAMES;

/// Counters of device services, of all of them together. All clones are the same ones.
#[derive(Debug, Clone)]
pub struct ServiceMetrics {
    /// Messages of devices that are at a service now.
    pub in_flight: Gauge,
    /// Posts that were made again.
    pub retries: Counter,
    /// Services that are not asked now because they do not answer.
    pub breakers_open: Gauge,
    /// From the device's message to its answer, pauses and further tries included.
    seconds: Histogram,
    posts: Family<OutcomeLabels, Counter>,
}

/// One of [`NAMES`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl ServiceMetrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "service_in_flight",
            "Messages of devices that are at a device service",
            metrics.in_flight.clone(),
        );
        registry.register("service_retries", "Posts to device services that were made again", metrics.retries.clone());
        registry.register(
            "service_breakers_open",
            "Device services that are not asked because they do not answer",
            metrics.breakers_open.clone(),
        );
        registry.register(
            "service_seconds",
            "Time until a device service answered or failed, further tries included",
            metrics.seconds.clone(),
        );
        registry.register("service_posts", "Messages of devices to device services, by outcome", metrics.posts.clone());
        // So that a counter is there, at zero, before what it counts first happens.
        NAMES.iter().for_each(|outcome| drop(metrics.posts.get_or_create(&OutcomeLabels { outcome })));
        metrics
    }

    /// A message of a device ended, without being posted.
    pub(super) fn refused(&self, outcome: &'static str) {
        self.posts.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// A message of a device that was posted ended.
    pub(super) fn ended(&self, outcome: &'static str, seconds: f64) {
        self.posts.get_or_create(&OutcomeLabels { outcome }).inc();
        self.seconds.observe(seconds);
    }
}

impl Default for ServiceMetrics {
    /// Metrics that nobody shows.
    fn default() -> Self {
        Self {
            in_flight: Gauge::default(),
            retries: Counter::default(),
            breakers_open: Gauge::default(),
            // From 1 ms to the limit of 5 s.
            seconds: Histogram::new(exponential_buckets(0.001, 2.0, 13)),
            posts: Family::default(),
        }
    }
}
