//! Which events somebody wants (pure).

use super::{Event, EventKind};
use crate::hub::IdPattern;

/// Some events of some devices. An empty list stands for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Events of these kinds.
    pub kinds: Vec<EventKind>,
    /// Events of devices that one of these stands for.
    pub devices: Vec<IdPattern>,
}

impl EventFilter {
    /// Whether `event` is wanted. Costs what the patterns cost, at most.
    pub fn takes(&self, event: &Event) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&event.change.kind()))
            && (self.devices.is_empty() || self.devices.iter().any(|pattern| pattern.matches(&event.device)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{Change, DeviceId, Epoch, EventId, OfflineCause, Protocol};

    fn check(kinds: &[EventKind], patterns: &[&str], expected: &[&str]) {
        let devices = patterns.iter().map(|pattern| IdPattern::parse(pattern).unwrap()).collect();
        let filter = EventFilter { kinds: kinds.to_vec(), devices };
        let changes = [
            Change::Online { protocol: Protocol::Rtio },
            Change::Replaced { protocol: Protocol::Rtio, previous: Epoch(1) },
            Change::Offline { cause: OfflineCause::ClosedByDevice },
        ];
        let events = changes.into_iter().flat_map(|change| ["a-1", "b-1"].map(|id| event(id, change)));
        let taken = events.filter(|event| filter.takes(event));
        let taken: Vec<_> = taken.map(|event| format!("{} {}", event.device, event.change.kind().name())).collect();
        assert_eq!(taken, expected, "{kinds:?} {patterns:?}");
    }

    fn event(device: &str, change: Change) -> Event {
        Event {
            id: EventId(1),
            time: jiff::Timestamp::UNIX_EPOCH,
            device: DeviceId::parse(device).unwrap(),
            epoch: Epoch(1),
            peer: ([127, 0, 0, 1], 1).into(),
            change,
        }
    }

    #[test]
    fn kind_and_device_must_both_be_wanted() {
        use EventKind::{Offline, Online, Replaced};
        check(&[Online], &[], &["a-1 online", "b-1 online"]);
        check(&[Online, Offline], &["a-*"], &["a-1 online", "a-1 offline"]);
        check(&[Replaced], &["c", "b-*", "b-1"], &["b-1 replaced"]);
        check(&[], &["*-2"], &[]);
        check(&[], &["b-1"], &["b-1 online", "b-1 replaced", "b-1 offline"]);
    }

    #[test]
    fn no_filter_takes_all() {
        assert!(EventFilter::default().takes(&event("a", Change::Online { protocol: Protocol::Rtio })));
    }
}
