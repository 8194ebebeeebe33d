//! What is counted of group calls. The calls that they are made of are counted with all others.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The counters.
#[derive(Debug, Clone, Default)]
pub(in crate::http) struct Metrics {
    /// Group calls that have not ended.
    pub(super) open: Gauge,
    /// Refused because there were too many.
    pub(super) refused: Counter,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub(in crate::http) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("group_calls_open", "Group calls that have not ended", metrics.open.clone());
        let refused = metrics.refused.clone();
        registry.register("group_calls_refused", "Group calls refused because there were too many", refused);
        metrics
    }
}
