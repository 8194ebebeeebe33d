//! What a device told, as callers see it: records, and pages of them (pure; contract §6.1).

use serde::Serialize;

use crate::realer::document::{OK, WarningItem, utc};
use crate::realer::{Config, FeedRecord, SourceId};

/// Records of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedDataDocument {
    /// 2000.
    pub code: u16,
    /// In the order of their numbers.
    pub feed_data: Vec<FeedItem>,
    /// What the next page is after, where there is one.
    pub next: Option<u64>,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeedItem {
    /// Its number, greater than each before it, which is also the id of the event.
    pub feed_data_id: u64,
    /// The command that it is of, unless it is of a sensor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
    /// The sensor that it is of, unless it is of a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensor_id: Option<String>,
    /// The device's own name for it.
    pub message_id: String,
    /// What was observed.
    pub value: String,
    /// When.
    pub value_received_at: String,
    /// When it came.
    pub received_at: String,
    /// The desired state that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_id: Option<String>,
    /// How it answers that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_status: Option<&'static str>,
    /// The number of that desired state, as the device knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_number: Option<u64>,
    /// What was odd about it.
    pub warnings: Vec<WarningItem>,
}

impl FeedDataDocument {
    /// The first `limit` of these; one more says that there is a next page.
    pub(super) fn of(mut records: Vec<FeedRecord>, limit: usize, config: &Config) -> Self {
        let is_more = records.len() > limit;
        records.truncate(limit);
        let next = records.last().map(|record| record.id).filter(|_| is_more);
        Self { code: config.codes.of(OK), feed_data: records.iter().map(FeedItem::of).collect(), next }
    }
}

impl FeedItem {
    /// The item of a record.
    pub fn of(record: &FeedRecord) -> Self {
        let (command_id, sensor_id) = match &record.source {
            SourceId::Command(id) => (Some(id.to_string()), None),
            SourceId::Sensor(id) => (None, Some(id.to_string())),
        };
        Self {
            feed_data_id: record.id,
            command_id,
            sensor_id,
            message_id: record.message_id.as_str().to_owned(),
            value: record.value.as_str().to_owned(),
            value_received_at: utc(record.observed_ms),
            received_at: utc(record.received_ms),
            desired_id: record.answer.as_ref().map(|answer| answer.desired.to_string()),
            report_status: record.answer.as_ref().map(|answer| answer.status.name()),
            sequence_number: record.sequence,
            warnings: record.warnings.iter().map(WarningItem::of).collect(),
        }
    }
}
