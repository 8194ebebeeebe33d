//! Desired states as devices and callers see them. (Contract §5, §7.6.)

use serde::Serialize;

use super::{OK, utc};
use crate::realer::{Config, ControlDevice, DesiredState};

/// The desired states that wait for a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DesiredStatesDocument {
    /// 2000.
    pub code: u16,
    /// So that a running device sees that it must read its bootstrap again.
    pub catalog_revision: String,
    /// The same.
    pub runtime_revision: String,
    /// By the time of their issue, then by number.
    pub desired_states: Vec<DesiredItem>,
}

/// One desired state as the device gets it: in the list, and pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DesiredItem {
    /// Its name.
    pub desired_id: String,
    /// What shall be.
    pub command_id: String,
    /// Of which resource.
    pub resource_id: Option<String>,
    /// What the command shall be.
    pub value: String,
    /// Greater than that of each before it in the same context.
    pub sequence_number: u64,
    /// When it was set.
    pub issued_at: String,
    /// Until when it may be acted on. `None`: for ever.
    pub expires_at: Option<String>,
}

/// One desired state as callers and operators get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DesiredDocument {
    /// What the device gets.
    #[serde(flatten)]
    pub desired: DesiredItem,
    /// How it stands.
    pub status: &'static str,
    /// When it was closed.
    pub closed_at: Option<String>,
}

impl DesiredStatesDocument {
    /// The document of a device and its open desired states.
    pub fn of(device: &ControlDevice, open: &[DesiredState], config: &Config) -> Self {
        Self {
            code: config.codes.of(OK),
            catalog_revision: device.revisions.catalog(),
            runtime_revision: device.revisions.runtime(config),
            desired_states: open.iter().map(DesiredItem::of).collect(),
        }
    }
}

impl DesiredItem {
    /// The item of a desired state.
    pub fn of(desired: &DesiredState) -> Self {
        Self {
            desired_id: desired.id.to_string(),
            command_id: desired.command.to_string(),
            resource_id: desired.resource.as_ref().map(ToString::to_string),
            value: desired.value.clone(),
            sequence_number: desired.sequence,
            issued_at: utc(desired.issued_ms),
            expires_at: desired.expires_ms.map(utc),
        }
    }

    /// All of it, as it is published. (§7.6)
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("documents have names as keys and can be written")
    }
}

impl DesiredDocument {
    /// The document of a desired state as it stands at `now_ms`.
    pub fn of(desired: &DesiredState, now_ms: i64) -> Self {
        let seen = desired.clone().seen_at(now_ms);
        Self { desired: DesiredItem::of(&seen), status: seen.lifecycle.name(), closed_at: seen.closed_ms.map(utc) }
    }
}
