//! What happened at this edge so far, and what there is right now. docs/metrics.md explains each; a test compares the two.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::Mqtt;
use super::session::Incidents;
use crate::realer::AckOutcome;

/// The edge's counters. Handles of what happens often were resolved once.
#[derive(Debug, Default)]
pub struct Metrics {
    connects: Family<ResultLabels, Counter>,
    ended: Family<ReasonLabels, Counter>,
    publishes: Publishes,
    /// Connections refused because too many had not said who they are.
    pub(super) unverified_refused: Counter,
    /// Topics that a client may not read, or too many of them.
    subscriptions_refused: Counter,
    /// Desired states that were handed to a client.
    pub(super) desired_states_sent: Counter,
    /// Application acks that a client will not get because too many waited.
    acks_dropped: Counter,
    /// Messages that a client takes no packet for.
    too_large: Counter,
    /// Sessions of absent clients that were given up for others.
    pub(super) parked_dropped: Counter,
}

/// Messages of devices, by what became of them.
#[derive(Debug, Default)]
struct Publishes {
    created: Counter,
    replayed: Counter,
    rejected: Counter,
    forbidden: Counter,
}

/// A handful of names of our own, never a peer's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

/// The same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// The same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self { publishes: Publishes::register(registry), ..Self::default() };
        registry.register("mqtt_connects", "MQTT clients that wanted in, by result", metrics.connects.clone());
        let ended = metrics.ended.clone();
        registry.register("mqtt_sessions_ended", "Connections of MQTT clients that ended, by reason", ended);
        let mut counter = |name: &str, help: &str, counter: &Counter| registry.register(name, help, counter.clone());
        counter(
            "mqtt_unverified_refused",
            "MQTT connections refused at the cap of unverified ones",
            &metrics.unverified_refused,
        );
        counter(
            "mqtt_subscriptions_refused",
            "Topics that an MQTT client may not read, or one too many",
            &metrics.subscriptions_refused,
        );
        counter("mqtt_desired_states_sent", "Desired states handed to MQTT clients", &metrics.desired_states_sent);
        counter("mqtt_acks_dropped", "Application acks dropped because too many waited", &metrics.acks_dropped);
        counter("mqtt_messages_too_large", "Messages larger than the MQTT client takes", &metrics.too_large);
        counter(
            "mqtt_parked_sessions_dropped",
            "Sessions of absent MQTT clients given up for others",
            &metrics.parked_dropped,
        );
        // So that a counter is there, at zero, before what it counts first happens.
        RESULTS.iter().for_each(|result| drop(metrics.connects.get_or_create(&ResultLabels { result })));
        ENDS.iter().for_each(|reason| drop(metrics.ended.get_or_create(&ReasonLabels { reason })));
        metrics
    }

    /// A client was let in, or why not.
    pub(super) fn connected(&self, result: &'static str) {
        self.connects.get_or_create(&ResultLabels { result }).inc();
    }

    /// The connection of a client that was let in has ended.
    pub(super) fn ended(&self, reason: &'static str) {
        self.ended.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// What became of a message that the runtime was asked about.
    pub(super) fn published(&self, outcome: AckOutcome) {
        match outcome {
            AckOutcome::Created => self.publishes.created.inc(),
            AckOutcome::Replayed => self.publishes.replayed.inc(),
            AckOutcome::Rejected => self.publishes.rejected.inc(),
        };
    }

    /// What went wrong in a session.
    pub(super) fn happened(&self, incidents: Incidents) {
        self.acks_dropped.inc_by(incidents.acks_dropped);
        self.too_large.inc_by(incidents.too_large);
        self.publishes.forbidden.inc_by(incidents.forbidden);
        self.subscriptions_refused.inc_by(incidents.subscriptions_refused);
    }
}

impl Publishes {
    fn register(registry: &mut Registry) -> Self {
        let family = Family::<OutcomeLabels, Counter>::default();
        registry.register("mqtt_publishes", "Messages of MQTT clients, by what became of them", family.clone());
        let of = |outcome| family.get_or_create(&OutcomeLabels { outcome }).clone();
        Self { created: of("created"), replayed: of("replayed"), rejected: of("rejected"), forbidden: of("forbidden") }
    }
}

/// What there is right now.
impl Collector for Mqtt {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let unverified = ConstGauge::new(self.unverified.taken());
        let metric = encoder.encode_descriptor(
            "mqtt_unverified_connections",
            "MQTT connections whose client has not said who it is yet",
            None,
            unverified.metric_type(),
        )?;
        unverified.encode(metric)?;
        let parked = ConstGauge::new(self.sessions.parked() as u64);
        let metric = encoder.encode_descriptor(
            "mqtt_parked_sessions",
            "Sessions kept for MQTT clients that are not connected",
            None,
            parked.metric_type(),
        )?;
        parked.encode(metric)
    }
}

/// What becomes of who wants in (`beginning.rs`).
const RESULTS: [&str; 10] = [
    "accepted",
    "malformed",
    "version",
    "client_id",
    "credential",
    "not_authorized",
    "unavailable",
    "protocol",
    "no_connect",
    "broke",
];

/// How connections end (`session/end.rs`).
const ENDS: [&str; 11] = [
    "left",
    "broke",
    "vanished",
    "silent",
    "forbidden",
    "protocol",
    "expired",
    "replaced",
    "disconnected",
    "revoked",
    "shutdown",
];
