//! What happened in the hub so far, for `/metrics` and for tests. docs/operations.md explains each; a test compares the two.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// The hub's counters.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Devices that a newer connection of the same id took over.
    pub take_overs: Counter,
    /// Connections refused because too many were not verified yet.
    pub unverified_refused: Counter,
    /// Answers of devices that nobody waited for any more.
    pub answers_dropped: Counter,
    sessions_ended: Family<EndLabels, Counter>,
}

/// A handful of names of our own, never a peer's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    reason: &'static str,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let mut counter = |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        counter("take_overs", "Sessions closed by a newer connection of the same device", &metrics.take_overs);
        counter(
            "unverified_refused",
            "Device connections refused at the cap of unverified ones",
            &metrics.unverified_refused,
        );
        counter("answers_dropped", "Answers of devices that nobody waited for any more", &metrics.answers_dropped);
        registry.register(
            "sessions_ended",
            "Sessions of devices that ended, by reason",
            metrics.sessions_ended.clone(),
        );
        metrics
    }

    /// Counts the end of a session, by [reason](rtio_proto::session::CloseReason::name).
    pub fn session_ended(&self, reason: &'static str) {
        self.sessions_ended.get_or_create(&EndLabels { reason }).inc();
    }

    /// How many sessions ended for `reason`.
    pub fn sessions_ended(&self, reason: &'static str) -> u64 {
        self.sessions_ended.get(&EndLabels { reason }).map_or(0, |counter| counter.get())
    }
}
