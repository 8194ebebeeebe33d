//! How long things took, as a histogram that costs two atomic additions: the library's own takes a lock, which all callers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Counts by bucket. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Latency {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// By bucket; the last is for what is longer than all limits.
    buckets: [AtomicU64; BUCKETS + 1],
    sum_micros: AtomicU64,
}

impl Latency {
    /// Counts one.
    pub(super) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = LIMITS_MICROS.partition_point(|limit| *limit < micros);
        self.counts.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.counts.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl EncodeMetric for Latency {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        let limits = LIMITS_MICROS.iter().map(|micros| seconds(*micros)).chain([f64::INFINITY]);
        let counts = self.counts.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<(f64, u64)> = limits.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = seconds(self.counts.sum_micros.load(Ordering::Relaxed));
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

/// Upper ends of the buckets in microseconds. Below a millisecond it is the hub and a wire; up to 100 ms a network; then radio and
/// devices that sleep; 10 s and 120 s are the default limits of a call and of what a caller may ask for.
const LIMITS_MICROS: [u64; BUCKETS] = [
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    120_000_000,
];

const BUCKETS: usize = 17;

#[cfg(test)]
mod tests {
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn each_time_is_in_the_bucket_that_ends_at_it_or_next_above() {
        let latency = Latency::default();
        for micros in [0, 250, 251, 1_000, 120_000_000, 120_000_001] {
            latency.observe(Duration::from_micros(micros));
        }
        let mut registry = Registry::default();
        registry.register("call", "h", latency);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "call_bucket{le=\"0.00025\"} 2",
            "call_bucket{le=\"0.0005\"} 3",
            "call_bucket{le=\"0.001\"} 4",
            "call_bucket{le=\"30.0\"} 4",
            "call_bucket{le=\"120.0\"} 5",
            "call_bucket{le=\"+Inf\"} 6",
            "call_count 6",
            "call_sum 240.001502",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
