//! What is counted of calls and observations. A call costs four atomic additions and a look at the clock.

use std::sync::Arc;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use super::CallError;
use super::latency::Latency;
use super::outcome::{ByOutcome, Outcome};

/// What is counted of calls.
#[derive(Debug, Default)]
pub(super) struct CallMetrics {
    begun: Counter,
    ended: ByOutcome,
    /// Of those that the device answered.
    latency: Latency,
}

impl CallMetrics {
    pub(super) fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Arc::new(Self::default());
        registry.register("calls", "Calls that ended, by outcome", metrics.ended.family.clone());
        registry.register("calls_in_flight", "Calls that have not ended", InFlight(Arc::clone(&metrics)));
        registry.register(
            "call_duration_seconds",
            "Time from the call to the device's answer, of calls that it answered",
            metrics.latency.clone(),
        );
        metrics
    }

    /// A call begins.
    pub(super) fn begin(&self) -> CallMeter<'_> {
        self.begun.inc();
        CallMeter { metrics: self, started: Instant::now(), outcome: Outcome::Left }
    }
}

/// One call that is under way. Dropped before its outcome is known, its caller has left.
pub(super) struct CallMeter<'a> {
    metrics: &'a CallMetrics,
    started: Instant,
    outcome: Outcome,
}

impl CallMeter<'_> {
    /// The call has ended.
    pub(super) fn end<T>(mut self, result: &Result<T, CallError>) {
        self.outcome = Outcome::of(result);
        if self.outcome.is_answer() {
            self.metrics.latency.observe(self.started.elapsed());
        }
    }

    /// The hub has answered on the device's behalf: how long that took is no matter of the device.
    pub(super) fn end_by_hub(mut self) {
        self.outcome = Outcome::Shadow;
    }
}

impl Drop for CallMeter<'_> {
    fn drop(&mut self) {
        self.metrics.ended.count(self.outcome);
    }
}

/// The difference of two counters that are there anyway, instead of a third that each call would change twice.
#[derive(Debug)]
struct InFlight(Arc<CallMetrics>);

impl EncodeMetric for InFlight {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> Result<(), std::fmt::Error> {
        // In this order: a call that ends in between is not counted twice.
        let ended = self.0.ended.total();
        encoder.encode_gauge(&self.0.begun.get().saturating_sub(ended))
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Gauge
    }
}

/// What is counted of observations.
#[derive(Debug, Default)]
pub(super) struct ObservationMetrics {
    begun: ByOutcome,
    open: Gauge,
    frames: Counter,
}

impl ObservationMetrics {
    pub(super) fn register(registry: &mut Registry) -> Arc<Self> {
        let metrics = Arc::new(Self::default());
        registry.register("observations", "Observations asked for, by how that went", metrics.begun.family.clone());
        registry.register("observations_open", "Observations that are open or asked for", metrics.open.clone());
        registry.register("observation_frames", "Frames handed to callers that observe", metrics.frames.clone());
        metrics
    }

    /// It was asked whether an observation may begin.
    pub(super) fn asked<T>(&self, result: &Result<T, CallError>) {
        self.begun.count(Outcome::of(result));
    }

    /// The hub has begun an observation on a device's behalf.
    pub(super) fn begun_by_hub(&self) {
        self.begun.count(Outcome::Shadow);
    }

    /// The caller left before the device answered.
    pub(super) fn left(&self) {
        self.begun.count(Outcome::Left);
    }

    pub(super) fn opened(&self) {
        self.open.inc();
    }

    pub(super) fn closed(&self) {
        self.open.dec();
    }

    pub(super) fn frame(&self) {
        self.frames.inc();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text_of(registry: &Registry) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, registry).unwrap();
        text
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_in_flight_until_it_ends_and_has_one_outcome() {
        let mut registry = Registry::default();
        let metrics = CallMetrics::register(&mut registry);
        let (answered, left, offline) = (metrics.begin(), metrics.begin(), metrics.begin());
        assert!(text_of(&registry).contains("calls_in_flight 3\n"));
        tokio::time::advance(Duration::from_secs(2)).await;
        answered.end::<()>(&Ok(()));
        offline.end::<()>(&Err(CallError::DeviceOffline));
        drop(left);
        let text = text_of(&registry);
        for line in [
            "calls_in_flight 0",
            "calls_total{outcome=\"ok\"} 1",
            "calls_total{outcome=\"offline\"} 1",
            "calls_total{outcome=\"left\"} 1",
            "call_duration_seconds_sum 2.0",
            "call_duration_seconds_count 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
