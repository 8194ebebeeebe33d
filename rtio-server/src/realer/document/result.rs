//! What became of feed data. (Contract §6.2, §6.3.)

use serde::Serialize;

use super::{CREATED, CREATED_LABEL, ErrorItem, OK};
use crate::realer::ports::Accepted;
use crate::realer::{Config, MessageId, Refusal, Warning, Warnings};

/// What became of one item that was not refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResultDocument {
    /// 2001 or 2000.
    pub code: u16,
    /// `created` or `replayed`.
    pub status: String,
    /// The number of the record.
    pub feed_data_id: u64,
    /// The item's own.
    pub message_id: String,
    /// What was odd about it.
    pub warnings: Vec<WarningItem>,
    #[serde(skip)]
    is_created: bool,
}

/// Something odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WarningItem {
    /// The label.
    pub r#type: &'static str,
    /// What people read.
    pub message: &'static str,
}

/// What became of the items of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchDocument {
    /// 2000.
    pub code: u16,
    /// `completed`, `partial` or `rejected`.
    pub status: &'static str,
    /// One for each, in their order.
    pub results: Vec<BatchResult>,
}

/// What became of one item of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BatchResult {
    /// Its place, from 0.
    pub index: usize,
    /// What it would be by itself.
    pub code: u16,
    /// `created`, `replayed` or `rejected`.
    pub status: String,
    /// The item's own. `None`: it has none that could be one.
    pub message_id: Option<String>,
    /// The number of the record, unless it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feed_data_id: Option<u64>,
    /// What was odd about it, unless it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<WarningItem>>,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorItem>,
}

impl ResultDocument {
    /// The document of an item that was accepted.
    pub fn of(message: &MessageId, accepted: Accepted, config: &Config) -> Self {
        let (code, status, feed_data_id, warnings) = match accepted {
            Accepted::Created { feed_data, warnings } => (CREATED, CREATED_LABEL, feed_data, warnings),
            Accepted::Replayed { feed_data, warnings } => (OK, config.codes.replayed.as_str(), feed_data, warnings),
        };
        Self {
            code: config.codes.of(code),
            status: status.to_owned(),
            feed_data_id,
            message_id: message.as_str().to_owned(),
            warnings: warning_items(warnings),
            is_created: matches!(accepted, Accepted::Created { .. }),
        }
    }

    /// Whether it is new; else it is a repeat.
    pub const fn is_created(&self) -> bool {
        self.is_created
    }
}

impl BatchDocument {
    /// The document of all results of a batch, of which there is one at least.
    pub fn of(results: Vec<BatchResult>, config: &Config) -> Self {
        let rejected = results.iter().filter(|result| result.is_rejected()).count();
        let status = match rejected {
            0 => "completed",
            some if some < results.len() => "partial",
            _ => REJECTED,
        };
        Self { code: config.codes.of(OK), status, results }
    }
}

impl BatchResult {
    /// The result of an item that was accepted.
    pub fn accepted(index: usize, message: &MessageId, accepted: Accepted, config: &Config) -> Self {
        let result = ResultDocument::of(message, accepted, config);
        Self {
            index,
            code: result.code,
            status: result.status,
            message_id: Some(result.message_id),
            feed_data_id: Some(result.feed_data_id),
            warnings: Some(result.warnings),
            error: None,
        }
    }

    /// The result of an item that was refused.
    pub fn refused(index: usize, message: Option<&MessageId>, refusal: &Refusal, config: &Config) -> Self {
        Self {
            index,
            code: config.codes.of(refusal.error_type().code()),
            status: REJECTED.to_owned(),
            message_id: message.map(|message| message.as_str().to_owned()),
            feed_data_id: None,
            warnings: None,
            error: Some(ErrorItem::of(refusal)),
        }
    }

    const fn is_rejected(&self) -> bool {
        self.error.is_some()
    }
}

impl WarningItem {
    /// The item of a warning.
    pub const fn of(warning: Warning) -> Self {
        Self { r#type: warning.name(), message: warning.message() }
    }
}

pub(super) fn warning_items(warnings: Warnings) -> Vec<WarningItem> {
    warnings.iter().map(WarningItem::of).collect()
}

pub(super) const REJECTED: &str = "rejected";
