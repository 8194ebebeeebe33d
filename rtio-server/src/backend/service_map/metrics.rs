//! How large the map is and how the configurer does. docs/metrics.md explains each.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::merge::Merged;
use crate::hub::ServiceSource;

/// Counters of the map. All clones are the same ones.
#[derive(Debug, Clone, Default)]
pub struct MapMetrics {
    uris: Family<SourceLabels, Gauge>,
    polls: Family<OutcomeLabels, Counter>,
    last_good_answer: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl MapMetrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("service_map_uris", "URIs that device services answer, by who says so", metrics.uris.clone());
        registry.register("configurer_polls", "Questions to the configurer, by outcome", metrics.polls.clone());
        registry.register(
            "configurer_last_good_answer_seconds",
            "When the configurer last gave a sound document, in seconds since 1970; 0 before",
            metrics.last_good_answer.clone(),
        );
        // So that they are there, at zero, before anything happens.
        metrics.shows(&Merged::default());
        for outcome in OUTCOMES {
            drop(metrics.polls.get_or_create(&OutcomeLabels { outcome }));
        }
        metrics
    }

    /// The map that counts now.
    pub(super) fn shows(&self, map: &Merged) {
        for source in [ServiceSource::File, ServiceSource::Configurer] {
            let count = map.entries.values().filter(|entry| entry.source == source).count();
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.uris.get_or_create(&SourceLabels { source: source.name() }).set(count);
        }
    }

    /// A question ended like this.
    pub(super) fn polled(&self, outcome: &'static str) {
        self.polls.get_or_create(&OutcomeLabels { outcome }).inc();
    }

    /// The configurer gave a sound document.
    pub(super) fn is_well(&self) {
        self.last_good_answer.set(jiff::Timestamp::now().as_second());
    }
}

/// Sound documents; [`BackendError::name`](crate::backend::BackendError::name); and what is wrong with what came.
const OUTCOMES: [&str; 13] = [
    "changed",
    "same",
    "unreachable",
    "tls",
    "timed_out",
    "broken",
    "status",
    "too_long",
    "nonsense",
    "refused",
    "digest",
    "document",
    "collision",
];
