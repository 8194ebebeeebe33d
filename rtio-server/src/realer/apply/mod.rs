//! A whole catalog as one file, in TOML or JSON: what a hub has as a file ([`export`]), and what is to change so that a hub has what a
//! file says ([`plan`]). Pure: who applies a file reads what is there, and makes the changes, all or none.
//!
//! * Things match by their id if the file gives it, else by their label. A thing of a new id is added with it.
//! * A thing is as the file says; what the file leaves out of it has its default. But the subscription of a device that is there stays
//!   unless the file says it, and the value of a command counts only for a new one: later it is up to who uses the device.
//! * Things that are not in the file stay, unless it is said that they go.
//! * So the file of what is there changes nothing, and no file changes anything the second time.

mod difference;
mod export;
mod file;
mod matching;
mod plan;
mod report;
mod sources;
#[cfg(test)]
mod tests;

pub use export::export;
pub use file::{
    CatalogFile, CommandEntry, DeviceEntry, FileError, Format, MAX_FILE_BYTES, MAX_THINGS, ResourceEntry, SensorEntry,
};
pub use plan::{Others, Plan, PlanError, Present, named_devices, plan};
pub use report::{Action, Change, FieldChange, Kind, Report};
