//! Commands and sensors as firmware sees them. (Contract §4.)

use serde::Serialize;

use super::OK;
use crate::realer::{Command, Config, Sensor};

/// Commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CommandsDocument {
    /// 2000.
    pub code: u16,
    /// In the order of their ids.
    pub commands: Vec<CommandItem>,
}

/// Sensors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SensorsDocument {
    /// 2000.
    pub code: u16,
    /// In the order of their ids.
    pub sensors: Vec<SensorItem>,
}

/// A command, or what is left of one that firmware cannot act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the fields are those of Command")]
pub enum CommandItem {
    /// One to act on.
    Whole { id: String, value: String, value_type: String, kind: String, pin_port: String },
    /// One to skip.
    Unsupported(Unsupported),
}

/// A sensor, or what is left of one that firmware cannot act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the fields are those of Sensor")]
pub enum SensorItem {
    /// One to read.
    Whole { id: String, kind: String, qc: String, mu: String, pin_port: String },
    /// One to skip.
    Unsupported(Unsupported),
}

/// The error form of an item: its name, and that it is to be skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsupported {
    /// Its name.
    pub id: String,
    /// Why.
    pub error: UnsupportedError,
}

/// Why an item is to be skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UnsupportedError {
    /// The label.
    pub r#type: &'static str,
    /// What people read.
    pub message: &'static str,
}

impl CommandsDocument {
    /// The document of these.
    pub fn of<'a>(commands: impl IntoIterator<Item = &'a Command>, config: &Config) -> Self {
        Self { code: config.codes.of(OK), commands: commands.into_iter().map(CommandItem::of).collect() }
    }
}

impl SensorsDocument {
    /// The document of these.
    pub fn of<'a>(sensors: impl IntoIterator<Item = &'a Sensor>, config: &Config) -> Self {
        Self { code: config.codes.of(OK), sensors: sensors.into_iter().map(SensorItem::of).collect() }
    }
}

impl CommandItem {
    /// The item of a command.
    pub fn of(command: &Command) -> Self {
        if !command.is_complete() {
            return Self::Unsupported(Unsupported::of(command.id.as_str()));
        }
        Self::Whole {
            id: command.id.to_string(),
            value: command.value.clone(),
            value_type: command.value_type.clone(),
            kind: command.kind.clone(),
            pin_port: command.pin_port.clone(),
        }
    }
}

impl SensorItem {
    /// The item of a sensor.
    pub fn of(sensor: &Sensor) -> Self {
        if !sensor.is_complete() {
            return Self::Unsupported(Unsupported::of(sensor.id.as_str()));
        }
        Self::Whole {
            id: sensor.id.to_string(),
            kind: sensor.kind.clone(),
            qc: sensor.qc.clone(),
            mu: sensor.mu.clone(),
            pin_port: sensor.pin_port.clone(),
        }
    }
}

impl Unsupported {
    fn of(id: &str) -> Self {
        let error = UnsupportedError {
            r#type: "unsupported_definition",
            message: "the definition is not complete: skip this item until the catalog's revision changes",
        };
        Self { id: id.to_owned(), error }
    }
}
