//! Commands, sensors and resources, as they are read.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{limit, parsed};
use super::control;
use crate::hub::DeviceId;
use crate::realer::{Adoption, Catalog, Command, CommandId, Resource, ResourceId, Sensor, SensorId, SourceId};

/// A row of either kind.
#[derive(Debug, PartialEq)]
pub(super) enum Source {
    Command(Command),
    Sensor(Sensor),
}

impl Source {
    pub(super) fn id(&self) -> SourceId {
        match self {
            Self::Command(command) => SourceId::Command(command.id.clone()),
            Self::Sensor(sensor) => SourceId::Sensor(sensor.id.clone()),
        }
    }

    pub(super) const fn is_command(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// What it is, for people.
    pub(super) const fn what(&self) -> &'static str {
        if self.is_command() { "command" } else { "sensor" }
    }

    pub(super) fn label(&self) -> &str {
        match self {
            Self::Command(command) => &command.label,
            Self::Sensor(sensor) => &sensor.label,
        }
    }

    pub(super) fn resources(&self) -> &[ResourceId] {
        match self {
            Self::Command(command) => &command.resources,
            Self::Sensor(sensor) => &sensor.resources,
        }
    }

    /// With its resources as they are read back: each once, in the order of their ids.
    pub(super) fn in_order(mut self) -> Self {
        let (Self::Command(Command { resources, .. }) | Self::Sensor(Sensor { resources, .. })) = &mut self;
        resources.sort_unstable();
        resources.dedup();
        self
    }

    /// With the value that the command has now.
    pub(super) fn with_value_of(self, before: &Self) -> Self {
        match (self, before) {
            (Self::Command(command), Self::Command(Command { value, .. })) => {
                Self::Command(Command { value: value.clone(), ..command })
            }
            (source, _) => source,
        }
    }

    /// Whether firmware sees no difference.
    pub(super) fn has_contract_of(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Command(one), Self::Command(other)) => one.has_contract_of(other),
            (Self::Sensor(one), Self::Sensor(other)) => one.has_contract_of(other),
            (Self::Command(_), Self::Sensor(_)) | (Self::Sensor(_), Self::Command(_)) => false,
        }
    }
}

/// A control device with its commands and sensors.
pub(super) fn catalog(connection: &Connection, device: &DeviceId) -> rusqlite::Result<Option<Catalog>> {
    let Some(control) = control::number(connection, device)? else {
        return Ok(None);
    };
    let Some(device) = control::device_of(connection, control)? else {
        return Ok(None);
    };
    let mut resources = resources_of_device(connection, control)?;
    let mut statement = connection.prepare_cached(&select("WHERE control = ?1 ORDER BY id"))?;
    let mut rows = statement.query([control])?;
    let (mut commands, mut sensors) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        let resources = resources.remove(&row.get(0)?).unwrap_or_default();
        match read(row, resources)? {
            Source::Command(command) => commands.push(command),
            Source::Sensor(sensor) => sensors.push(sensor),
        }
    }
    Ok(Some(Catalog { device, commands, sensors }))
}

/// A source with its number, if the device has it.
pub(super) fn source(connection: &Connection, control: i64, id: &SourceId) -> rusqlite::Result<Option<(i64, Source)>> {
    let condition = "WHERE id = ?1 AND control = ?2";
    let mut statement = connection.prepare_cached(&select(condition))?;
    let source = |row: &Row<'_>| {
        let number = row.get(0)?;
        Ok((number, read(row, resources_of(connection, number)?)?))
    };
    statement.query_row(params![id.as_str(), control], source).optional()
}

/// Some resources in the order of their ids.
pub(super) fn resources(
    connection: &Connection,
    after: Option<&ResourceId>,
    max: usize,
) -> rusqlite::Result<Vec<Resource>> {
    let mut statement = connection
        .prepare_cached("SELECT id, label FROM resources WHERE id > ?1 AND label IS NOT NULL ORDER BY id LIMIT ?2")?;
    let after = after.map_or("", ResourceId::as_str);
    let resource = |row: &Row<'_>| Ok(Resource { id: parsed(row, 0, ResourceId::parse)?, label: row.get(1)? });
    statement.query_map(params![after, limit(max)], resource)?.collect()
}

/// The number of a resource that is there.
pub(super) fn resource(connection: &Connection, id: &ResourceId) -> rusqlite::Result<Option<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT resource FROM resources WHERE id = ?1 AND label IS NOT NULL")?;
    statement.query_row([id.as_str()], |row| row.get(0)).optional()
}

fn resources_of(connection: &Connection, source: i64) -> rusqlite::Result<Vec<ResourceId>> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM source_resources JOIN resources USING (resource) WHERE source = ?1 ORDER BY id",
    )?;
    statement.query_map([source], |row| parsed(row, 0, ResourceId::parse))?.collect()
}

/// Those of all sources of a device, each in the order of their ids.
fn resources_of_device(connection: &Connection, control: i64) -> rusqlite::Result<HashMap<i64, Vec<ResourceId>>> {
    let mut statement = connection.prepare_cached(
        "SELECT source, resources.id FROM sources JOIN source_resources USING (source) JOIN resources USING (resource)
         WHERE control = ?1 ORDER BY resources.id",
    )?;
    let mut rows = statement.query([control])?;
    let mut of: HashMap<i64, Vec<ResourceId>> = HashMap::new();
    while let Some(row) = rows.next()? {
        of.entry(row.get(0)?).or_default().push(parsed(row, 1, ResourceId::parse)?);
    }
    Ok(of)
}

fn select(condition: &str) -> String {
    format!(
        "SELECT source, id, is_command, label, kind, pin_port, value, value_type, min, max, adopts, qc, mu FROM sources {condition}"
    )
}

fn read(row: &Row<'_>, resources: Vec<ResourceId>) -> rusqlite::Result<Source> {
    let (label, kind, pin_port) = (row.get(3)?, row.get(4)?, row.get(5)?);
    if !row.get(2)? {
        let (id, qc, mu) = (parsed(row, 1, SensorId::parse)?, row.get(11)?, row.get(12)?);
        return Ok(Source::Sensor(Sensor { id, label, kind, qc, mu, pin_port, resources }));
    }
    Ok(Source::Command(Command {
        id: parsed(row, 1, CommandId::parse)?,
        label,
        value: row.get(6)?,
        value_type: row.get(7)?,
        kind,
        pin_port,
        min: row.get(8)?,
        max: row.get(9)?,
        adoption: adoption_of(row.get(10)?),
        resources,
    }))
}

pub(super) const fn adoption_of(adopts: bool) -> Adoption {
    if adopts { Adoption::On } else { Adoption::Off }
}

/// The id of a source, of a row that has it and whether it is a command in these two columns.
pub(super) fn source_id(row: &Row<'_>, id: usize, is_command: usize) -> rusqlite::Result<SourceId> {
    if row.get(is_command)? {
        parsed(row, id, CommandId::parse).map(SourceId::Command)
    } else {
        parsed(row, id, SensorId::parse).map(SourceId::Sensor)
    }
}
