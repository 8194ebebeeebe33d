//! The file: what stands in it, and how it is read and written.

use serde::{Deserialize, Serialize};

use crate::realer::fields::{
    AdoptionName, CommandFields, DeviceFields, Protocol, ResourceFields, SensorFields, SubscriptionName,
};
use crate::realer::{Adoption, Protocols};

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogFile {
    /// What commands and sensors belong to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceEntry>,
    /// Devices, with what they can be told and what they measure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceEntry>,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceEntry {
    /// Its name; without one it is known by its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What operators call it.
    pub label: String,
}

/// A control device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceEntry {
    /// Its name; without one it is known by its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What operators call it.
    pub label: String,
    /// Whether it is served. Absent: as it is; a new one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscription: Option<SubscriptionName>,
    /// How it may exchange data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocols: Option<Vec<Protocol>>,
    /// Shortest spacing of its requests. Absent: the hub's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_interval_ms: Option<u32>,
    /// Bytes of one request. Absent: the hub's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_request_bytes: Option<u32>,
    /// Items of one batch. Absent: the hub's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_batch_items: Option<u32>,
    /// What it can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<CommandEntry>,
    /// What it measures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensors: Vec<SensorEntry>,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandEntry {
    /// Its name; without one it is known by its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What operators call it.
    pub label: String,
    /// The kind of actuator.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// How values are read.
    #[serde(default = "numeric")]
    pub value_type: String,
    /// Pin or port on the device.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pin_port: String,
    /// The value that it begins with; counts for a new command only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The least value that may be wished. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Whether what the device reports by itself becomes the desired value.
    #[serde(default = "off")]
    pub adoption: AdoptionName,
    /// What it belongs to, by label or id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
}

/// A sensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorEntry {
    /// Its name; without one it is known by its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What operators call it.
    pub label: String,
    /// What kind of sensor it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Quantity.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub qc: String,
    /// Unit.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mu: String,
    /// Pin or port on the device.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pin_port: String,
    /// What it belongs to, by label or id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For people.
    #[default]
    Toml,
    /// For programs.
    Json,
}

/// A file that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is no TOML, or something in it is not as it should be.
    #[error("the file is no catalog in TOML: {0}")]
    Toml(#[from] toml::de::Error),
    /// It is no JSON, or something in it is not as it should be.
    #[error("the file is no catalog in JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It has too many things.
    #[error("the file has {count} things, and one may have {MAX_THINGS}")]
    TooMany {
        /// How many.
        count: usize,
    },
}

impl CatalogFile {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`FileError`].
    pub fn parse(text: &str, format: Format) -> Result<Self, FileError> {
        let file: Self = match format {
            Format::Toml => toml::from_str(text)?,
            Format::Json => serde_json::from_str(text)?,
        };
        let count = file.things();
        if count > MAX_THINGS { Err(FileError::TooMany { count }) } else { Ok(file) }
    }

    /// The file's text.
    pub fn write(&self, format: Format) -> String {
        match format {
            Format::Toml => toml::to_string(self).expect("texts, numbers and tables of them"),
            Format::Json => {
                serde_json::to_string_pretty(self).expect("texts, finite numbers and objects of them") + "\n"
            }
        }
    }

    /// Resources, devices, commands and sensors in it.
    pub fn things(&self) -> usize {
        let of_device = |device: &DeviceEntry| 1 + device.commands.len() + device.sensors.len();
        self.resources.len() + self.devices.iter().map(of_device).sum::<usize>()
    }
}

impl ResourceEntry {
    pub(super) fn fields(&self) -> ResourceFields {
        ResourceFields { label: Some(self.label.clone()) }
    }
}

impl DeviceEntry {
    pub(super) fn fields(&self) -> DeviceFields {
        let protocols = self.protocols.clone().unwrap_or_else(|| Protocol::of(Protocols::default()));
        DeviceFields {
            label: Some(self.label.clone()),
            subscription: self.subscription,
            protocols: Some(protocols),
            minimum_interval_ms: Some(self.minimum_interval_ms),
            max_request_bytes: Some(self.max_request_bytes),
            max_batch_items: Some(self.max_batch_items),
        }
    }
}

impl CommandEntry {
    pub(super) fn fields(&self) -> CommandFields {
        CommandFields {
            label: Some(self.label.clone()),
            kind: Some(self.kind.clone()),
            value_type: Some(self.value_type.clone()),
            pin_port: Some(self.pin_port.clone()),
            value: None,
            min: Some(self.min),
            max: Some(self.max),
            adoption: Some(self.adoption),
            resources: Some(self.resources.clone()),
        }
    }
}

impl SensorEntry {
    pub(super) fn fields(&self) -> SensorFields {
        SensorFields {
            label: Some(self.label.clone()),
            kind: Some(self.kind.clone()),
            qc: Some(self.qc.clone()),
            mu: Some(self.mu.clone()),
            pin_port: Some(self.pin_port.clone()),
            resources: Some(self.resources.clone()),
        }
    }
}

fn numeric() -> String {
    "NumericRange".to_owned()
}

fn off() -> AdoptionName {
    Adoption::Off.into()
}

/// Things of one file: one transaction, which takes seconds at this size.
pub const MAX_THINGS: usize = 100_000;

/// Bytes of one file: as many things, with long texts.
pub const MAX_FILE_BYTES: usize = 32 * 1024 * 1024;
