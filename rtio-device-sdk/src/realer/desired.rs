//! A desired state as the hub sends it, and what a handler answers. (Contract §5, §6.1.)

use std::fmt;

use serde::Deserialize;

use super::item::ReportStatus;
use super::time;

/// What somebody wants a command to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Desired {
    /// The name of this wish.
    pub desired_id: String,
    /// The command that is to be something.
    pub command_id: String,
    /// The resource that it is meant for; with the command it is the context of `sequence_number`.
    #[serde(default)]
    pub resource_id: Option<String>,
    /// What it is to be.
    pub value: String,
    /// Greater than that of every wish before it in the same context.
    pub sequence_number: u64,
    /// When it was set: ISO 8601.
    #[serde(default)]
    pub issued_at: Option<String>,
    /// Until when it may be acted on: ISO 8601. `None`: for ever.
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// What a device did with a desired state, and what is so now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub(super) status: ReportStatus,
    pub(super) value: String,
}

impl Answer {
    /// The wish is fulfilled; `value` is in effect, as it was read back.
    pub fn applied(value: impl fmt::Display) -> Self {
        Self { status: ReportStatus::Applied, value: value.to_string() }
    }

    /// The device refuses, because it is not safe, not possible or out of range. Nothing has changed: `value` is what is so.
    pub fn rejected(value: impl fmt::Display) -> Self {
        Self { status: ReportStatus::Rejected, value: value.to_string() }
    }

    /// The device has seen a newer wish, or it is too late. Nothing has changed: `value` is what is so. Of a lower sequence number and of
    /// a time that is over, [`Realer`](super::Realer) says this by itself.
    pub fn stale(value: impl fmt::Display) -> Self {
        Self { status: ReportStatus::Stale, value: value.to_string() }
    }
}

impl Desired {
    /// Whether its time is over. A time that cannot be read is none.
    pub(super) fn is_over(&self, now_ms: i64) -> bool {
        let expires = self.expires_at.as_deref().and_then(time::read);
        expires.is_some_and(|expires| expires <= now_ms)
    }
}
