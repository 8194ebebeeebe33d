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
    /// The first `limit` of these, or as many as fit a page ([`MAX_BYTES`]); one more says that there is a next page.
    pub(super) fn of(records: &[FeedRecord], limit: usize, config: &Config) -> Self {
        let mut bytes = 0;
        let items = records.iter().take(limit).map(FeedItem::of).take_while(|item| {
            let is_first = bytes == 0;
            bytes += item.bytes();
            is_first || bytes <= MAX_BYTES
        });
        let feed_data: Vec<_> = items.collect();
        let next = feed_data.last().map(|item| item.feed_data_id).filter(|_| feed_data.len() < records.len());
        Self { code: config.codes.of(OK), feed_data, next }
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

    /// How long it is as it is written.
    fn bytes(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |json| json.len())
    }
}

/// Most bytes of a page's records: a group call has as many pages in memory as it makes calls at once.
const MAX_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realer::{MessageId, SensorId, Text, Warnings};

    fn record(id: u64, value: &str) -> FeedRecord {
        FeedRecord {
            id,
            source: SourceId::Sensor(SensorId::new(1).unwrap()),
            message_id: MessageId::parse("m").unwrap(),
            value: Text::parse(value).unwrap(),
            observed_ms: 0,
            received_ms: 0,
            answer: None,
            sequence: None,
            warnings: Warnings::default(),
        }
    }

    fn page(records: &[FeedRecord], limit: usize) -> (usize, Option<u64>) {
        let document = FeedDataDocument::of(records, limit, &Config::default());
        assert!(serde_json::to_vec(&document).unwrap().len() < MAX_BYTES + 1024);
        (document.feed_data.len(), document.next)
    }

    #[test]
    fn a_page_ends_where_it_is_full_and_says_where_the_next_one_begins() {
        let short: Vec<_> = (1..=101).map(|id| record(id, "1")).collect();
        assert_eq!(page(&short, 100), (100, Some(100)));
        assert_eq!(page(&short[..100], 100), (100, None));
        assert_eq!(page(&[], 100), (0, None));
        // As long as a value can be: each of its characters is written with six.
        let long: Vec<_> = (1..=501).map(|id| record(id, &"\0".repeat(255))).collect();
        let (count, next) = page(&long, 500);
        assert!((30..50).contains(&count) && next == Some(count as u64), "{count} {next:?}");
        assert_eq!(page(&long[..1], 500), (1, None));
    }
}
