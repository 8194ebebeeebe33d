//! Desired states: how they are set, closed and read.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{limit, number, one_of, parsed, parsed_if_any};
use super::control::{self, Control};
use super::sources::{self, Source};
use crate::hub::DeviceId;
use crate::realer::{
    Command, CommandId, DesiredId, DesiredState, Lifecycle, NewDesired, Refusal, ResourceId, SourceId, wish,
};
use crate::store::Store;

/// Sets a desired state; an open one of the same context is superseded.
pub(super) fn set(
    connection: &Connection,
    device: &DeviceId,
    wish: NewDesired,
) -> rusqlite::Result<Result<DesiredState, Refusal>> {
    let Some(mut control) = control::control(connection, device)? else {
        return Ok(Err(Refusal::NotFound("device")));
    };
    let id = SourceId::Command(wish.command.clone());
    let Some((source, Source::Command(command))) = sources::source(connection, control.number, &id)? else {
        return Ok(Err(Refusal::NotFound("command")));
    };
    let resource = match wish::context(&wish, &command) {
        Ok(resource) => resource,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let context = Context::of(connection, source, resource.as_ref())?;
    match decide(wish, &command, resource, context.last_sequence.unwrap_or(control.least_sequence)) {
        Ok(desired) => write(connection, &mut control, &context, &desired).map(|()| Ok(desired)),
        Err(refusal) => Ok(Err(refusal)),
    }
}

fn decide(
    wish: NewDesired,
    command: &Command,
    resource: Option<ResourceId>,
    last_sequence: u64,
) -> Result<DesiredState, Refusal> {
    wish::set(wish, command, resource, last_sequence)
}

/// A command and a resource, in which desired states follow each other.
struct Context {
    source: i64,
    /// 0: none.
    resource: i64,
    /// `None`: there was no desired state yet.
    last_sequence: Option<u64>,
}

impl Context {
    fn of(connection: &Connection, source: i64, resource: Option<&ResourceId>) -> rusqlite::Result<Self> {
        let resource = match resource {
            Some(id) => sources::resource(connection, id)?.unwrap_or(0),
            None => 0,
        };
        let mut statement =
            connection.prepare_cached("SELECT last_sequence FROM contexts WHERE source = ?1 AND resource = ?2")?;
        let last_sequence = statement.query_row([source, resource], |row| number(row, 0)).optional()?;
        Ok(Self { source, resource, last_sequence })
    }
}

/// Writes the newest desired state of a context.
fn write(
    connection: &Connection,
    control: &mut Control,
    context: &Context,
    desired: &DesiredState,
) -> rusqlite::Result<()> {
    let &Context { source, resource, .. } = context;
    replace(connection, context, desired.issued_ms)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO desired_states
         (id, control, source, resource, value, sequence, issued_ms, expires_ms, lifecycle, newest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 1)",
    )?;
    let sequence = desired.sequence.cast_signed();
    let row = insert.insert(params![
        desired.id.as_str(),
        control.number,
        source,
        resource,
        desired.value,
        sequence,
        desired.issued_ms,
        desired.expires_ms
    ])?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO contexts VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![source, resource, sequence, row])?;
    connection.prepare_cached("UPDATE sources SET value = ?2, changed = ?3 WHERE source = ?1")?.execute(params![
        source,
        desired.value,
        control.change()
    ])?;
    control.save(connection)
}

/// The newest of a context is that no more. If it is open, it ends: by its time if that is over, else by the newer one.
fn replace(connection: &Connection, context: &Context, now_ms: i64) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE desired_states SET newest = 0,
             closed_ms = CASE WHEN lifecycle > 0 THEN closed_ms WHEN expires_ms <= ?3 THEN expires_ms ELSE ?3 END,
             lifecycle = CASE WHEN lifecycle > 0 THEN lifecycle WHEN expires_ms <= ?3 THEN ?4 ELSE ?5 END
         WHERE desired = (SELECT desired FROM contexts WHERE source = ?1 AND resource = ?2)",
    )?;
    let (expired, superseded) = (Lifecycle::Expired as i64, Lifecycle::Superseded as i64);
    update.execute(params![context.source, context.resource, now_ms, expired, superseded]).map(drop)
}

/// Closes an open desired state; a closed one stays as it is.
pub(super) fn close(
    connection: &Connection,
    id: &DesiredId,
    lifecycle: Lifecycle,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let mut update = connection
        .prepare_cached("UPDATE desired_states SET lifecycle = ?2, closed_ms = ?3 WHERE id = ?1 AND lifecycle = 0")?;
    update.execute(params![id.as_str(), lifecycle as i64, now_ms]).map(drop)
}

/// The open ones of a device in the order of their issue.
pub(super) fn open(connection: &Connection, device: &DeviceId, now_ms: i64) -> rusqlite::Result<Vec<DesiredState>> {
    let Some(control) = control::number(connection, device)? else {
        return Ok(Vec::new());
    };
    let condition = "desired_states.control = ?1 AND lifecycle = 0 AND (expires_ms IS NULL OR expires_ms > ?2)
                     ORDER BY issued_ms, sequence, desired";
    let mut statement = connection.prepare_cached(&select(condition))?;
    statement.query_map([control, now_ms], read)?.collect()
}

/// The open ones of a command whose time is not over.
pub(super) fn open_of(connection: &Connection, source: i64, now_ms: i64) -> rusqlite::Result<Vec<DesiredState>> {
    let condition = "desired_states.source = ?1 AND lifecycle = 0 AND (expires_ms IS NULL OR expires_ms > ?2)";
    let mut statement = connection.prepare_cached(&select(condition))?;
    statement.query_map([source, now_ms], read)?.collect()
}

/// The one with this id, if it is of this command.
pub(super) fn of_source(
    connection: &Connection,
    source: i64,
    id: &DesiredId,
) -> rusqlite::Result<Option<DesiredState>> {
    let condition = "desired_states.id = ?1 AND desired_states.source = ?2";
    connection.prepare_cached(&select(condition))?.query_row(params![id.as_str(), source], read).optional()
}

/// The one with this id, if it is of this device.
pub(super) fn one(
    connection: &Connection,
    device: &DeviceId,
    id: &DesiredId,
) -> rusqlite::Result<Option<DesiredState>> {
    let Some(control) = control::number(connection, device)? else {
        return Ok(None);
    };
    let condition = "desired_states.id = ?1 AND desired_states.control = ?2";
    connection.prepare_cached(&select(condition))?.query_row(params![id.as_str(), control], read).optional()
}

/// Some of a device in the order in which they were set. After one that is forgotten come those that are not.
pub(super) fn history(
    connection: &Connection,
    device: &DeviceId,
    after: Option<&DesiredId>,
    max: usize,
) -> rusqlite::Result<Vec<DesiredState>> {
    let Some(control) = control::number(connection, device)? else {
        return Ok(Vec::new());
    };
    let condition = "desired_states.control = ?1
        AND desired > coalesce((SELECT desired FROM desired_states WHERE id = ?2 AND control = ?1), 0)
        ORDER BY desired LIMIT ?3";
    let mut statement = connection.prepare_cached(&select(condition))?;
    statement.query_map(params![control, after.map(DesiredId::as_str), limit(max)], read)?.collect()
}

/// The newest of each context of those sources of a device that changed after `after`; 0: of all.
pub(super) fn newest(connection: &Connection, control: i64, after: i64) -> rusqlite::Result<Vec<DesiredState>> {
    let condition = "desired IN (SELECT contexts.desired FROM sources JOIN contexts USING (source)
                                 WHERE control = ?1 AND (changed > ?2 OR ?2 = 0))
                     ORDER BY desired_states.resource";
    let mut statement = connection.prepare_cached(&select(condition))?;
    statement.query_map([control, after], read)?.collect()
}

/// Those of commands that are no more are not seen.
fn select(condition: &str) -> String {
    format!(
        "SELECT desired_states.id, sources.id, resources.id, desired_states.value, sequence, issued_ms, expires_ms, lifecycle, closed_ms
         FROM desired_states JOIN sources USING (source) LEFT JOIN resources USING (resource) WHERE {condition}"
    )
}

fn read(row: &Row<'_>) -> rusqlite::Result<DesiredState> {
    Ok(DesiredState {
        id: parsed(row, 0, DesiredId::parse)?,
        command: parsed(row, 1, CommandId::parse)?,
        resource: parsed_if_any(row, 2, ResourceId::parse)?,
        value: row.get(3)?,
        sequence: number(row, 4)?,
        issued_ms: row.get(5)?,
        expires_ms: row.get(6)?,
        lifecycle: one_of(row, 7, &Lifecycle::ALL)?,
        closed_ms: row.get(8)?,
    })
}

impl Store {
    /// Closes some whose time is over. Looks first, so that nothing is written where there is nothing to be done.
    pub(super) async fn expire_some(
        &self,
        now_ms: i64,
        max: usize,
    ) -> Result<Vec<DeviceId>, crate::realer::ports::StoreError> {
        if !self.read(|connection| is_over(connection, now_ms)).await? {
            return Ok(Vec::new());
        }
        self.write(max, move |connection| expire(connection, now_ms, max)).await
    }
}

fn is_over(connection: &Connection, now_ms: i64) -> rusqlite::Result<bool> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM desired_states WHERE lifecycle = 0 AND expires_ms <= ?1 LIMIT 1")?;
    statement.exists([now_ms])
}

fn expire(connection: &Connection, now_ms: i64, max: usize) -> rusqlite::Result<Vec<DeviceId>> {
    let mut statement = connection.prepare_cached(
        "UPDATE desired_states SET lifecycle = ?3, closed_ms = expires_ms WHERE desired IN
         (SELECT desired FROM desired_states WHERE lifecycle = 0 AND expires_ms <= ?1 LIMIT ?2)
         RETURNING control, source",
    )?;
    let pair = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let over = statement.query_map(params![now_ms, limit(max), Lifecycle::Expired as i64], pair)?;
    let mut over: Vec<(i64, i64)> = over.collect::<rusqlite::Result<_>>()?;
    over.sort_unstable();
    let mut devices = Vec::new();
    for of_device in over.chunk_by(|one, next| one.0 == next.0) {
        let sources = of_device.iter().map(|&(_, source)| source);
        devices.extend(touch(connection, of_device[0].0, sources)?);
    }
    Ok(devices)
}

/// Sources of a device have changed. Whose they are, if it is still there.
fn touch(
    connection: &Connection,
    control: i64,
    sources: impl Iterator<Item = i64>,
) -> rusqlite::Result<Option<DeviceId>> {
    let mut count = connection
        .prepare_cached("UPDATE control_devices SET changes = changes + 1 WHERE control = ?1 RETURNING changes")?;
    let Some(change) = count.query_row([control], |row| row.get::<_, i64>(0)).optional()? else {
        return Ok(None);
    };
    let mut update = connection.prepare_cached("UPDATE sources SET changed = ?2 WHERE source = ?1")?;
    for source in sources {
        update.execute([source, change])?;
    }
    control::by_number(connection, control).map(Some)
}
