//! The runtime's things as JSON, for operators' programs and for `rtio realer`.

use serde::Serialize;

use crate::hub::Access;
use crate::realer::document::utc;
use crate::realer::fields::{AdoptionName, Protocol, SubscriptionName};
use crate::realer::{AdoptionRecord, Command, Config, ControlDevice, FeedRecord, Latest, Resource, Sensor, SourceId};

/// A control device.
#[derive(Debug, Serialize)]
pub(super) struct DeviceDocument {
    id: String,
    label: String,
    /// Whether it may connect, as the registry says.
    enabled: bool,
    created: String,
    subscription: SubscriptionName,
    protocols: Vec<Protocol>,
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum_interval_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_request_bytes: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_batch_items: Option<u32>,
    catalog_revision: String,
    runtime_revision: String,
}

/// A command, with how it stands where that is known.
#[derive(Debug, Serialize)]
pub(super) struct CommandDocument {
    pub(super) id: String,
    label: String,
    kind: String,
    value_type: String,
    pin_port: String,
    /// The desired value now.
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    adoption: AdoptionName,
    resources: Vec<String>,
    /// Whether firmware can act on it.
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<ReportedDocument>,
    /// Desired states that wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<usize>,
}

/// A sensor, with how it stands where that is known.
#[derive(Debug, Serialize)]
pub(super) struct SensorDocument {
    pub(super) id: String,
    label: String,
    kind: String,
    qc: String,
    mu: String,
    pin_port: String,
    resources: Vec<String>,
    /// Whether firmware can act on it.
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<ReportedDocument>,
}

/// What a device said last about a source.
#[derive(Debug, Serialize)]
pub(super) struct ReportedDocument {
    value: String,
    observed_at: String,
    received_at: String,
    feed_data_id: u64,
}

/// A resource.
#[derive(Debug, Serialize)]
pub(super) struct ResourceDocument {
    id: String,
    label: String,
}

/// An item of feed data that was accepted.
#[derive(Debug, Serialize)]
pub(super) struct FeedDataDocument {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensor_id: Option<String>,
    message_id: String,
    value: String,
    value_received_at: String,
    received_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    desired_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number: Option<u64>,
    warnings: Vec<&'static str>,
}

/// A reported value that became the desired one.
#[derive(Debug, Serialize)]
pub(super) struct AdoptionDocument {
    id: u64,
    command_id: String,
    before: String,
    after: String,
    feed_data_id: u64,
    adopted_at: String,
}

impl DeviceDocument {
    pub(super) fn of(device: &ControlDevice, config: &Config) -> Self {
        let (settings, plan) = (&device.settings, device.settings.plan);
        Self {
            id: device.id.to_string(),
            label: settings.label.clone(),
            enabled: device.access == Access::Enabled,
            created: utc(device.created_ms),
            subscription: settings.subscription.into(),
            protocols: Protocol::of(settings.protocols),
            minimum_interval_ms: plan.minimum_interval_ms,
            max_request_bytes: plan.max_request_bytes,
            max_batch_items: plan.max_batch_items,
            catalog_revision: device.revisions.catalog(),
            runtime_revision: device.revisions.runtime(config),
        }
    }
}

impl CommandDocument {
    /// Adds what the device said last, and how many desired states wait.
    pub(super) fn stands(&mut self, reported: Option<&Latest>, pending: usize) {
        (self.reported, self.pending) = (reported.map(Into::into), Some(pending));
    }
}

impl SensorDocument {
    /// Adds what the device said last.
    pub(super) fn stands(&mut self, reported: Option<&Latest>) {
        self.reported = reported.map(Into::into);
    }
}

impl From<&Command> for CommandDocument {
    fn from(command: &Command) -> Self {
        Self {
            id: command.id.to_string(),
            label: command.label.clone(),
            kind: command.kind.clone(),
            value_type: command.value_type.clone(),
            pin_port: command.pin_port.clone(),
            value: command.value.clone(),
            min: command.min,
            max: command.max,
            adoption: command.adoption.into(),
            resources: command.resources.iter().map(ToString::to_string).collect(),
            complete: command.is_complete(),
            reported: None,
            pending: None,
        }
    }
}

impl From<&Sensor> for SensorDocument {
    fn from(sensor: &Sensor) -> Self {
        Self {
            id: sensor.id.to_string(),
            label: sensor.label.clone(),
            kind: sensor.kind.clone(),
            qc: sensor.qc.clone(),
            mu: sensor.mu.clone(),
            pin_port: sensor.pin_port.clone(),
            resources: sensor.resources.iter().map(ToString::to_string).collect(),
            complete: sensor.is_complete(),
            reported: None,
        }
    }
}

impl From<&Latest> for ReportedDocument {
    fn from(latest: &Latest) -> Self {
        Self {
            value: latest.value.as_str().to_owned(),
            observed_at: utc(latest.order_ms),
            received_at: utc(latest.received_ms),
            feed_data_id: latest.feed_data,
        }
    }
}

impl From<&Resource> for ResourceDocument {
    fn from(resource: &Resource) -> Self {
        Self { id: resource.id.to_string(), label: resource.label.clone() }
    }
}

impl From<&FeedRecord> for FeedDataDocument {
    fn from(record: &FeedRecord) -> Self {
        let source = record.source.as_str().to_owned();
        let (command_id, sensor_id) = match &record.source {
            SourceId::Command(_) => (Some(source), None),
            SourceId::Sensor(_) => (None, Some(source)),
        };
        Self {
            id: record.id,
            command_id,
            sensor_id,
            message_id: record.message_id.as_str().to_owned(),
            value: record.value.as_str().to_owned(),
            value_received_at: utc(record.observed_ms),
            received_at: utc(record.received_ms),
            desired_id: record.answer.as_ref().map(|answer| answer.desired.to_string()),
            report_status: record.answer.as_ref().map(|answer| answer.status.name()),
            sequence_number: record.sequence,
            warnings: record.warnings.iter().map(crate::realer::Warning::name).collect(),
        }
    }
}

impl From<&AdoptionRecord> for AdoptionDocument {
    fn from(record: &AdoptionRecord) -> Self {
        Self {
            id: record.id,
            command_id: record.command.to_string(),
            before: record.before.clone(),
            after: record.after.clone(),
            feed_data_id: record.feed_data,
            adopted_at: utc(record.adopted_ms),
        }
    }
}
