//! One event of a device's presence, as a value.

use core::net::SocketAddr;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use jiff::Timestamp;

use crate::hub::{DeviceId, Protocol};

/// A device came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place among all events.
    pub id: EventId,
    /// When it happened, by the system's clock.
    pub time: Timestamp,
    /// Which device.
    pub device: DeviceId,
    /// Which of its sessions.
    pub epoch: Epoch,
    /// Where that session connects from.
    pub peer: SocketAddr,
    /// What happened.
    pub change: Change,
}

/// What happened to a session. Each begins with `Online` or `Replaced` and ends with `Offline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It began; the device had none.
    Online {
        /// What it speaks.
        protocol: Protocol,
    },
    /// It began and took the device over; the end of the session before is the device's event before this one.
    Replaced {
        /// What it speaks.
        protocol: Protocol,
        /// The session before.
        previous: Epoch,
    },
    /// It ended.
    Offline {
        /// Why.
        cause: OfflineCause,
    },
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfflineCause {
    /// The device closed the connection, or it broke.
    ClosedByDevice,
    /// No frame came for one and a half intervals.
    Heartbeat,
    /// The device's system acknowledged nothing any more.
    Vanished,
    /// The device broke the protocol.
    ProtocolError,
    /// A newer session took the device over.
    Replaced,
    /// The hub shut down.
    Drained,
    /// The device may not connect any more.
    Refused,
    /// An operator ended it.
    Disconnected,
}

impl OfflineCause {
    /// The cause as JSON and documents name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClosedByDevice => "closed_by_device",
            Self::Heartbeat => "heartbeat",
            Self::Vanished => "vanished",
            Self::ProtocolError => "protocol_error",
            Self::Replaced => "replaced",
            Self::Drained => "drained",
            Self::Refused => "refused",
            Self::Disconnected => "disconnected",
        }
    }
}

impl Change {
    /// What it is, without what is particular to it.
    pub const fn kind(self) -> EventKind {
        match self {
            Self::Online { .. } => EventKind::Online,
            Self::Replaced { .. } => EventKind::Replaced,
            Self::Offline { .. } => EventKind::Offline,
        }
    }
}

/// The three kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// [`Change::Online`].
    Online,
    /// [`Change::Replaced`].
    Replaced,
    /// [`Change::Offline`].
    Offline,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Online, Self::Replaced, Self::Offline];

    /// The kind as JSON and documents name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Replaced => "replaced",
            Self::Offline => "offline",
        }
    }

    /// The kind that has this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Number of a session. A device's later session has a greater one, also after the hub's restart. Below 2^53, so that JSON carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// Number of an event. A later one has a greater one, also after the hub's restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(pub(in crate::hub) u64);

impl EventId {
    /// The bare number; below 2^53, so that JSON carries it.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The one `count` places before.
    #[must_use]
    pub const fn before(self, count: usize) -> Self {
        Self(self.0.saturating_sub(count as u64))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl FromStr for EventId {
    type Err = ParseIntError;

    /// Reads what `Display` wrote.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// The hub keeps tens of thousands of them: what they speak has its place where nothing else is.
const _: () = assert!(size_of::<Change>() == 16 && size_of::<Event>() == 96);
