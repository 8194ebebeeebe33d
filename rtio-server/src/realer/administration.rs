//! What operators change, and what they need to see for it.

use std::collections::HashMap;

use super::apply::Present;
use super::ports::{CatalogChange, CatalogError, StoreError};
use super::{Catalog, ControlDevice, Realer, Resource};
use crate::hub::DeviceId;

impl Realer {
    /// Makes all of these changes, or none. They are logged, and who waits for one of the devices is told.
    ///
    /// # Errors
    ///
    /// [`CatalogError`].
    pub async fn change_catalog(&self, changes: Vec<CatalogChange>) -> Result<(), CatalogError> {
        let done: Vec<_> = changes.iter().map(Done::of).collect();
        let agreed: Vec<_> = changes.iter().filter_map(has_other_settings).cloned().collect();
        let changed = self.store.change_catalog(changes, self.now_ms()).await?;
        changed.iter().for_each(|device| self.has_changed(device));
        for Done { what, device, name } in done {
            let of = device.as_ref().map(tracing::field::display);
            tracing::info!(device = of, name, "an operator has {what}");
        }
        agreed.iter().for_each(|device| self.wishes.insist(device));
        Ok(())
    }

    /// An operator has changed or removed a device by way of the registry.
    pub fn is_administered(&self, device: &DeviceId, what: &'static str) {
        tracing::info!(%device, "an operator has {what}");
        self.has_changed(device);
    }

    /// All resources.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn all_resources(&self) -> Result<Vec<Resource>, StoreError> {
        let mut all: Vec<Resource> = Vec::new();
        loop {
            let page = self.store.resources(all.last().map(|last| &last.id), PAGE).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// All control devices, without their catalogs.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn all_devices(&self) -> Result<Vec<ControlDevice>, StoreError> {
        let mut all: Vec<ControlDevice> = Vec::new();
        loop {
            let page = self.store.control_devices(all.last().map(|last| &last.id), PAGE).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// What is there, with the catalogs of these devices, as long as they have at most `max` commands and sensors together.
    ///
    /// # Errors
    ///
    /// [`StoreError`]. `Ok(None)`: they have more.
    pub async fn present(
        &self,
        devices: Vec<ControlDevice>,
        wanted: &[DeviceId],
        max: usize,
    ) -> Result<Option<Present>, StoreError> {
        let (mut catalogs, mut sources) = (HashMap::with_capacity(wanted.len()), 0);
        for device in wanted {
            // One that went meanwhile has none.
            let Some(catalog) = self.store.catalog(device).await? else { continue };
            sources += size_of(&catalog);
            if sources > max {
                return Ok(None);
            }
            catalogs.insert(device.clone(), catalog);
            // A store may answer at once each time; a hundred thousand devices shall not keep others from this thread.
            tokio::task::yield_now().await;
        }
        Ok(Some(Present { resources: self.all_resources().await?, devices, catalogs }))
    }
}

fn size_of(catalog: &Catalog) -> usize {
    catalog.commands.len() + catalog.sensors.len()
}

/// The device with which something else is agreed from this change on: what has waited for that is told, or it is served no more.
const fn has_other_settings(change: &CatalogChange) -> Option<&DeviceId> {
    match change {
        CatalogChange::ChangeDevice { id, .. } => Some(id),
        CatalogChange::AddDevice { .. }
        | CatalogChange::RemoveDevice(_)
        | CatalogChange::PutResource(_)
        | CatalogChange::RemoveResource(_)
        | CatalogChange::PutCommand { .. }
        | CatalogChange::RemoveCommand { .. }
        | CatalogChange::PutSensor { .. }
        | CatalogChange::RemoveSensor { .. } => None,
    }
}

/// A change that was made, for the log: never a secret.
struct Done {
    what: &'static str,
    device: Option<DeviceId>,
    name: String,
}

impl Done {
    fn of(change: &CatalogChange) -> Self {
        let done =
            |what, device: Option<&DeviceId>, name: &str| Self { what, device: device.cloned(), name: name.to_owned() };
        match change {
            CatalogChange::AddDevice { id, settings, .. } => done("added a control device", Some(id), &settings.label),
            CatalogChange::ChangeDevice { id, settings } => done("changed a control device", Some(id), &settings.label),
            CatalogChange::RemoveDevice(id) => done("removed a control device", Some(id), id.as_str()),
            CatalogChange::PutResource(resource) => done("added or changed a resource", None, resource.id.as_str()),
            CatalogChange::RemoveResource(id) => done("removed a resource", None, id.as_str()),
            CatalogChange::PutCommand { device, command } => {
                done("added or changed a command", Some(device), command.id.as_str())
            }
            CatalogChange::RemoveCommand { device, id } => done("removed a command", Some(device), id.as_str()),
            CatalogChange::PutSensor { device, sensor } => {
                done("added or changed a sensor", Some(device), sensor.id.as_str())
            }
            CatalogChange::RemoveSensor { device, id } => done("removed a sensor", Some(device), id.as_str()),
        }
    }
}

/// What is read between two others' turns.
const PAGE: usize = 1000;
