//! What a device can be told to do and what it measures. (Contract §4.)

use super::{CommandId, ControlDevice, ResourceId, SensorId};

/// A command: something that a device can be told to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Its name.
    pub id: CommandId,
    /// What operators call it, unique within the device; not part of the contract with the firmware.
    pub label: String,
    /// The value that is configured now: context for a first start, no instruction.
    pub value: String,
    /// How values are read, such as `NumericRange`; unknown ones are opaque text.
    pub value_type: String,
    /// The kind of actuator, such as `relay`. Empty: not said yet.
    pub kind: String,
    /// Pin or port on the device. Empty: not said yet.
    pub pin_port: String,
    /// The least value that may be wished, where values are numbers.
    pub min: Option<f64>,
    /// The greatest.
    pub max: Option<f64>,
    /// Whether what the device reports by itself becomes the desired value.
    pub adoption: Adoption,
    /// What it belongs to; each makes a context of its own.
    pub resources: Vec<ResourceId>,
}

/// A sensor: something that a device measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sensor {
    /// Its name.
    pub id: SensorId,
    /// What operators call it, unique within the device; not part of the contract with the firmware.
    pub label: String,
    /// Such as `thermistor`. Empty: not said yet.
    pub kind: String,
    /// Quantity, such as `celsius_temperature`. Empty: not said yet.
    pub qc: String,
    /// Unit, such as `degree_celsius:0`. Empty: not said yet.
    pub mu: String,
    /// Pin or port on the device. Empty: not said yet.
    pub pin_port: String,
    /// What it belongs to.
    pub resources: Vec<ResourceId>,
}

/// Whether what a device reports by itself becomes the desired value. (§6.5)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Adoption {
    /// It only becomes the reported state.
    #[default]
    Off,
    /// It becomes the desired value as well, as already executed.
    On,
}

/// Something in the world that commands and sensors belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name.
    pub id: ResourceId,
    /// What operators call it, unique.
    pub label: String,
}

/// All that a device needs to know of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    /// The device.
    pub device: ControlDevice,
    /// In the order of their ids.
    pub commands: Vec<Command>,
    /// In the order of their ids.
    pub sensors: Vec<Sensor>,
}

impl Command {
    /// Whether firmware can act on it; else it is shown in the error form, and takes part in nothing.
    pub fn is_complete(&self) -> bool {
        !self.value_type.is_empty() && !self.kind.is_empty() && !self.pin_port.is_empty()
    }

    /// Whether firmware sees no difference, but for the value, which is no part of the revision.
    pub fn has_contract_of(&self, other: &Self) -> bool {
        let contract = |of: &Self| (of.value_type.clone(), of.kind.clone(), of.pin_port.clone(), of.resources.clone());
        contract(self) == contract(other)
    }
}

impl Sensor {
    /// Whether firmware can act on it; else it is shown in the error form, and takes part in nothing.
    pub fn is_complete(&self) -> bool {
        [&self.kind, &self.qc, &self.mu, &self.pin_port].iter().all(|field| !field.is_empty())
    }

    /// Whether firmware sees no difference.
    pub fn has_contract_of(&self, other: &Self) -> bool {
        Self { label: String::new(), ..self.clone() } == Self { label: String::new(), ..other.clone() }
    }
}

/// Commands of a device, and sensors of a device; one more is refused. With all of them and long texts a bootstrap has 100 KB.
pub const MAX_SOURCES: usize = 256;

/// Resources of a command or sensor.
pub const MAX_RESOURCES: usize = 16;
