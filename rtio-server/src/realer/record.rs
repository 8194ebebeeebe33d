//! What is kept of what devices told: records to be read, by devices, callers and operators.

use super::{Answer, CommandId, ControlDevice, DesiredState, MessageId, SensorId, SourceId, Text, Warnings};

/// An item that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedRecord {
    /// Its number among those of its device, from 1; greater than each before it.
    pub id: u64,
    /// What it is of.
    pub source: SourceId,
    /// By which a repeat is told.
    pub message_id: MessageId,
    /// What was observed.
    pub value: Text,
    /// When it was observed, in milliseconds since 1970.
    pub observed_ms: i64,
    /// When it came, in milliseconds since 1970.
    pub received_ms: i64,
    /// Which desired state it answers, and how.
    pub answer: Option<Answer>,
    /// The number of that desired state, as the device knows it.
    pub sequence: Option<u64>,
    /// What was odd about it.
    pub warnings: Warnings,
}

/// The newest observation of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// What was observed.
    pub value: Text,
    /// What it is ordered by, in milliseconds since 1970: when it was observed, or when it came if that lay in the future.
    pub order_ms: i64,
    /// When it came, in milliseconds since 1970.
    pub received_ms: i64,
    /// The record that says so.
    pub feed_data: u64,
}

/// How a device stands: what is desired and what is reported, side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The device.
    pub device: ControlDevice,
    /// The number of the last change to any of its sources; grows.
    pub change: u64,
    /// Its sources that were asked for, in the order of their ids, commands first.
    pub sources: Vec<SourceState>,
}

/// How one source stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceState {
    /// A command.
    Command {
        /// Which.
        id: CommandId,
        /// What operators call it.
        label: String,
        /// The desired value that is configured now.
        value: String,
        /// The newest desired state of each context that ever had one.
        desired: Vec<DesiredState>,
        /// What the device said last.
        reported: Option<Latest>,
        /// The number of its last change.
        change: u64,
    },
    /// A sensor.
    Sensor {
        /// Which.
        id: SensorId,
        /// What operators call it.
        label: String,
        /// Its newest reading.
        reported: Option<Latest>,
        /// The number of its last change.
        change: u64,
    },
}

/// A reported value that became the desired one. (§6.5)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptionRecord {
    /// Its number among those of the device, from 1.
    pub id: u64,
    /// Which command.
    pub command: CommandId,
    /// The desired value before.
    pub before: String,
    /// The desired value since.
    pub after: String,
    /// The record that it was adopted from.
    pub feed_data: u64,
    /// When, in milliseconds since 1970.
    pub adopted_ms: i64,
}
