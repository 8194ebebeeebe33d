//! What happened to keys so far. docs/metrics.md explains each.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// What is counted of calls with a key.
#[derive(Debug, Clone, Default)]
pub struct KeyMetrics {
    /// Calls that got the answer of an earlier one.
    pub replays: Counter,
    /// Calls that waited for another one with their key.
    pub shared: Counter,
    /// Calls with a key that was used for another request.
    pub conflicts: Counter,
    /// Calls refused because no more keys could be in flight.
    pub refused: Counter,
    /// Keys that were forgotten before their window had passed.
    pub crowded_out: Counter,
    /// Keys that are remembered or in flight.
    pub remembered: Gauge,
}

impl KeyMetrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let mut counter = |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        counter("idempotency_replays", "Calls that got the answer of an earlier one with their key", &metrics.replays);
        counter("idempotency_shared", "Calls that waited for another one with their key", &metrics.shared);
        counter("idempotency_conflicts", "Calls whose key was used for another request", &metrics.conflicts);
        counter("idempotency_refused", "Calls refused because no more keys could be in flight", &metrics.refused);
        counter(
            "idempotency_crowded_out",
            "Keys that were forgotten before their window had passed",
            &metrics.crowded_out,
        );
        registry.register("idempotency_keys", "Keys that are remembered or in flight", metrics.remembered.clone());
        metrics
    }
}
