//! What is written down about each call and observation, and about who was refused one: who, what, on which device, with which
//! outcome. Never the payload.

use std::fmt::Debug;
use std::time::Duration;

use super::DeviceId;

/// Writes entries down.
pub trait Audit: Debug + Send + Sync {
    /// Takes an entry. Never waits: callers are not delayed. What cannot be taken is counted as dropped.
    fn record(&self, entry: AuditEntry);
}

/// One thing that somebody did, or began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// What happened.
    pub event: AuditEvent,
    /// Who did it, by its token; `None` where callers need none or the token says nothing.
    pub subject: Option<String>,
    /// Where the request came from.
    pub peer: String,
    /// On which device; `None` for a group of them that was not read.
    pub device: Option<DeviceId>,
    /// What was asked of the device, by its name on the wire; `None` where it was not read.
    pub method: Option<&'static str>,
    /// The URI on the device; `None` where it was not read.
    pub uri: Option<String>,
    /// `code` that the caller got.
    pub code: &'static str,
    /// HTTP status of a refusal, and of an answer of the hub's on the device's behalf, where codes say less.
    pub status: Option<u16>,
    /// How far the request got.
    pub delivery: &'static str,
    /// Since the request came; for a device of a group, since its call began.
    pub duration: Duration,
    /// Tells the request from all others of this run of the hub.
    pub request: String,
    /// The trace that the caller said it belongs to (W3C `traceparent`).
    pub trace: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditEvent {
    /// A call ended.
    Call,
    /// A caller got the outcome of an earlier call; the device was not asked again.
    Replay,
    /// An observation began.
    ObserveStart,
    /// An observation ended, or never began.
    ObserveEnd,
    /// Somebody was refused: for its token, its rights or its pace.
    Refused,
}
