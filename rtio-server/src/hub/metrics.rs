//! What happened in the hub so far, for `/metrics` and for tests. docs/metrics.md explains each; a test compares the two.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::call_metrics::{CallMetrics, ObservationMetrics};
use super::events::EventCounters;
use super::{Hub, StatusCode};

/// The hub's counters.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Devices that a newer connection of the same id took over.
    pub take_overs: Counter,
    /// Take-overs slowed because devices dispute an id.
    pub take_overs_slowed: Counter,
    /// Connections refused because too many were not verified yet.
    pub unverified_refused: Counter,
    /// Answers of devices that nobody waited for any more.
    pub answers_dropped: Counter,
    pub(super) calls: Arc<CallMetrics>,
    pub(super) observations: Arc<ObservationMetrics>,
    pub(super) events: EventCounters,
    sessions_ended: Family<EndLabels, Counter>,
    reports: Family<ReportLabels, Counter>,
    verifications: Family<VerificationLabels, Counter>,
}

/// A handful of names of our own, never a peer's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReportLabels {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VerificationLabels {
    outcome: &'static str,
}

/// What is there now, and not counted as it happens.
impl Collector for Hub {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let online = ConstGauge::new(self.devices_online() as u64);
        let metric = encoder.encode_descriptor("devices_online", "Devices online", None, online.metric_type())?;
        online.encode(metric)
    }
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let (calls, observations) = (CallMetrics::register(registry), ObservationMetrics::register(registry));
        let events = EventCounters::register(registry);
        let metrics = Self { calls, observations, events, ..Self::default() };
        let mut counter = |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        counter("take_overs", "Sessions closed by a newer connection of the same device", &metrics.take_overs);
        counter(
            "take_overs_slowed",
            "Take-overs that had to wait because devices dispute an id",
            &metrics.take_overs_slowed,
        );
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
        registry.register("reports", "CoPOSTs of devices that were answered, by outcome", metrics.reports.clone());
        let verifications = metrics.verifications.clone();
        registry.register("verifications", "Devices that wanted in, by outcome", verifications);
        // So that a counter is there, at zero, before what it counts first happens.
        ENDINGS.iter().for_each(|reason| drop(metrics.sessions_ended.get_or_create(&EndLabels { reason })));
        let verified =
            |outcome: &&'static str| drop(metrics.verifications.get_or_create(&VerificationLabels { outcome }));
        VERIFICATION_OUTCOMES.iter().for_each(verified);
        REPORT_OUTCOMES.iter().for_each(|outcome| drop(metrics.reports.get_or_create(&ReportLabels { outcome })));
        metrics
    }

    /// Counts the end of a session, by [reason](rtio_proto::session::CloseReason::name).
    pub fn session_ended(&self, reason: &'static str) {
        self.sessions_ended.get_or_create(&EndLabels { reason }).inc();
    }

    /// Counts the outcome of a verification.
    pub(super) fn verified(&self, outcome: &'static str) {
        self.verifications.get_or_create(&VerificationLabels { outcome }).inc();
    }

    /// Counts the answer to a device's CoPOST.
    pub fn report_answered(&self, status: StatusCode) {
        let outcome = match status {
            StatusCode::Ok => "ok",
            StatusCode::NotFound => "not_found",
            StatusCode::BadRequest
            | StatusCode::MethodNotAllowed
            | StatusCode::TooManyRequests
            | StatusCode::TooManyObservers => "refused",
            StatusCode::Unknown | StatusCode::InternalError | StatusCode::Continue | StatusCode::Terminate => "failed",
        };
        self.reports.get_or_create(&ReportLabels { outcome }).inc();
    }

    /// How many sessions ended for `reason`.
    pub fn sessions_ended(&self, reason: &'static str) -> u64 {
        self.sessions_ended.get(&EndLabels { reason }).map_or(0, |counter| counter.get())
    }
}

/// Usual endings of sessions. Those that break the protocol are counted under their cause, once they happen.
const ENDINGS: [&str; 9] = [
    "peer_gone",
    "silent",
    "replaced",
    "disconnected",
    "revoked",
    "shutdown",
    "refused",
    "verify_timeout",
    "verified_twice",
];

const REPORT_OUTCOMES: [&str; 4] = ["ok", "not_found", "refused", "failed"];

const VERIFICATION_OUTCOMES: [&str; 5] = ["accepted", "refused", "unavailable", "backed_off", "crowded"];
