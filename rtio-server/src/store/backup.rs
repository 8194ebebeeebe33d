//! A backup: the whole store as it is at one moment, and the keys without which it is of no use, in one file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use super::schema::{self, SchemaError};
use super::{BUSY, DATABASE_FILE, KEY_FILES, OWNER_ONLY};
use crate::data_dir::{DataDir, DataDirError};

/// No backup was made, or nothing was restored; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is a file already.
    #[error("there is a file {} already", .0.display())]
    Exists(PathBuf),
    /// Nothing is there that could be copied.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// A database, which is not what it should be.
    #[error("cannot use {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SchemaError,
    },
    /// It has no keys in it.
    #[error("{} was not made by `rtio backup`", .0.display())]
    NoBackup(PathBuf),
    /// The keys in it are others than those that it was written with.
    #[error("{} holds another key than its devices' secrets were stored with", .0.display())]
    OtherKey(PathBuf),
    /// What is there would be lost.
    #[error("there is a {} already: --replace keeps it aside and takes its place", .0.display())]
    Occupied(PathBuf),
    /// The folder or a file in it.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The system refuses.
    #[error("cannot use {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Copies the store in `dir` to the new file `to`, also while a hub uses it. Its number of bytes.
///
/// # Errors
///
/// [`BackupError`]; nothing is left of the file.
pub fn backup(dir: &DataDir, to: &Path) -> Result<u64, BackupError> {
    let from = dir.file(DATABASE_FILE);
    if !from.exists() {
        return Err(BackupError::Missing(from));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let part = beside(to, "part");
    let made = copy(dir, &from, &part).and_then(|()| {
        let io = |source| BackupError::Io { path: to.to_owned(), source };
        std::fs::rename(&part, to).map_err(io)?;
        sync_folder_of(to).map_err(io)?;
        Ok(std::fs::metadata(to).map_err(io)?.len())
    });
    if made.is_err() {
        // It may not even be there.
        drop(std::fs::remove_file(&part));
    }
    made
}

fn copy(dir: &DataDir, from: &Path, to: &Path) -> Result<(), BackupError> {
    let io = |source| BackupError::Io { path: to.to_owned(), source };
    // Made by us and not by SQLite, so that nobody else can read it.
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(to).map_err(io)?;
    let unusable = |source: SchemaError| BackupError::Database { path: from.to_owned(), source };
    // As one that may write: the last one to close takes SQLite's companions of the file away, which where no hub runs is this one.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(from, flags).map_err(|error| unusable(super::check::damaged(error)))?;
    source.busy_timeout(BUSY).map_err(|error| unusable(error.into()))?;
    schema::check_ours(&source).map_err(unusable)?;
    let all = source.execute("VACUUM INTO ?1", [to.to_string_lossy()]);
    all.map_err(|error| unusable(super::check::damaged(error)))?;
    put_keys(dir, to)?;
    file.sync_all().map_err(io)
}

fn put_keys(dir: &DataDir, to: &Path) -> Result<(), BackupError> {
    let failed = |error| BackupError::Database { path: to.to_owned(), source: super::check::damaged(error) };
    let copy = Connection::open(to).map_err(failed)?;
    copy.execute_batch(KEYS).map_err(failed)?;
    for name in KEY_FILES {
        if let Some(content) = dir.read(name)? {
            copy.execute("INSERT INTO backup_keys VALUES (?1, ?2)", params![name, content]).map_err(failed)?;
        }
    }
    copy.close().map_err(|(_, error)| failed(error))
}

/// A file beside `path` whose name says what it is.
pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

/// A new name is on disk once its folder is.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder)?.sync_all()
}

/// Only a backup has this table; a restored store has its rows as files again.
const KEYS: &str = "CREATE TABLE backup_keys (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT";
