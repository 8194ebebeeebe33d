//! What the store did so far. docs/operations.md explains each.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// The store's counters. All clones are the same ones.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Time from the first change of a group to its durable commit.
    pub commit_seconds: Histogram,
    /// Changes that were committed, or failed to be.
    pub changes: Counter,
    /// Groups of changes that could not be committed, such as on a full disk.
    pub failed_commits: Counter,
    /// 1 once a part of the file was found damaged.
    pub damaged: Gauge,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let seconds = metrics.commit_seconds.clone();
        registry.register("store_commit_seconds", "Time of a commit of the store, with its sync of the disk", seconds);
        registry.register("store_changes", "Changes handed to the store", metrics.changes.clone());
        let failed = metrics.failed_commits.clone();
        registry.register("store_failed_commits", "Commits that failed, such as on a full disk", failed);
        let damaged = metrics.damaged.clone();
        registry.register("store_damaged", "Whether a part of the store was found damaged while the hub ran", damaged);
        metrics
    }
}

impl Default for Metrics {
    /// Metrics that nobody shows.
    fn default() -> Self {
        // From 0.1 ms, which is a disk with a battery, to 1.6 s.
        Self {
            commit_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 15)),
            changes: Counter::default(),
            failed_commits: Counter::default(),
            damaged: Gauge::default(),
        }
    }
}
