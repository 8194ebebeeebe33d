//! The folder that certificates are written to and a CA is read from.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A folder that may not be there yet.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    All,
    Owner,
}

impl Folder {
    pub(super) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where the file is, or would be.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Whether something has this name, be it a link that leads nowhere.
    pub(super) fn has(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    /// Makes the folder where it is not there.
    pub(super) fn make(&self) -> Result<(), FolderError> {
        DirBuilder::new().recursive(true).create(&self.0).map_err(FolderError::of(&self.0))
    }

    pub(super) fn read(&self, name: &str) -> Result<String, FolderError> {
        std::fs::read_to_string(self.path(name)).map_err(FolderError::of(&self.path(name)))
    }

    /// Writes a file that is new, so that its mode is ours and no link is followed; an old one goes first.
    pub(super) fn write(&self, name: &str, text: &str, readers: Readers) -> Result<PathBuf, FolderError> {
        let path = self.path(name);
        let write = || {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mode = match readers {
                Readers::All => 0o644,
                Readers::Owner => 0o600,
            };
            OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?.write_all(text.as_bytes())
        };
        write().map_err(FolderError::of(&path))?;
        Ok(path)
    }
}

/// The folder, or a file in it, cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {}", path.display())]
pub(crate) struct FolderError {
    path: PathBuf,
    source: io::Error,
}

impl FolderError {
    fn of(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}
