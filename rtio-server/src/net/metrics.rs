//! What happened at the ports so far. docs/operations.md explains each.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::sync::Semaphore;

/// The counters of all ports.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    accepted: Family<PortLabels, Counter>,
    refused: Family<RefusedLabels, Counter>,
    open: Arc<Open>,
}

/// The counters of one port.
#[derive(Debug, Clone)]
pub struct PortMetrics {
    port: &'static str,
    accepted: Counter,
    all: Metrics,
}

/// A handful of names of our own, never a peer's text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PortLabels {
    port: &'static str,
}

/// The same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    port: &'static str,
    cause: &'static str,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("connections_accepted", "Connections that were accepted, by port", metrics.accepted.clone());
        registry.register(
            "connections_refused",
            "Connections that came no further than the gate of their port, by cause",
            metrics.refused.clone(),
        );
        registry.register_collector(Box::new(Arc::clone(&metrics.open)));
        metrics
    }

    /// Those of the port `port`.
    pub fn port(&self, port: &'static str) -> PortMetrics {
        let accepted = self.accepted.get_or_create(&PortLabels { port }).clone();
        PortMetrics { port, accepted, all: self.clone() }
    }
}

impl PortMetrics {
    /// The port's name.
    pub const fn name(&self) -> &'static str {
        self.port
    }

    /// A connection was accepted.
    pub fn accepted(&self) {
        self.accepted.inc();
    }

    /// A connection came no further, for one of a few causes.
    pub fn refused(&self, cause: &'static str) {
        self.all.refused.get_or_create(&RefusedLabels { port: self.port, cause }).inc();
    }

    /// From now on the connections that hold one of the `max` permits are shown as open.
    pub(super) fn watch(&self, permits: Arc<Semaphore>, max: usize) {
        self.all.open.ports.lock().push(PortPermits { port: self.port, permits, max });
    }
}

/// Connections that are open now, read off the permits when somebody asks: a connection itself has nothing to count.
#[derive(Debug, Default)]
struct Open {
    ports: Mutex<Vec<PortPermits>>,
}

#[derive(Debug)]
struct PortPermits {
    port: &'static str,
    permits: Arc<Semaphore>,
    max: usize,
}

impl Collector for Open {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let help = "Connections that are open, by port";
        let mut family = encoder.encode_descriptor("connections_open", help, None, MetricType::Gauge)?;
        for PortPermits { port, permits, max } in self.ports.lock().iter() {
            let open = i64::try_from(max.saturating_sub(permits.available_permits())).unwrap_or(i64::MAX);
            ConstGauge::new(open).encode(family.encode_family(&PortLabels { port })?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_told_apart() {
        let mut registry = Registry::with_prefix("rtio");
        let metrics = Metrics::register(&mut registry);
        let (devices, callers) = (metrics.port("devices"), metrics.port("callers"));
        let permits = Arc::new(Semaphore::new(5));
        devices.watch(Arc::clone(&permits), 5);
        let _open = permits.try_acquire_many(2).unwrap();
        devices.accepted();
        callers.refused("per_peer");
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "rtio_connections_open{port=\"devices\"} 2",
            "rtio_connections_accepted_total{port=\"devices\"} 1",
            "rtio_connections_refused_total{port=\"callers\",cause=\"per_peer\"} 1",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
