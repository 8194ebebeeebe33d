//! The load of the control-device runtime: a catalog to seed a hub with, what polling devices and callers ask, and what bare hyper answers
//! to the same. How devices hold a session is the matter of `devices`; what is measured is that of `measure`.

mod bare;
mod catalog;
mod control_device;
mod errand;
mod folder;
mod mqtt_credential;
mod token;

pub(crate) use bare::answer as bare_answer;
pub(crate) use control_device::{
    ControlDevice, command as command_id, id as device_id, resource as resource_id, sensor as sensor_id,
};
pub(crate) use errand::{BATCH_ITEMS, Errand, Visit};
pub(crate) use folder::Folder;
pub(crate) use mqtt_credential::fetch_mqtt_credentials;
pub(crate) use token::fetch_tokens;
