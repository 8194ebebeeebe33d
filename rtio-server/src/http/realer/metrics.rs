//! How requests of control devices went.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The runtime's counters at this edge.
#[derive(Debug, Default)]
pub(in crate::http) struct Metrics {
    requests: Family<Labels, Counter>,
    /// Resolved once: nearly all requests are of these.
    ok: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub(in crate::http) fn register(registry: &mut Registry) -> Self {
        let requests = Family::<Labels, Counter>::default();
        let help = "Requests of control devices over HTTPS, by outcome: ok, or the type of the error";
        registry.register("realer_requests", help, requests.clone());
        let ok = requests.get_or_create(&Labels { outcome: "ok" }).clone();
        Self { requests, ok }
    }

    /// One was answered.
    pub(super) fn succeeded(&self) {
        self.ok.inc();
    }

    /// One was refused; `outcome` is one of the contract's labels, of which there are two dozen.
    pub(super) fn refused(&self, outcome: &'static str) {
        self.requests.get_or_create(&Labels { outcome }).inc();
    }
}
