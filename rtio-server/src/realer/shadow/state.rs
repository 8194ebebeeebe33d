//! How a device stands, as callers see it: what is desired and what is reported, side by side (pure; contract §5.1, §6.5, §12).

use serde::Serialize;

use crate::realer::document::{DesiredDocument, DeviceName, OK, utc};
use crate::realer::value::is_same;
use crate::realer::{Config, DesiredState, Latest, SourceState, State, Subscription};

/// How a device stands, or those of its sources that have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StateDocument {
    /// 2000.
    pub code: u16,
    /// Which device.
    pub device_id: DeviceName,
    /// What operators call it.
    pub label: String,
    /// Whether it is served: `active` or `inactive`.
    pub subscription: &'static str,
    /// Whether it holds a session, or was here lately.
    pub online: bool,
    /// Differs where a command or sensor is another, is new, or is no more.
    pub catalog_revision: String,
    /// The number of the last change, which is also the id of the event.
    pub change: u64,
    /// In the order of their ids.
    pub commands: Vec<CommandState>,
    /// In the order of their ids.
    pub sensors: Vec<SensorState>,
}

/// How a command stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandState {
    /// Which.
    pub id: String,
    /// What operators call it.
    pub label: String,
    /// The desired value.
    pub value: String,
    /// How that and what is reported go together.
    pub sync: Agreement,
    /// The newest desired state of each resource.
    pub desired: Vec<DesiredDocument>,
    /// What the device said last.
    pub reported: Option<ReportedItem>,
    /// The number of its last change.
    pub change: u64,
}

/// How the desired and the reported value of a command go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// A desired state waits for the device.
    Pending,
    /// None waits, and the device has never reported.
    Unknown,
    /// None waits, and the values are the same.
    InSync,
    /// None waits, and the values differ: it was rejected, has expired, or was changed at the device.
    OutOfSync,
}

/// How a sensor stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SensorState {
    /// Which.
    pub id: String,
    /// What operators call it.
    pub label: String,
    /// Its newest reading.
    pub reported: Option<ReportedItem>,
    /// The number of its last change.
    pub change: u64,
}

/// The newest observation of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedItem {
    /// What was observed.
    pub value: String,
    /// When; where the device said a time ahead of the hub's, when it came.
    pub value_received_at: String,
    /// When it came.
    pub received_at: String,
    /// The record that says so.
    pub feed_data_id: u64,
}

/// When a device is looked at, and by whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) config: &'a Config,
    pub(super) now_ms: i64,
    pub(super) online: bool,
}

impl StateDocument {
    /// The document of these sources.
    pub(super) fn of(state: State, look: Look<'_>) -> Self {
        let State { device, change, sources } = state;
        let mut document = Self {
            code: look.config.codes.of(OK),
            catalog_revision: device.revisions.catalog(),
            device_id: DeviceName(device.id),
            label: device.settings.label,
            subscription: subscription(device.settings.subscription),
            online: look.online,
            change,
            commands: Vec::new(),
            sensors: Vec::new(),
        };
        for source in sources {
            document.add(source, look.now_ms);
        }
        document
    }

    fn add(&mut self, source: SourceState, now_ms: i64) {
        match source {
            SourceState::Command { id, label, value, desired, reported, change } => self.commands.push(CommandState {
                id: id.to_string(),
                label,
                sync: Agreement::of(&value, &desired, reported.as_ref(), now_ms),
                value,
                desired: desired.iter().map(|desired| DesiredDocument::of(desired, now_ms)).collect(),
                reported: reported.as_ref().map(ReportedItem::of),
                change,
            }),
            SourceState::Sensor { id, label, reported, change } => {
                let reported = reported.as_ref().map(ReportedItem::of);
                self.sensors.push(SensorState { id: id.to_string(), label, reported, change });
            }
        }
    }
}

impl Agreement {
    fn of(value: &str, desired: &[DesiredState], reported: Option<&Latest>, now_ms: i64) -> Self {
        if desired.iter().any(|desired| desired.at(now_ms).is_open()) {
            return Self::Pending;
        }
        match reported {
            None => Self::Unknown,
            Some(latest) if is_same(value, latest.value.as_str()) => Self::InSync,
            Some(_) => Self::OutOfSync,
        }
    }
}

impl ReportedItem {
    /// The item of an observation.
    pub(super) fn of(latest: &Latest) -> Self {
        Self {
            value: latest.value.as_str().to_owned(),
            value_received_at: utc(latest.order_ms),
            received_at: utc(latest.received_ms),
            feed_data_id: latest.feed_data,
        }
    }
}

const fn subscription(subscription: Subscription) -> &'static str {
    match subscription {
        Subscription::Active => "active",
        Subscription::Inactive => "inactive",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realer::{CommandId, DesiredId, Lifecycle, Text};

    fn desired(lifecycle: Lifecycle, expires_ms: Option<i64>) -> DesiredState {
        DesiredState {
            id: DesiredId::new(1).unwrap(),
            command: CommandId::new(1).unwrap(),
            resource: None,
            value: "1.0".to_owned(),
            sequence: 1,
            issued_ms: 0,
            expires_ms,
            lifecycle,
            closed_ms: None,
        }
    }

    fn reported(value: &str) -> Latest {
        Latest { value: Text::parse(value).unwrap(), order_ms: 0, received_ms: 0, feed_data: 1 }
    }

    #[test]
    fn a_command_is_pending_until_nothing_waits_and_then_its_values_are_compared_6_5() {
        let pending = desired(Lifecycle::Pending, Some(10));
        let (applied, rejected) = (desired(Lifecycle::Applied, None), desired(Lifecycle::Rejected, None));
        let (on, off) = (reported("1"), reported("0.0"));
        for (desired, reported, now_ms, sync) in [
            (vec![], None, 0, Agreement::Unknown),
            (vec![pending.clone()], Some(&on), 9, Agreement::Pending),
            (vec![applied.clone(), pending.clone()], Some(&on), 9, Agreement::Pending),
            (vec![pending.clone()], Some(&off), 10, Agreement::OutOfSync),
            (vec![pending], Some(&on), 10, Agreement::InSync),
            (vec![applied], Some(&on), 0, Agreement::InSync),
            (vec![rejected], Some(&off), 0, Agreement::OutOfSync),
        ] {
            assert_eq!(Agreement::of("1.0", &desired, reported, now_ms), sync, "{desired:?} {reported:?}");
        }
    }
}
