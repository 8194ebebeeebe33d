//! One item of feed data, as it goes over the wire and into the file. (Contract §6.1.)

use serde::{Deserialize, Serialize};

use super::desired::{Answer, Desired};
use super::time;

/// A sensor's reading, a command's answer to a desired state, or a local change of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Item {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) command_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sensor_id: Option<String>,
    #[serde(flatten)]
    pub(super) told: Told,
}

/// An item without its source: the answer to a push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) message_id: String,
    pub(super) value: String,
    pub(super) value_received_at: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) desired_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) report_status: Option<ReportStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sequence_number: Option<u64>,
}

/// What a device did with a desired state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ReportStatus {
    Applied,
    Rejected,
    Stale,
}

/// What an item is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source<'a> {
    Command(&'a str),
    Sensor(&'a str),
}

impl Item {
    /// What was observed without having been asked for.
    pub(super) fn observed(source: Source<'_>, message_id: String, value: String, now_ms: i64) -> Self {
        let told = Told {
            message_id,
            value,
            value_received_at: time::written(now_ms),
            desired_id: None,
            report_status: None,
            sequence_number: None,
        };
        let (command_id, sensor_id) = match source {
            Source::Command(id) => (Some(id.to_owned()), None),
            Source::Sensor(id) => (None, Some(id.to_owned())),
        };
        Self { command_id, sensor_id, told }
    }

    /// The answer to a desired state.
    pub(super) fn answering(desired: &Desired, answer: Answer, message_id: String, now_ms: i64) -> Self {
        let item = Self::observed(Source::Command(&desired.command_id), message_id, answer.value, now_ms);
        let told = Told {
            desired_id: Some(desired.desired_id.clone()),
            report_status: Some(answer.status),
            sequence_number: Some(desired.sequence_number),
            ..item.told
        };
        Self { told, ..item }
    }

    /// Whether it is a reading, which may be forgotten before anything that a command has said.
    pub(super) fn is_reading(&self) -> bool {
        self.sensor_id.is_some()
    }

    /// Whether a desired state waits for it.
    pub(super) fn is_answer(&self) -> bool {
        self.told.desired_id.is_some()
    }

    /// What it is of, for the log.
    pub(super) fn source_id(&self) -> &str {
        self.command_id.as_deref().or(self.sensor_id.as_deref()).unwrap_or_default()
    }
}
