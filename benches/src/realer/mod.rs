//! The load of the control-device runtime: a catalog to seed a hub with, what polling devices and callers ask, and what bare hyper answers
//! to the same. How devices hold a session is the matter of `devices`; what is measured is that of `measure`.

mod bare;
mod catalog;
mod control_device;
mod errand;
mod folder;
mod token;

pub(crate) use bare::answer as bare_answer;
pub(crate) use control_device::ControlDevice;
pub(crate) use errand::{BATCH_ITEMS, Errand, Visit};
pub(crate) use folder::Folder;
pub(crate) use token::fetch_tokens;
