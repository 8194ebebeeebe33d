//! How pushes went. docs/metrics.md explains each.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// What is counted of pushes. All clones are the same ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics(Family<OutcomeLabels, Counter>);

/// One of a few names of our own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl Metrics {
    pub(super) fn show(&self, registry: &mut Registry) {
        registry.register("realer_pushes", "Desired states that were pushed to a session, by outcome", self.0.clone());
    }

    pub(super) fn count(&self, outcome: &'static str) {
        self.0.get_or_create(&OutcomeLabels { outcome }).inc();
    }
}
