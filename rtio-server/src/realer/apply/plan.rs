//! What is to change so that a hub has what a file says.

use std::collections::{HashMap, HashSet};

use super::difference::between;
use super::export::{device_entry, resource_entry};
use super::matching::{check_labels, match_up};
use super::{Action, CatalogFile, Change, DeviceEntry, Kind, Report, ResourceEntry};
use crate::hub::{DeviceId, DeviceSecret};
use crate::realer::fields::{FieldError, Resources};
use crate::realer::ports::CatalogChange;
use crate::realer::{Catalog, ControlDevice, Resource, ResourceId, is_control_device, new_control_device};

/// What is there.
#[derive(Debug, Clone, Default)]
pub struct Present {
    /// All resources.
    pub resources: Vec<Resource>,
    /// All control devices.
    pub devices: Vec<ControlDevice>,
    /// The catalogs of those that the file [names](named_devices).
    pub catalogs: HashMap<DeviceId, Catalog>,
}

/// What becomes of things that are not in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Others {
    /// They stay.
    #[default]
    Stay,
    /// They go.
    Go,
}

/// What is to be done, all or none.
#[derive(Debug, Default)]
pub struct Plan {
    /// In this order.
    pub changes: Vec<CatalogChange>,
    /// The same, for people.
    pub report: Report,
    /// What proves the devices that are new; shown once.
    pub issued: Vec<(DeviceId, DeviceSecret)>,
}

/// The file cannot be applied to what is there.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A field has a value that it cannot have.
    #[error(transparent)]
    Field(#[from] FieldError),
    /// The system gives no random bytes.
    #[error("no id or secret can be made: {0}")]
    Random(#[from] getrandom::Error),
}

/// The devices that are there and in the file: their catalogs are needed for a plan.
///
/// # Errors
///
/// [`FieldError`].
pub fn named_devices(file: &CatalogFile, devices: &[ControlDevice]) -> Result<Vec<DeviceId>, FieldError> {
    let matched = match_up("devices", &file.devices, devices)?;
    Ok(matched.into_iter().flatten().map(|place| devices[place].id.clone()).collect())
}

/// What is to change.
///
/// # Errors
///
/// [`PlanError`].
pub fn plan(file: &CatalogFile, present: &Present, others: Others, now_ms: i64) -> Result<Plan, PlanError> {
    let mut planner = Planner { others, now_ms, ..Planner::default() };
    planner.plan_resources(&file.resources, &present.resources)?;
    planner.plan_devices(&file.devices, present)?;
    Ok(planner.plan())
}

/// A plan that is being made.
#[derive(Debug, Default)]
pub(super) struct Planner {
    pub(super) others: Others,
    pub(super) now_ms: i64,
    /// As they are after the plan.
    pub(super) resources: Resources,
    done: Step,
    /// What goes: it goes first, so that there is room for what comes, and is told last.
    gone: Step,
    issued: Vec<(DeviceId, DeviceSecret)>,
}

/// What is there and not in the file.
pub(super) struct Unmatched<'a, T> {
    pub(super) staying: Vec<&'a T>,
    pub(super) leaving: Vec<&'a T>,
}

#[derive(Debug, Default)]
struct Step {
    changes: Vec<CatalogChange>,
    told: Vec<Change>,
}

impl Planner {
    fn plan_resources(&mut self, entries: &[ResourceEntry], there: &[Resource]) -> Result<(), PlanError> {
        let matched = match_up("resources", entries, there)?;
        let Unmatched { staying, leaving } = self.unmatched(there, &matched);
        check_labels("resources", entries, &staying)?;
        staying.iter().for_each(|other| self.resources.put(other));
        for (entry, place) in entries.iter().zip(matched) {
            let at = |error: FieldError| error.within(format_args!("resources[{}]", entry.label));
            let before = place.map(|place| &there[place]);
            let after = match before {
                Some(before) => entry.fields().changed(before.clone()).map_err(at)?,
                None => {
                    let id = self.id_of(entry.id.as_deref(), ResourceId::parse, ResourceId::new, at)?;
                    entry.fields().new_resource(id).map_err(at)?
                }
            };
            self.resources.put(&after);
            if before != Some(&after) {
                let fields = between(before.map(resource_entry).as_ref(), &resource_entry(&after));
                self.tell(Change { fields, ..told(before.is_some(), Kind::Resource, &after.label, after.id.as_str()) });
                self.done.changes.push(CatalogChange::PutResource(after));
            }
        }
        for other in leaving {
            let change = removal(Kind::Resource, &other.label, other.id.as_str());
            self.remove(CatalogChange::RemoveResource(other.id.clone()), change);
        }
        Ok(())
    }

    fn plan_devices(&mut self, entries: &[DeviceEntry], present: &Present) -> Result<(), PlanError> {
        let matched = match_up("devices", entries, &present.devices)?;
        let Unmatched { staying, leaving } = self.unmatched(&present.devices, &matched);
        check_labels("devices", entries, &staying)?;
        for (entry, place) in entries.iter().zip(matched) {
            self.plan_device(entry, place.map(|place| &present.devices[place]), present)?;
        }
        for other in leaving {
            let change = removal(Kind::Device, &other.settings.label, other.id.as_str());
            self.remove(CatalogChange::RemoveDevice(other.id.clone()), change);
        }
        Ok(())
    }

    fn plan_device(
        &mut self,
        entry: &DeviceEntry,
        before: Option<&ControlDevice>,
        present: &Present,
    ) -> Result<(), PlanError> {
        let at = |error: FieldError| error.within(format_args!("devices[{}]", entry.label));
        let (id, settings) = match before {
            Some(before) => (before.id.clone(), entry.fields().changed(before.settings.clone()).map_err(at)?),
            None => {
                let id = self.id_of(entry.id.as_deref(), control_device, new_control_device, at)?;
                (id, entry.fields().new_settings().map_err(at)?)
            }
        };
        if before.is_none_or(|before| before.settings != settings) {
            let was = before.map(|before| device_entry(id.as_str(), &before.settings));
            let fields = between(was.as_ref(), &device_entry(id.as_str(), &settings));
            self.tell(Change { fields, ..told(before.is_some(), Kind::Device, &settings.label, id.as_str()) });
            let change = match before {
                Some(_) => CatalogChange::ChangeDevice { id: id.clone(), settings },
                None => CatalogChange::AddDevice { id: id.clone(), secret: self.issue(&id)?, settings },
            };
            self.done.changes.push(change);
        }
        let catalog = present.catalogs.get(&id);
        let commands = catalog.map(|catalog| catalog.commands.as_slice()).unwrap_or_default();
        let sensors = catalog.map(|catalog| catalog.sensors.as_slice()).unwrap_or_default();
        self.plan_sources((&id, &entry.label), &entry.commands, commands)?;
        self.plan_sources((&id, &entry.label), &entry.sensors, sensors)
    }

    fn issue(&mut self, device: &DeviceId) -> Result<DeviceSecret, PlanError> {
        let secret = DeviceSecret::random()?;
        self.issued.push((device.clone(), secret.clone()));
        Ok(secret)
    }

    /// The id that the file gives, or a new one.
    pub(super) fn id_of<Id, Invalid: std::fmt::Display>(
        &self,
        given: Option<&str>,
        parse: impl FnOnce(&str) -> Result<Id, Invalid>,
        new: impl FnOnce(i64) -> Result<Id, getrandom::Error>,
        at: impl FnOnce(FieldError) -> FieldError,
    ) -> Result<Id, PlanError> {
        match given {
            Some(given) => parse(given).map_err(|invalid| at(FieldError::new("id", invalid)).into()),
            None => Ok(new(self.now_ms)?),
        }
    }

    /// What is there and that no entry means.
    pub(super) fn unmatched<'a, T>(&self, there: &'a [T], matched: &[Option<usize>]) -> Unmatched<'a, T> {
        let meant: HashSet<_> = matched.iter().flatten().copied().collect();
        let others = there.iter().enumerate().filter(|(place, _)| !meant.contains(place)).map(|(_, thing)| thing);
        match self.others {
            Others::Stay => Unmatched { staying: others.collect(), leaving: Vec::new() },
            Others::Go => Unmatched { staying: Vec::new(), leaving: others.collect() },
        }
    }

    pub(super) fn put(&mut self, change: CatalogChange, told: Change) {
        self.done.changes.push(change);
        self.tell(told);
    }

    pub(super) fn remove(&mut self, change: CatalogChange, told: Change) {
        self.gone.changes.push(change);
        self.gone.told.push(told);
    }

    fn tell(&mut self, change: Change) {
        self.done.told.push(change);
    }

    fn plan(self) -> Plan {
        let Self { done, gone, issued, .. } = self;
        Plan {
            changes: gone.changes.into_iter().chain(done.changes).collect(),
            report: Report { changes: done.told.into_iter().chain(gone.told).collect() },
            issued,
        }
    }
}

/// A change of a thing that was there before, or was not; its fields are still to be said.
pub(super) fn told(was_there: bool, kind: Kind, label: &str, id: &str) -> Change {
    let action = if was_there { Action::Change } else { Action::Add };
    Change { action, kind, device: None, label: label.to_owned(), id: Some(id.to_owned()), fields: Vec::new() }
}

/// The removal of a thing.
pub(super) fn removal(kind: Kind, label: &str, id: &str) -> Change {
    Change { action: Action::Remove, ..told(true, kind, label, id) }
}

/// The name of a control device.
fn control_device(text: &str) -> Result<DeviceId, &'static str> {
    let device = DeviceId::parse(text).ok().filter(is_control_device);
    device.ok_or("cdv_ and 26 characters of 0-9 a-z")
}
