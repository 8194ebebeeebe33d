//! Devices that speak MQTT, as a minimal firmware does, and the broker Mosquitto to compare with. What is measured is the matter of
//! `measure`.

mod account;
mod actuators;
mod client;
mod idle;
mod in_flight;
mod mosquitto;
mod packet;
mod publishers;
mod topics;

pub(crate) use account::Account;
pub(crate) use actuators::Actuators;
pub(crate) use idle::IdleClients;
pub(crate) use mosquitto::Mosquitto;
pub(crate) use publishers::{Plan, Published, Publishers};
