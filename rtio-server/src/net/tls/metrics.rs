//! What happened to the TLS of each port so far. docs/operations.md explains each.

use std::sync::atomic::AtomicI64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::server_config::Port;

/// The families, from which each port takes its own.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    handshakes: Family<HandshakeLabels, Counter>,
    reloads: Family<PortLabels, Counter>,
    reload_failures: Family<PortLabels, Counter>,
    expiry: Family<PortLabels, Gauge<i64, AtomicI64>>,
}

/// What is counted for one port; handles that were resolved once.
#[derive(Debug)]
pub(super) struct PortMetrics {
    pub(super) handshakes_done: Counter,
    pub(super) handshakes_failed: Counter,
    pub(super) handshakes_timed_out: Counter,
    pub(super) reloads: Counter,
    pub(super) reload_failures: Counter,
    pub(super) expiry: Gauge<i64, AtomicI64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PortLabels {
    port: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HandshakeLabels {
    port: &'static str,
    result: &'static str,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("tls_handshakes", "TLS handshakes, by port and result", metrics.handshakes.clone());
        registry.register("tls_reloads", "Certificates that were read again, by port", metrics.reloads.clone());
        registry.register(
            "tls_reload_failures",
            "Certificates that could not be read again, by port; the old one stays",
            metrics.reload_failures.clone(),
        );
        registry.register(
            "tls_certificate_expiry_seconds",
            "When the certificate of the port expires, in seconds since 1970",
            metrics.expiry.clone(),
        );
        metrics
    }

    /// Those of one port.
    pub(super) fn of(&self, port: Port) -> PortMetrics {
        let port = port.name();
        let handshakes = |result| self.handshakes.get_or_create(&HandshakeLabels { port, result }).clone();
        PortMetrics {
            handshakes_done: handshakes("done"),
            handshakes_failed: handshakes("failed"),
            handshakes_timed_out: handshakes("timed_out"),
            reloads: self.reloads.get_or_create(&PortLabels { port }).clone(),
            reload_failures: self.reload_failures.get_or_create(&PortLabels { port }).clone(),
            expiry: self.expiry.get_or_create(&PortLabels { port }).clone(),
        }
    }
}
