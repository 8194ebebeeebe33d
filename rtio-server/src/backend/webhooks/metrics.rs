//! What happened to webhooks. docs/metrics.md explains each. The label is the webhook's name, which the operator chose; there are few.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::Registry;

use crate::hub::{EventId, Hub};

/// What is counted of all webhooks. All clones are the same ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
    batches: Family<OutcomeLabels, Counter>,
    events: Family<HookLabels, Counter>,
    dropped: Family<HookLabels, Counter>,
    failing: Family<HookLabels, Gauge>,
    places: Places,
}

/// Where each webhook is.
type Places = Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>;

/// What is counted of one webhook.
#[derive(Debug)]
pub(super) struct HookMetrics {
    batches: Vec<(&'static str, Counter)>,
    /// Events of batches that the receiver took.
    pub(super) events: Counter,
    /// Events that it will not get.
    pub(super) dropped: Counter,
    /// 1 while it does not take batches.
    pub(super) failing: Gauge,
    place: Arc<AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HookLabels {
    hook: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    hook: String,
    outcome: &'static str,
}

impl Metrics {
    /// Metrics that `registry` shows.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("webhook_batches", "Posts of events, by outcome", metrics.batches.clone());
        registry.register("webhook_events", "Events that receivers took", metrics.events.clone());
        registry.register("webhook_events_dropped", "Events that receivers will not get", metrics.dropped.clone());
        registry.register("webhook_failing", "1 while the receiver does not take events", metrics.failing.clone());
        metrics
    }

    /// Those of a webhook that begins.
    pub(super) fn of(&self, hook: &str) -> HookMetrics {
        let labels = HookLabels { hook: hook.to_owned() };
        let batches = OUTCOMES.map(|outcome| {
            let labels = OutcomeLabels { hook: hook.to_owned(), outcome };
            (outcome, self.batches.get_or_create(&labels).clone())
        });
        let place = Arc::default();
        self.places.lock().insert(hook.to_owned(), Arc::clone(&place));
        HookMetrics {
            batches: batches.into(),
            events: self.events.get_or_create(&labels).clone(),
            dropped: self.dropped.get_or_create(&labels).clone(),
            failing: self.failing.get_or_create(&labels).clone(),
            place,
        }
    }

    /// Shows nothing any more of a webhook that is gone.
    pub(super) fn forget(&self, hook: &str) {
        let labels = HookLabels { hook: hook.to_owned() };
        for outcome in OUTCOMES {
            self.batches.remove(&OutcomeLabels { hook: hook.to_owned(), outcome });
        }
        self.events.remove(&labels);
        self.dropped.remove(&labels);
        self.failing.remove(&labels);
        self.places.lock().remove(hook);
    }

    /// Shows how far webhooks are behind the events of `hub`.
    pub(super) fn backlog(&self, hub: Arc<Hub>) -> Backlog {
        Backlog { hub, places: Arc::clone(&self.places) }
    }
}

impl HookMetrics {
    /// Counts an attempt.
    pub(super) fn attempted(&self, outcome: &'static str) {
        if let Some((_, counter)) = self.batches.iter().find(|(name, _)| *name == outcome) {
            counter.inc();
        }
    }

    /// All events up to `place` are done with.
    pub(super) fn reached(&self, place: EventId) {
        self.place.store(place.number(), Ordering::Relaxed);
    }
}

/// How far webhooks are behind, as of the moment of a scrape.
#[derive(Debug)]
pub(super) struct Backlog {
    hub: Arc<Hub>,
    places: Places,
}

impl Collector for Backlog {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let places = self.places.lock();
        if places.is_empty() {
            return Ok(());
        }
        let newest = self.hub.events().newest().number();
        let help = "Events that came after those that the webhook is done with";
        let mut metric = encoder.encode_descriptor("webhook_backlog_events", help, None, MetricType::Gauge)?;
        for (hook, place) in places.iter() {
            let behind = ConstGauge::new(newest.saturating_sub(place.load(Ordering::Relaxed)));
            behind.encode(metric.encode_family(&HookLabels { hook: hook.clone() })?)?;
        }
        Ok(())
    }
}

/// How an attempt may end.
pub(super) const DELIVERED: &str = "delivered";
const OUTCOMES: [&str; 6] = [DELIVERED, "unreachable", "tls", "timed_out", "broken", "status"];
