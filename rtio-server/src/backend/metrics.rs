//! What happened between the hub and its backends. docs/operations.md explains each.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::device_service::ServiceMetrics;

/// Counters of the backends. All clones are the same ones.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// How long the verifier took for an answer, or to fail.
    pub verifier_seconds: Histogram,
    /// Devices that were let in because the verifier accepted them lately.
    pub verifier_cache_hits: Counter,
    /// 1 while the verifier is not asked because it does not answer.
    pub verifier_breaker_open: Gauge,
    verifier_failures: Family<FailureLabels, Counter>,
    /// Of the services that answer devices.
    pub services: ServiceMetrics,
}

/// A handful of names of our own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    reason: &'static str,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self { services: ServiceMetrics::register(registry), ..Self::default() };
        registry.register(
            "verifier_seconds",
            "Time until the verifier answered or failed",
            metrics.verifier_seconds.clone(),
        );
        registry.register(
            "verifier_cache_hits",
            "Devices let in because the verifier accepted them lately",
            metrics.verifier_cache_hits.clone(),
        );
        registry.register(
            "verifier_breaker_open",
            "1 while the verifier is not asked because it does not answer",
            metrics.verifier_breaker_open.clone(),
        );
        registry.register(
            "verifier_failures",
            "Questions that the verifier did not answer, by reason",
            metrics.verifier_failures.clone(),
        );
        // So that a counter is there, at zero, before what it counts first happens.
        let known = |reason: &&'static str| drop(metrics.verifier_failures.get_or_create(&FailureLabels { reason }));
        FAILURES.iter().for_each(known);
        metrics
    }

    /// Counts a question without an answer.
    pub fn verifier_failed(&self, reason: &'static str) {
        self.verifier_failures.get_or_create(&FailureLabels { reason }).inc();
    }

    /// Questions without an answer for `reason`.
    pub fn verifier_failures(&self, reason: &'static str) -> u64 {
        self.verifier_failures.get(&FailureLabels { reason }).map_or(0, |counter| counter.get())
    }
}

impl Default for Metrics {
    /// Metrics that nobody shows.
    fn default() -> Self {
        Self {
            // From 1 ms to the limit of 5 s.
            verifier_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 13)),
            verifier_cache_hits: Counter::default(),
            verifier_breaker_open: Gauge::default(),
            verifier_failures: Family::default(),
            services: ServiceMetrics::default(),
        }
    }
}

/// [`BackendError::name`](super::BackendError::name), and an answer that is none to the question.
const FAILURES: [&str; 7] = ["unreachable", "tls", "timed_out", "broken", "status", "too_long", "nonsense"];
