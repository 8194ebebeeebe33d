//! What became of something published, as the device is told it. (Contract §7.5.)

use serde::Serialize;

use super::result::{REJECTED, warning_items};
use super::{CREATED_LABEL, ErrorItem, WarningItem, utc};
use crate::realer::ports::Accepted;
use crate::realer::{Config, Refusal, SourceId, whole_seconds};

/// What became of one message. It has labels, and no numeric codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AckDocument {
    /// The message's own. `None`: it could not be read.
    pub message_id: Option<String>,
    /// Which command it was of, if of one: a message id says little without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
    /// Which sensor it was of, if of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensor_id: Option<String>,
    /// `created`, `replayed` or `rejected`.
    pub status: String,
    /// Whether the same message may be sent again later.
    pub retryable: bool,
    /// The number of the record, unless it is rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_data_id: Option<u64>,
    /// What was odd about it, unless it is rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<WarningItem>>,
    /// Why it is rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<AckError>,
    /// When the hub says so.
    pub acknowledged_at: String,
}

/// Why something was rejected, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AckError {
    /// Why.
    #[serde(flatten)]
    pub error: ErrorItem,
    /// Seconds; only of what came too soon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl AckDocument {
    /// The document of what became of a message of that source at `now_ms`.
    pub fn of(
        message_id: Option<String>,
        source: &SourceId,
        outcome: &Result<Accepted, Refusal>,
        (config, now_ms): (&Config, i64),
    ) -> Self {
        let (command_id, sensor_id) = match source {
            SourceId::Command(id) => (Some(id.to_string()), None),
            SourceId::Sensor(id) => (None, Some(id.to_string())),
        };
        let (status, feed_data) = match outcome {
            Ok(Accepted::Created { feed_data, warnings }) => (CREATED_LABEL, Some((*feed_data, *warnings))),
            Ok(Accepted::Replayed { feed_data, warnings }) => (&*config.codes.replayed, Some((*feed_data, *warnings))),
            Err(_) => (REJECTED, None),
        };
        let refusal = outcome.as_ref().err();
        Self {
            message_id,
            command_id,
            sensor_id,
            status: status.to_owned(),
            retryable: refusal.is_some_and(|refusal| refusal.error_type().is_retryable()),
            feed_data_id: feed_data.map(|(id, _)| id),
            warnings: feed_data.map(|(_, warnings)| warning_items(warnings)),
            error: refusal.map(AckError::of),
            acknowledged_at: utc(now_ms),
        }
    }

    /// The payload.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("documents have names as keys and can be written")
    }
}

impl AckError {
    fn of(refusal: &Refusal) -> Self {
        let retry_after = refusal.retry_after().map(whole_seconds);
        Self { error: ErrorItem::of(refusal), retry_after }
    }
}
