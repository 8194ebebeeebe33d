//! Why a session ended: what the client is told, what the hub is told, and the name that metrics have.

use super::super::packet::Reason;
use crate::hub::{Ending, OfflineCause};

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::mqtt) enum End {
    /// The client said goodbye.
    Left,
    /// The connection broke, or the client closed it without a word.
    Broke,
    /// The client's system acknowledges nothing any more.
    Vanished,
    /// The client was silent for one and a half keep-alives.
    Silent,
    /// The client did what it may not.
    Misbehaved(Reason),
    /// Its credential counts no more.
    Expired,
    /// The hub wants it so.
    Wanted(Ending),
}

impl End {
    /// The name that metrics have.
    pub(in crate::mqtt) const fn name(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Broke => "broke",
            Self::Vanished => "vanished",
            Self::Silent => "silent",
            Self::Misbehaved(Reason::NotAuthorized) => "forbidden",
            Self::Misbehaved(_) => "protocol",
            Self::Expired => "expired",
            Self::Wanted(Ending::Replaced) => "replaced",
            Self::Wanted(Ending::Disconnected) => "disconnected",
            Self::Wanted(Ending::Revoked) => "revoked",
            Self::Wanted(Ending::Shutdown) => "shutdown",
        }
    }

    /// What the client is told, where there is anybody to tell.
    pub(in crate::mqtt) const fn reason(self) -> Option<Reason> {
        match self {
            Self::Left | Self::Broke | Self::Vanished => None,
            Self::Silent => Some(Reason::KeepAliveTimeout),
            Self::Misbehaved(reason) => Some(reason),
            Self::Expired | Self::Wanted(Ending::Revoked) => Some(Reason::NotAuthorized),
            Self::Wanted(Ending::Replaced) => Some(Reason::TakenOver),
            Self::Wanted(Ending::Disconnected) => Some(Reason::Administrative),
            Self::Wanted(Ending::Shutdown) => Some(Reason::ShuttingDown),
        }
    }

    /// Why its device goes offline.
    pub(in crate::mqtt) const fn offline_cause(self) -> OfflineCause {
        match self {
            Self::Left | Self::Broke => OfflineCause::ClosedByDevice,
            Self::Vanished => OfflineCause::Vanished,
            Self::Silent => OfflineCause::Heartbeat,
            Self::Misbehaved(_) => OfflineCause::ProtocolError,
            Self::Expired | Self::Wanted(Ending::Revoked) => OfflineCause::Refused,
            Self::Wanted(Ending::Replaced) => OfflineCause::Replaced,
            Self::Wanted(Ending::Disconnected) => OfflineCause::Disconnected,
            Self::Wanted(Ending::Shutdown) => OfflineCause::Drained,
        }
    }
}
