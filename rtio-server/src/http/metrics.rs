//! What callers did so far. docs/operations.md explains each.

use hyper::Version;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::idempotency::KeyMetrics;
use super::{group, realer};

/// The edge's counters.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(super) keys: KeyMetrics,
    h1_requests: Counter,
    h2_requests: Counter,
    pub(super) group: group::Metrics,
    pub(super) realer: realer::Metrics,
}

/// One of two names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabels {
    version: &'static str,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let requests = Family::<VersionLabels, Counter>::default();
        registry.register("http_requests", "Requests of callers, by version of HTTP", requests.clone());
        // Resolved once: to find them for each request costs as much as a route.
        let of = |version| requests.get_or_create(&VersionLabels { version }).clone();
        let (h1_requests, h2_requests) = (of("1"), of("2"));
        let (keys, group) = (KeyMetrics::register(registry), group::Metrics::register(registry));
        let realer = realer::Metrics::register(registry);
        Self { keys, h1_requests, h2_requests, group, realer }
    }

    /// A request was taken.
    pub(super) fn request(&self, version: Version) {
        let counter = if version == Version::HTTP_2 { &self.h2_requests } else { &self.h1_requests };
        counter.inc();
    }
}
