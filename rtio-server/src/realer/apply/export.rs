//! What is there, as a file. No secrets: the store does not know them.

use super::{CatalogFile, CommandEntry, DeviceEntry, Present, ResourceEntry, SensorEntry};
use crate::realer::fields::{Protocol, Resources};
use crate::realer::{Command, DeviceSettings, Resource, Sensor};

/// The file of all that is there. Devices whose catalog is not among it are left out.
pub fn export(present: &Present) -> CatalogFile {
    let resources: Resources = present.resources.iter().collect();
    let device = |device: &crate::realer::ControlDevice| {
        let catalog = present.catalogs.get(&device.id)?;
        Some(DeviceEntry {
            commands: catalog.commands.iter().map(|command| command_entry(command, &resources)).collect(),
            sensors: catalog.sensors.iter().map(|sensor| sensor_entry(sensor, &resources)).collect(),
            ..device_entry(device.id.as_str(), &device.settings)
        })
    };
    CatalogFile {
        resources: present.resources.iter().map(resource_entry).collect(),
        devices: present.devices.iter().filter_map(device).collect(),
    }
}

pub(super) fn resource_entry(resource: &Resource) -> ResourceEntry {
    ResourceEntry { id: Some(resource.id.to_string()), label: resource.label.clone() }
}

/// Without commands and sensors.
pub(super) fn device_entry(id: &str, settings: &DeviceSettings) -> DeviceEntry {
    DeviceEntry {
        id: Some(id.to_owned()),
        label: settings.label.clone(),
        subscription: Some(settings.subscription.into()),
        protocols: Some(Protocol::of(settings.protocols)),
        minimum_interval_ms: settings.plan.minimum_interval_ms,
        max_request_bytes: settings.plan.max_request_bytes,
        max_batch_items: settings.plan.max_batch_items,
        commands: Vec::new(),
        sensors: Vec::new(),
    }
}

pub(super) fn command_entry(command: &Command, resources: &Resources) -> CommandEntry {
    CommandEntry {
        id: Some(command.id.to_string()),
        label: command.label.clone(),
        kind: command.kind.clone(),
        value_type: command.value_type.clone(),
        pin_port: command.pin_port.clone(),
        value: Some(command.value.clone()),
        min: command.min,
        max: command.max,
        adoption: command.adoption.into(),
        resources: command.resources.iter().map(|id| resources.label_of(id)).collect(),
    }
}

pub(super) fn sensor_entry(sensor: &Sensor, resources: &Resources) -> SensorEntry {
    SensorEntry {
        id: Some(sensor.id.to_string()),
        label: sensor.label.clone(),
        kind: sensor.kind.clone(),
        qc: sensor.qc.clone(),
        mu: sensor.mu.clone(),
        pin_port: sensor.pin_port.clone(),
        resources: sensor.resources.iter().map(|id| resources.label_of(id)).collect(),
    }
}
