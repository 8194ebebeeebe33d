//! What is read and written of devices and their secrets, statement by statement. Knows no threads and no time.

use std::num::NonZeroU32;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::failed::Failed;
use super::key::Digest;
use crate::hub::{Access, Credential, DeviceId, DeviceRecord, OldSecret, RegistryError, SecretRecord};

/// A live secret of a device that may connect, or may not.
#[derive(Debug, Clone, Copy)]
pub(super) struct LiveSecret {
    pub(super) access: Access,
    pub(super) credential: Credential,
    pub(super) digest: Digest,
}

/// The live secrets of a device, two at most.
pub(super) fn live_secrets(connection: &Connection, device: &DeviceId) -> rusqlite::Result<Vec<LiveSecret>> {
    let mut statement = connection.prepare_cached(
        "SELECT enabled, credential, digest FROM devices JOIN device_secrets USING (device)
         WHERE id = ?1 ORDER BY credential DESC LIMIT 2",
    )?;
    let secret = |row: &Row<'_>| {
        let (access, credential, digest) = (access_of(row.get(0)?), credential_of(row.get(1)?), row.get(2)?);
        Ok(LiveSecret { access, credential, digest })
    };
    statement.query_map([device.as_str()], secret)?.collect()
}

pub(super) fn add(
    connection: &Connection,
    device: &DeviceId,
    digest: &Digest,
    now_ms: i64,
) -> Result<(), RegistryError> {
    let mut insert = connection
        .prepare_cached("INSERT INTO devices (id, enabled, created_ms, last_credential) VALUES (?1, 1, ?2, 1)")
        .map_err(failed)?;
    let row = match insert.insert(params![device.as_str(), now_ms]) {
        Ok(row) => row,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
            return Err(RegistryError::Exists(device.clone()));
        }
        Err(error) => return Err(failed(error)),
    };
    insert_secret(connection, row, 1, digest, now_ms)
}

pub(super) fn device(connection: &Connection, device: &DeviceId) -> Result<DeviceRecord, RegistryError> {
    let found = connection
        .prepare_cached(&select("WHERE id = ?1"))
        .and_then(|mut statement| statement.query_row([device.as_str()], |row| read(connection, row)).optional());
    found.map_err(failed)?.ok_or_else(|| RegistryError::Unknown(device.clone()))
}

pub(super) fn devices(
    connection: &Connection,
    after: Option<&DeviceId>,
    max: usize,
) -> Result<Vec<DeviceRecord>, RegistryError> {
    let after = after.map_or("", DeviceId::as_str);
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let found = connection
        .prepare_cached(&select("WHERE id > ?1 ORDER BY id LIMIT ?2"))
        .and_then(|mut statement| statement.query_map(params![after, max], |row| read(connection, row))?.collect());
    found.map_err(failed)
}

pub(super) fn set_access(connection: &Connection, device: &DeviceId, access: Access) -> Result<(), RegistryError> {
    let enabled = i64::from(access == Access::Enabled);
    let changed =
        connection.execute("UPDATE devices SET enabled = ?2 WHERE id = ?1", params![device.as_str(), enabled]);
    one(changed, device)
}

/// Adds a secret; all but the last one before it, or that one too, are forgotten.
pub(super) fn rotate(
    connection: &Connection,
    device: &DeviceId,
    digest: &Digest,
    old: OldSecret,
    now_ms: i64,
) -> Result<(), RegistryError> {
    let next = connection
        .query_row(
            "UPDATE devices SET last_credential = last_credential + 1 WHERE id = ?1 RETURNING device, last_credential",
            [device.as_str()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional();
    let (row, next): (i64, i64) = next.map_err(failed)?.ok_or_else(|| RegistryError::Unknown(device.clone()))?;
    let oldest_kept = match old {
        OldSecret::Keep => next - 1,
        OldSecret::Drop => next,
    };
    connection
        .execute("DELETE FROM device_secrets WHERE device = ?1 AND credential < ?2", [row, oldest_kept])
        .map_err(failed)?;
    insert_secret(connection, row, next, digest, now_ms)
}

pub(super) fn remove(connection: &Connection, device: &DeviceId) -> Result<(), RegistryError> {
    one(connection.execute("DELETE FROM devices WHERE id = ?1", [device.as_str()]), device)
}

/// The value of a setting; sets it first where it is not set.
pub(super) fn setting_or(connection: &Connection, name: &str, default: &[u8]) -> rusqlite::Result<Vec<u8>> {
    connection.execute("INSERT OR IGNORE INTO settings VALUES (?1, ?2)", params![name, default])?;
    connection.query_row("SELECT value FROM settings WHERE name = ?1", [name], |row| row.get(0))
}

fn insert_secret(
    connection: &Connection,
    row: i64,
    credential: i64,
    digest: &Digest,
    now_ms: i64,
) -> Result<(), RegistryError> {
    let insert = connection.prepare_cached("INSERT INTO device_secrets VALUES (?1, ?2, ?3, ?4)");
    let inserted = insert.and_then(|mut insert| insert.execute(params![row, credential, digest, now_ms]));
    inserted.map(drop).map_err(failed)
}

fn select(condition: &str) -> String {
    format!("SELECT device, id, enabled, created_ms FROM devices {condition}")
}

fn read(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<DeviceRecord> {
    let mut statement = connection.prepare_cached(
        "SELECT credential, created_ms FROM device_secrets WHERE device = ?1 ORDER BY credential DESC",
    )?;
    let secret = |row: &Row<'_>| Ok(SecretRecord { credential: credential_of(row.get(0)?), created_ms: row.get(1)? });
    let secrets = statement.query_map([row.get::<_, i64>(0)?], secret)?.collect::<rusqlite::Result<_>>()?;
    let id: String = row.get(1)?;
    let id = DeviceId::parse(&id)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, Box::new(error)))?;
    Ok(DeviceRecord { id, access: access_of(row.get(2)?), created_ms: row.get(3)?, secrets })
}

fn one(changed: rusqlite::Result<usize>, device: &DeviceId) -> Result<(), RegistryError> {
    match changed.map_err(failed)? {
        0 => Err(RegistryError::Unknown(device.clone())),
        _ => Ok(()),
    }
}

fn failed(error: rusqlite::Error) -> RegistryError {
    Failed::from(error).into()
}

pub(super) const fn access_of(enabled: i64) -> Access {
    if enabled == 0 { Access::Disabled } else { Access::Enabled }
}

/// The first is 1, and after four billion rotations of one device the number stays where it is, which at worst leaves a session alive.
pub(super) fn credential_of(number: i64) -> Credential {
    Credential(u32::try_from(number).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MAX))
}
