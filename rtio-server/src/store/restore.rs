//! A backup becomes the store of a data folder again. All is checked and copied before the first file of the folder changes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use zeroize::Zeroizing;

use super::backup::{BackupError, beside, sync_folder_of};
use super::key::SecretKey;
use super::schema;
use super::{DATABASE_FILE, KEY_FILES, OWNER_ONLY, check, now_ms};
use crate::data_dir::DataDir;

/// What was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// It must not be there.
    Refuse,
    /// It is kept under another name.
    KeepAside,
}

/// Makes the backup `from` the store in `dir`. Nobody else may use the folder meanwhile. Which files are now under which other name.
///
/// # Errors
///
/// [`BackupError`].
pub fn restore(from: &Path, dir: &DataDir, before: Before) -> Result<Vec<PathBuf>, BackupError> {
    let keys = examine(from)?;
    let there = occupied(dir, &keys);
    if let (Before::Refuse, Some(first)) = (before, there.first()) {
        return Err(BackupError::Occupied(first.clone()));
    }
    let database = dir.file(DATABASE_FILE);
    let draft = beside(&database, "restored");
    let result = copy(from, &draft).and_then(|()| replace(dir, &draft, &there, &keys));
    if result.is_err() {
        // It may not even be there.
        drop(std::fs::remove_file(&draft));
    }
    result
}

type Keys = Vec<(String, Zeroizing<Vec<u8>>)>;

/// Reads the whole file once. What it holds of keys.
fn examine(path: &Path) -> Result<Keys, BackupError> {
    if !path.is_file() {
        return Err(BackupError::Missing(path.to_owned()));
    }
    let unusable = |source| BackupError::Database { path: path.to_owned(), source };
    let damaged = |error| unusable(check::damaged(error));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let backup = Connection::open_with_flags(path, flags).map_err(damaged)?;
    schema::check_ours(&backup).and_then(|()| schema::check_whole(&backup)).map_err(unusable)?;
    let sql = "SELECT 1 FROM sqlite_schema WHERE name = 'backup_keys'";
    let is_backup = backup.prepare(sql).and_then(|mut statement| statement.exists([])).map_err(damaged)?;
    if !is_backup {
        return Err(BackupError::NoBackup(path.to_owned()));
    }
    let keys = keys_of(&backup).map_err(damaged)?;
    let fingerprint: Option<Vec<u8>> = backup
        .query_row("SELECT value FROM settings WHERE name = 'key_fingerprint'", [], |row| row.get(0))
        .optional()
        .map_err(damaged)?;
    let key = keys.iter().find(|(name, _)| name == KEY_FILES[0]).and_then(|(_, key)| SecretKey::of(key));
    let fits = key.is_some_and(|key| fingerprint.is_none_or(|fingerprint| fingerprint == key.fingerprint()));
    if fits { Ok(keys) } else { Err(BackupError::OtherKey(path.to_owned())) }
}

/// Names that are none of ours would be files of somebody else's choice.
fn keys_of(backup: &Connection) -> rusqlite::Result<Keys> {
    let mut statement = backup.prepare("SELECT name, content FROM backup_keys ORDER BY name")?;
    let keys = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, Zeroizing::new(row.get(1)?))))?;
    let keys = keys.collect::<rusqlite::Result<Keys>>()?;
    Ok(keys.into_iter().filter(|(name, _)| KEY_FILES.contains(&name.as_str())).collect())
}

/// Files in the folder that the restored ones would take the place of.
fn occupied(dir: &DataDir, keys: &Keys) -> Vec<PathBuf> {
    let database = [DATABASE_FILE.to_owned(), format!("{DATABASE_FILE}-wal"), format!("{DATABASE_FILE}-shm")];
    let database = database.iter().map(|name| dir.file(name)).filter(|path| path.exists());
    let others = keys.iter().filter(|(name, content)| {
        let there = dir.read(name).ok().flatten();
        there.is_some_and(|there| there != **content)
    });
    database.chain(others.map(|(name, _)| dir.file(name))).collect()
}

/// The backup without its keys.
fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let io = |source| BackupError::Io { path: to.to_owned(), source };
    let mut source = File::open(from).map_err(|source| BackupError::Io { path: from.to_owned(), source })?;
    let mut copy = OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(to).map_err(io)?;
    io::copy(&mut source, &mut copy).map_err(io)?;
    let failed = |error| BackupError::Database { path: to.to_owned(), source: check::damaged(error) };
    let database = Connection::open(to).map_err(failed)?;
    database.execute_batch("PRAGMA secure_delete = ON; DROP TABLE backup_keys").map_err(failed)?;
    database.close().map_err(|(_, error)| failed(error))?;
    copy.sync_all().map_err(io)
}

/// Moves what is there aside, and what was copied to its place. The database comes last: without it, a hub would not know of the keys.
fn replace(dir: &DataDir, draft: &Path, there: &[PathBuf], keys: &Keys) -> Result<Vec<PathBuf>, BackupError> {
    let stamp = format!("replaced-{}", now_ms());
    let database = dir.file(DATABASE_FILE);
    let mut aside = Vec::new();
    for path in there {
        let kept = name_aside(path, &database, &stamp);
        std::fs::rename(path, &kept).map_err(|source| BackupError::Io { path: path.clone(), source })?;
        aside.push(kept);
    }
    keys.iter().try_for_each(|(name, content)| dir.write(name, content))?;
    let io = |source| BackupError::Io { path: database.clone(), source };
    std::fs::rename(draft, &database).map_err(io)?;
    sync_folder_of(&database).map_err(io)?;
    Ok(aside)
}

/// The companions of a database go on being its companions: `rtio.db-wal` becomes `rtio.db.replaced-1-wal`.
fn name_aside(path: &Path, database: &Path, stamp: &str) -> PathBuf {
    let (path_text, database_text) = (path.to_string_lossy(), database.to_string_lossy());
    match path_text.strip_prefix(&*database_text) {
        Some(companion) => format!("{database_text}.{stamp}{companion}").into(),
        None => beside(path, stamp),
    }
}
