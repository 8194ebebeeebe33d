//! Changes of the catalog: what operators say. All of a request are made in one transaction, and each device's revisions grow once.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::columns::limit;
use super::control;
use super::sources::{self, Source};
use crate::hub::{DeviceId, DeviceSecret, RegistryError};
use crate::realer::ports::{CatalogChange, CatalogError, StoreError};
use crate::realer::{
    Adoption, Command, DeviceSettings, Lifecycle, MAX_RESOURCES, MAX_SOURCES, Resource, ResourceId, Sensor, SourceId,
};
use crate::store::devices;
use crate::store::key::SecretKey;

/// A request of changes, half made.
pub(super) struct Change<'a> {
    connection: &'a Connection,
    key: &'a SecretKey,
    now_ms: i64,
    /// By the numbers of devices.
    touched: HashMap<i64, Touched>,
}

/// What has changed about a device so far.
#[derive(Default)]
struct Touched {
    /// What its firmware knows of commands and sensors.
    catalog: bool,
    /// Protocols or plan.
    runtime: bool,
    /// How its sources stand.
    state: bool,
    /// Which of them.
    sources: Vec<i64>,
}

type Changed = Result<(), CatalogError>;

impl<'a> Change<'a> {
    pub(super) fn new(connection: &'a Connection, key: &'a SecretKey, now_ms: i64) -> Self {
        Self { connection, key, now_ms, touched: HashMap::new() }
    }

    pub(super) fn make(&mut self, change: CatalogChange) -> Changed {
        match change {
            CatalogChange::AddDevice { id, secret, settings } => self.add_device(&id, &secret, &settings),
            CatalogChange::ChangeDevice { id, settings } => self.change_device(&id, &settings),
            CatalogChange::RemoveDevice(id) => self.remove_device(&id),
            CatalogChange::PutResource(resource) => self.put_resource(&resource),
            CatalogChange::RemoveResource(id) => self.remove_resource(&id),
            CatalogChange::PutCommand { device, command } => self.put(&device, Source::Command(command)),
            CatalogChange::RemoveCommand { device, id } => self.remove(device, SourceId::Command(id)),
            CatalogChange::PutSensor { device, sensor } => self.put(&device, Source::Sensor(sensor)),
            CatalogChange::RemoveSensor { device, id } => self.remove(device, SourceId::Sensor(id)),
        }
    }

    /// Raises the revisions of whose contract has changed. Who has changed at all.
    pub(super) fn finish(self) -> Result<Vec<DeviceId>, CatalogError> {
        let mut grow = self.connection.prepare_cached(
            "UPDATE control_devices SET
             catalog_revision = CASE WHEN ?2 THEN max(catalog_revision + 1, ?5) ELSE catalog_revision END,
             runtime_revision = CASE WHEN ?3 THEN max(runtime_revision + 1, ?5) ELSE runtime_revision END,
             changes = changes + ?4 WHERE control = ?1 RETURNING changes",
        )?;
        let mut mark = self.connection.prepare_cached("UPDATE sources SET changed = ?2 WHERE source = ?1")?;
        let mut changed = Vec::with_capacity(self.touched.len());
        for (control, touched) in self.touched {
            let revision = control::revision(self.now_ms);
            let row = params![control, touched.catalog, touched.runtime, touched.state, revision];
            let change: i64 = grow.query_row(row, |row| row.get(0))?;
            for source in touched.sources {
                mark.execute([source, change])?;
            }
            changed.push(control::by_number(self.connection, control)?);
        }
        Ok(changed)
    }

    fn touched(&mut self, control: i64) -> &mut Touched {
        self.touched.entry(control).or_default()
    }

    fn control(&self, device: &DeviceId) -> Result<i64, CatalogError> {
        control::number(self.connection, device)?.ok_or_else(|| CatalogError::UnknownDevice(device.clone()))
    }

    fn add_device(&self, id: &DeviceId, secret: &DeviceSecret, settings: &DeviceSettings) -> Changed {
        self.check_device_label(None, &settings.label)?;
        let digest = self.key.digest(id, secret.reveal().as_bytes());
        devices::add(self.connection, id, &digest, self.now_ms).map_err(|error| match error {
            RegistryError::Exists(id) => exists("device", id.as_str()),
            RegistryError::Failed(error) => StoreError(error).into(),
            error @ RegistryError::Unknown(_) => StoreError(error.into()).into(),
        })?;
        Ok(control::insert(self.connection, id, settings, self.now_ms)?)
    }

    fn change_device(&mut self, id: &DeviceId, settings: &DeviceSettings) -> Changed {
        let control = self.control(id)?;
        let Some(before) = control::device_of(self.connection, control)? else {
            return Err(CatalogError::UnknownDevice(id.clone()));
        };
        self.check_device_label(Some(control), &settings.label)?;
        let of_runtime = |of: &DeviceSettings| (of.protocols, of.plan);
        // What callers see of it. (§12)
        let of_state = |of: &DeviceSettings| (of.label.clone(), of.subscription);
        let touched = self.touched(control);
        touched.runtime |= of_runtime(&before.settings) != of_runtime(settings);
        touched.state |= of_state(&before.settings) != of_state(settings);
        Ok(control::update(self.connection, control, settings)?)
    }

    fn remove_device(&mut self, id: &DeviceId) -> Changed {
        let control = self.control(id)?;
        devices::remove(self.connection, id).map_err(|error| match error {
            RegistryError::Unknown(id) => CatalogError::UnknownDevice(id),
            RegistryError::Failed(error) => StoreError(error).into(),
            error @ RegistryError::Exists(_) => StoreError(error.into()).into(),
        })?;
        self.touched.remove(&control);
        Ok(())
    }

    fn check_device_label(&self, own: Option<i64>, label: &str) -> Changed {
        let mut other =
            self.connection.prepare_cached("SELECT 1 FROM control_devices WHERE label = ?1 AND control IS NOT ?2")?;
        if other.exists(params![label, own])? { Err(exists("device", label)) } else { Ok(()) }
    }

    /// One that was removed keeps its number, so that the desired states of its contexts go on counting.
    fn put_resource(&self, Resource { id, label }: &Resource) -> Changed {
        let mut other = self.connection.prepare_cached("SELECT 1 FROM resources WHERE label = ?1 AND id <> ?2")?;
        if other.exists([label.as_str(), id.as_str()])? {
            return Err(exists("resource", label));
        }
        let mut put = self.connection.prepare_cached(
            "INSERT INTO resources (id, label) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET label = excluded.label",
        )?;
        put.execute([id.as_str(), label.as_str()])?;
        Ok(())
    }

    fn remove_resource(&mut self, id: &ResourceId) -> Changed {
        let resource = self.resource(id)?;
        let mut of = self.connection.prepare_cached(
            "SELECT source, control FROM source_resources JOIN sources USING (source) WHERE resource = ?1",
        )?;
        let belonging = of.query_map([resource], |row| Ok((row.get(0)?, row.get(1)?)))?;
        for (source, control) in belonging.collect::<rusqlite::Result<Vec<(i64, i64)>>>()? {
            self.is_touched(control, source);
        }
        self.connection.execute("DELETE FROM source_resources WHERE resource = ?1", [resource])?;
        self.connection.execute("UPDATE resources SET label = NULL WHERE resource = ?1", [resource])?;
        Ok(())
    }

    fn resource(&self, id: &ResourceId) -> Result<i64, CatalogError> {
        sources::resource(self.connection, id)?.ok_or_else(|| CatalogError::UnknownResource(id.clone()))
    }

    /// What firmware knows of a source has changed.
    fn is_touched(&mut self, control: i64, source: i64) {
        let touched = self.touched(control);
        (touched.catalog, touched.state) = (true, true);
        touched.sources.push(source);
    }

    fn put(&mut self, device: &DeviceId, source: Source) -> Changed {
        let control = self.control(device)?;
        let source = source.in_order();
        let resources = self.resources(device, &source)?;
        let id = source.id();
        self.check_names(control, &source)?;
        let before = sources::source(self.connection, control, &id)?;
        let source = before.iter().fold(source, |source, (_, before)| source.with_value_of(before));
        match before {
            Some((_, before)) if before == source => Ok(()),
            Some((number, before)) => {
                self.update(number, &source)?;
                let touched = self.touched(control);
                touched.catalog |= !before.has_contract_of(&source);
                touched.state = true;
                touched.sources.push(number);
                self.set_resources(number, &resources)
            }
            None => {
                self.check_room(control, device, &source)?;
                let number = self.insert(control, &source)?;
                self.is_touched(control, number);
                self.set_resources(number, &resources)
            }
        }
    }

    /// The numbers of what a source belongs to.
    fn resources(&self, device: &DeviceId, source: &Source) -> Result<Vec<i64>, CatalogError> {
        let ids = source.resources();
        if ids.len() > MAX_RESOURCES {
            let (device, what) = (device.clone(), "resources of one command or sensor");
            return Err(CatalogError::Full { device, what, max: MAX_RESOURCES });
        }
        ids.iter().map(|id| self.resource(id)).collect()
    }

    /// Nothing else has its id or label.
    fn check_names(&self, control: i64, source: &Source) -> Changed {
        let (id, what) = (source.id(), source.what());
        let mut same = self.connection.prepare_cached("SELECT control FROM sources WHERE id = ?1")?;
        let owner: Option<i64> = same.query_row([id.as_str()], |row| row.get(0)).optional()?;
        if owner.is_some_and(|owner| owner != control) {
            return Err(exists(what, id.as_str()));
        }
        let mut other = self.connection.prepare_cached(
            "SELECT 1 FROM sources WHERE control = ?1 AND is_command = ?2 AND label = ?3 AND id <> ?4",
        )?;
        let taken = other.exists(params![control, source.is_command(), source.label(), id.as_str()])?;
        if taken { Err(exists(what, source.label())) } else { Ok(()) }
    }

    fn check_room(&self, control: i64, device: &DeviceId, source: &Source) -> Changed {
        let mut count =
            self.connection.prepare_cached("SELECT count(*) FROM sources WHERE control = ?1 AND is_command = ?2")?;
        let there: i64 = count.query_row(params![control, source.is_command()], |row| row.get(0))?;
        if there < limit(MAX_SOURCES) {
            return Ok(());
        }
        let what = if source.is_command() { "commands" } else { "sensors" };
        Err(CatalogError::Full { device: device.clone(), what, max: MAX_SOURCES })
    }

    fn insert(&self, control: i64, source: &Source) -> Result<i64, CatalogError> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO sources (control, id, is_command, is_complete, label, kind, pin_port, changed)
             VALUES (?1, ?2, ?3, 0, '', '', '', 0)",
        )?;
        let number = insert.insert(params![control, source.id().as_str(), source.is_command()])?;
        self.update(number, source)?;
        Ok(number)
    }

    fn update(&self, number: i64, source: &Source) -> Changed {
        match source {
            Source::Command(command) => self.update_command(number, command),
            Source::Sensor(sensor) => self.update_sensor(number, sensor),
        }
    }

    fn update_command(&self, number: i64, command: &Command) -> Changed {
        let Command { label, value, value_type, kind, pin_port, min, max, adoption, .. } = command;
        let mut update = self.connection.prepare_cached(
            "UPDATE sources SET is_complete = ?2, label = ?3, kind = ?4, pin_port = ?5, value = ?6, value_type = ?7,
             min = ?8, max = ?9, adopts = ?10 WHERE source = ?1",
        )?;
        let (complete, adopts) = (command.is_complete(), *adoption == Adoption::On);
        update.execute(params![number, complete, label, kind, pin_port, value, value_type, min, max, adopts])?;
        Ok(())
    }

    fn update_sensor(&self, number: i64, sensor: &Sensor) -> Changed {
        let Sensor { label, kind, qc, mu, pin_port, .. } = sensor;
        let mut update = self.connection.prepare_cached(
            "UPDATE sources SET is_complete = ?2, label = ?3, kind = ?4, pin_port = ?5, qc = ?6, mu = ?7 WHERE source = ?1",
        )?;
        update.execute(params![number, sensor.is_complete(), label, kind, pin_port, qc, mu])?;
        Ok(())
    }

    fn set_resources(&self, number: i64, resources: &[i64]) -> Changed {
        self.connection.prepare_cached("DELETE FROM source_resources WHERE source = ?1")?.execute([number])?;
        let mut insert = self.connection.prepare_cached("INSERT INTO source_resources VALUES (?1, ?2)")?;
        for &resource in resources {
            insert.execute([number, resource])?;
        }
        Ok(())
    }

    /// What the source told and was told is seen no more from now on, and cleaned up later. Its sequence numbers never come again.
    fn remove(&mut self, device: DeviceId, id: SourceId) -> Changed {
        let control = self.control(&device)?;
        let Some((number, _)) = sources::source(self.connection, control, &id)? else {
            return Err(CatalogError::UnknownSource { device, id });
        };
        let superseded = Lifecycle::Superseded as i64;
        self.connection
            .prepare_cached(
                "UPDATE desired_states SET newest = 0, closed_ms = coalesce(closed_ms, ?2),
                 lifecycle = CASE lifecycle WHEN 0 THEN ?3 ELSE lifecycle END
                 WHERE desired IN (SELECT desired FROM contexts WHERE source = ?1)",
            )?
            .execute(params![number, self.now_ms, superseded])?;
        self.connection
            .prepare_cached(
                "UPDATE control_devices SET least_sequence = max(least_sequence,
                 coalesce((SELECT max(last_sequence) FROM contexts WHERE source = ?2), 0)) WHERE control = ?1",
            )?
            .execute([control, number])?;
        self.connection.prepare_cached("DELETE FROM sources WHERE source = ?1")?.execute([number])?;
        let touched = self.touched(control);
        (touched.catalog, touched.state) = (true, true);
        Ok(())
    }
}

fn exists(what: &'static str, name: &str) -> CatalogError {
    CatalogError::Exists { what, name: name.to_owned() }
}
