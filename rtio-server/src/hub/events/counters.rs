//! How many events there were, by kind.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::EventKind;

/// A counter for each kind, found once: events are counted under a lock.
#[derive(Debug, Default)]
pub(in crate::hub) struct EventCounters {
    online: Counter,
    replaced: Counter,
    offline: Counter,
}

/// One of three names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

impl EventCounters {
    pub(in crate::hub) fn register(registry: &mut Registry) -> Self {
        let family = Family::<KindLabels, Counter>::default();
        registry.register("events", "Events of devices' presence, by kind", family.clone());
        let of = |kind: EventKind| family.get_or_create(&KindLabels { kind: kind.name() }).clone();
        Self { online: of(EventKind::Online), replaced: of(EventKind::Replaced), offline: of(EventKind::Offline) }
    }

    /// Counts one event.
    pub(in crate::hub) fn count(&self, kind: EventKind) {
        match kind {
            EventKind::Online => self.online.inc(),
            EventKind::Replaced => self.replaced.inc(),
            EventKind::Offline => self.offline.inc(),
        };
    }
}
