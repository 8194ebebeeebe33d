//! What happened at this edge so far, and what there is right now. docs/metrics.md explains each; a test compares the two.

use std::sync::atomic::AtomicU64;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use super::Mqtt;
use super::packet::{ConnectRefusal, Reason};

/// The edge's counters; handles that were resolved once.
#[derive(Debug, Default)]
pub struct Metrics {
    connects: Connects,
    ended: Ended,
    /// Messages of devices, by what became of them.
    pub(super) publishes: Publishes,
    /// Connections refused because too many had not said who they are.
    pub(super) unverified_refused: Counter,
    /// Topics that a client may not read, or too many of them.
    pub(super) subscriptions_refused: Counter,
    /// Desired states that were handed to a client.
    pub(super) desired_sent: Counter,
    /// Application acks that a client will not get because too many waited.
    pub(super) acks_dropped: Counter,
    /// Sessions whose client is not connected.
    pub(super) parked: Gauge<u64, AtomicU64>,
    /// Those that were given up for others.
    pub(super) parked_dropped: Counter,
}

/// Messages of devices, by what became of them.
#[derive(Debug, Default)]
pub(super) struct Publishes {
    pub(super) created: Counter,
    pub(super) replayed: Counter,
    pub(super) rejected: Counter,
    pub(super) forbidden: Counter,
}

#[derive(Debug, Default)]
struct Connects {
    accepted: Counter,
    malformed: Counter,
    unsupported_version: Counter,
    client_id: Counter,
    bad_credential: Counter,
    not_authorized: Counter,
    unavailable: Counter,
    silent: Counter,
}

#[derive(Debug, Default)]
struct Ended {
    disconnected: Counter,
    peer_gone: Counter,
    malformed: Counter,
    protocol_error: Counter,
    not_authorized: Counter,
    keep_alive: Counter,
    replaced: Counter,
    receive_maximum: Counter,
    packet_too_large: Counter,
    topic_alias: Counter,
    qos: Counter,
    retain: Counter,
    subscription_identifier: Counter,
    shutdown: Counter,
    administrative: Counter,
    quota: Counter,
}

/// How the session of a client that was let in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client said so.
    Disconnected,
    /// The connection broke, or was closed without a word.
    PeerGone,
    /// The hub ended it.
    ByHub(Reason),
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
        let metrics = Self {
            connects: Connects::register(registry),
            ended: Ended::register(registry),
            publishes: Publishes::register(registry),
            ..Self::default()
        };
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
        counter("mqtt_desired_states_sent", "Desired states handed to MQTT clients", &metrics.desired_sent);
        counter("mqtt_acks_dropped", "Application acks dropped because too many waited", &metrics.acks_dropped);
        counter(
            "mqtt_parked_sessions_dropped",
            "Sessions of absent MQTT clients given up for others",
            &metrics.parked_dropped,
        );
        let parked = metrics.parked.clone();
        registry.register("mqtt_parked_sessions", "Sessions kept for MQTT clients that are not connected", parked);
        metrics
    }

    /// A client was let in.
    pub(super) fn accepted(&self) {
        self.connects.accepted.inc();
    }

    /// A client was not let in.
    pub(super) fn refused(&self, refusal: ConnectRefusal) {
        self.connects.of(refusal).inc();
    }

    /// A connection had no CONNECT in time.
    pub(super) fn silent(&self) {
        self.connects.silent.inc();
    }

    /// The connection of a client that was let in has ended.
    pub(super) fn ended(&self, end: End) {
        self.ended.of(end).inc();
    }
}

impl Connects {
    fn register(registry: &mut Registry) -> Self {
        let family = Family::<ResultLabels, Counter>::default();
        registry.register("mqtt_connects", "MQTT clients that wanted in, by result", family.clone());
        let of = |result| family.get_or_create(&ResultLabels { result }).clone();
        Self {
            accepted: of("accepted"),
            malformed: of("malformed"),
            unsupported_version: of("unsupported_version"),
            client_id: of("client_id"),
            bad_credential: of("bad_credential"),
            not_authorized: of("not_authorized"),
            unavailable: of("unavailable"),
            silent: of("silent"),
        }
    }

    const fn of(&self, refusal: ConnectRefusal) -> &Counter {
        match refusal {
            ConnectRefusal::Malformed => &self.malformed,
            ConnectRefusal::UnsupportedVersion => &self.unsupported_version,
            ConnectRefusal::ClientId => &self.client_id,
            ConnectRefusal::BadCredential => &self.bad_credential,
            ConnectRefusal::NotAuthorized => &self.not_authorized,
            ConnectRefusal::Unavailable => &self.unavailable,
        }
    }
}

impl Ended {
    fn register(registry: &mut Registry) -> Self {
        let family = Family::<ReasonLabels, Counter>::default();
        registry.register("mqtt_sessions_ended", "Connections of MQTT clients that ended, by reason", family.clone());
        let of = |reason| family.get_or_create(&ReasonLabels { reason }).clone();
        Self {
            disconnected: of("disconnected"),
            peer_gone: of("peer_gone"),
            malformed: of("malformed"),
            protocol_error: of("protocol_error"),
            not_authorized: of("not_authorized"),
            keep_alive: of("silent"),
            replaced: of("replaced"),
            receive_maximum: of("receive_maximum"),
            packet_too_large: of("packet_too_large"),
            topic_alias: of("topic_alias"),
            qos: of("qos"),
            retain: of("retain"),
            subscription_identifier: of("subscription_identifier"),
            shutdown: of("shutdown"),
            administrative: of("administrative"),
            quota: of("quota"),
        }
    }

    const fn of(&self, end: End) -> &Counter {
        match end {
            End::Disconnected => &self.disconnected,
            End::PeerGone => &self.peer_gone,
            End::ByHub(reason) => self.by_hub(reason),
        }
    }

    const fn by_hub(&self, reason: Reason) -> &Counter {
        match reason {
            Reason::Malformed => &self.malformed,
            Reason::ProtocolError => &self.protocol_error,
            Reason::NotAuthorized => &self.not_authorized,
            Reason::KeepAliveTimeout => &self.keep_alive,
            Reason::TakenOver => &self.replaced,
            Reason::ReceiveMaximumExceeded => &self.receive_maximum,
            Reason::PacketTooLarge => &self.packet_too_large,
            Reason::TopicAliasInvalid => &self.topic_alias,
            Reason::QosNotSupported => &self.qos,
            Reason::RetainNotSupported => &self.retain,
            Reason::SubscriptionIdentifierNotSupported => &self.subscription_identifier,
            Reason::ShuttingDown => &self.shutdown,
            Reason::Administrative => &self.administrative,
            Reason::QuotaExceeded => &self.quota,
        }
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
        let unverified = ConstGauge::new(self.unverified_now());
        let metric = encoder.encode_descriptor(
            "mqtt_unverified_connections",
            "MQTT connections whose client has not said who it is yet",
            None,
            unverified.metric_type(),
        )?;
        unverified.encode(metric)
    }
}
