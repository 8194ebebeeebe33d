//! A device with all kinds of sources, for tests: a heater that adopts and belongs to two resources, a lamp that does neither, a command
//! that nobody has described yet, a thermometer.

use super::Rows;
use crate::hub::{DeviceId, DeviceSecret};
use crate::realer::{
    Adoption, Command, CommandId, DeviceSettings, Plan, Protocols, ResourceId, Sensor, SensorId, Subscription,
};

pub(crate) const DEVICE: &str = "cdv_00000000000000000000000001";
pub(crate) const SECRET: &str = "correct-horse-battery-staple";
pub(crate) const HEATER: &str = "cmd_00000000000000000000000001";
pub(crate) const LAMP: &str = "cmd_00000000000000000000000002";
pub(crate) const VAGUE: &str = "cmd_00000000000000000000000003";
pub(crate) const THERMOMETER: &str = "sns_00000000000000000000000001";
pub(crate) const NORTH: &str = "res_00000000000000000000000001";
pub(crate) const SOUTH: &str = "res_00000000000000000000000002";

pub(crate) fn device() -> DeviceId {
    DeviceId::parse(DEVICE).unwrap()
}

pub(crate) fn command(id: &str) -> CommandId {
    CommandId::parse(id).unwrap()
}

pub(crate) fn resource(id: &str) -> ResourceId {
    ResourceId::parse(id).unwrap()
}

pub(crate) fn sensor(id: &str) -> SensorId {
    SensorId::parse(id).unwrap()
}

pub(crate) fn rows() -> Rows {
    let settings = DeviceSettings {
        label: "greenhouse".to_owned(),
        subscription: Subscription::Active,
        protocols: Protocols::default(),
        plan: Plan::default(),
    };
    let mut rows = Rows::new(device(), settings, 0).with_secret(DeviceSecret::parse(SECRET).unwrap());
    rows.commands = vec![heater(), lamp(), vague()];
    rows.sensors = vec![thermometer()];
    rows
}

fn heater() -> Command {
    Command {
        id: command(HEATER),
        label: "heater".to_owned(),
        value: "0".to_owned(),
        value_type: "NumericRange".to_owned(),
        kind: "relay".to_owned(),
        pin_port: "6".to_owned(),
        min: Some(0.0),
        max: Some(100.0),
        adoption: Adoption::On,
        resources: vec![resource(NORTH), resource(SOUTH)],
    }
}

fn lamp() -> Command {
    Command {
        id: command(LAMP),
        label: "lamp".to_owned(),
        value_type: "Binary".to_owned(),
        pin_port: "7".to_owned(),
        adoption: Adoption::Off,
        resources: Vec::new(),
        ..heater()
    }
}

fn vague() -> Command {
    Command { id: command(VAGUE), label: "vague".to_owned(), kind: String::new(), ..lamp() }
}

fn thermometer() -> Sensor {
    Sensor {
        id: sensor(THERMOMETER),
        label: "thermometer".to_owned(),
        kind: "thermistor".to_owned(),
        qc: "celsius_temperature".to_owned(),
        mu: "degree_celsius:0".to_owned(),
        pin_port: "5".to_owned(),
        resources: vec![resource(NORTH)],
    }
}
