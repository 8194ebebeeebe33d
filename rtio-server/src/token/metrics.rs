//! What happened to tokens so far, for `/metrics` and for tests. docs/operations.md explains each; a test compares the two.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::check::Refusal;

/// Counters of tokens.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Requests whose token was known to be good.
    pub cache_hits: Counter,
    /// Requests whose token had to be verified.
    pub cache_misses: Counter,
    /// Key sources that were read.
    pub keys_read: Counter,
    /// Key sources that could not be read and kept what they had.
    pub keys_failed: Counter,
    refused: Family<CauseLabels, Counter>,
}

/// A handful of names of our own, never a caller's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabels {
    cause: &'static str,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let mut counter = |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        counter("token_cache_hits", "Requests whose token was known to be good", &metrics.cache_hits);
        counter("token_cache_misses", "Requests whose token had to be verified", &metrics.cache_misses);
        counter("token_keys_read", "Readings of a key file or key set", &metrics.keys_read);
        counter(
            "token_keys_failed",
            "Readings of a key file or key set that failed; the last good keys stay",
            &metrics.keys_failed,
        );
        registry.register(
            "token_refused",
            "Requests that were refused for their token, by cause",
            metrics.refused.clone(),
        );
        metrics
    }

    /// Counts a refused request.
    pub fn refuse(&self, refusal: Refusal) {
        self.refused.get_or_create(&CauseLabels { cause: refusal.name() }).inc();
    }

    /// How many requests were refused for `cause`, which is a [`Refusal::name`].
    pub fn refused(&self, cause: &'static str) -> u64 {
        self.refused.get(&CauseLabels { cause }).map_or(0, |counter| counter.get())
    }
}
