//! The data folder: the one place where the hub keeps what must survive a restart. What each file means is known to those who keep
//! one there; this sees to it that nobody else can read it and that a file is whole or not there.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A folder that exists and that only its owner can enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataDir {
    path: PathBuf,
}

impl DataDir {
    /// Opens the folder; makes it where it is not there. Its parent must be.
    ///
    /// # Errors
    ///
    /// [`DataDirError`] names the path.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let failed = |source| DataDirError { path: path.to_owned(), source };
        match DirBuilder::new().mode(OWNER_ONLY_DIR).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                std::fs::set_permissions(path, Permissions::from_mode(OWNER_ONLY_DIR)).map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Where the file `name` is, or would be.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// What stands in the file, if it is there.
    ///
    /// # Errors
    ///
    /// [`DataDirError`] names the file.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, DataDirError> {
        match std::fs::read(self.file(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DataDirError { path: self.file(name), source }),
        }
    }

    /// Writes the file, for its owner's eyes only. After a crash it has the old content or the new, never a part.
    ///
    /// # Errors
    ///
    /// [`DataDirError`] names the file; its content is unchanged.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), DataDirError> {
        let (path, draft) = (self.file(name), self.file(&format!("{name}.new")));
        let write = || {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY_FILE).open(&draft)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            std::fs::rename(&draft, &path)?;
            // The new name is on disk once its folder is.
            File::open(&self.path)?.sync_all()
        };
        write().map_err(|source| DataDirError { path: path.clone(), source })
    }
}

/// Whether everybody on this machine can read the file.
///
/// # Errors
///
/// Those of the system.
pub fn is_open_to_all(path: &Path) -> io::Result<bool> {
    Ok(std::fs::metadata(path)?.permissions().mode() & READABLE_BY_OTHERS != 0)
}

/// The folder, or a file in it, cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {}", path.display())]
pub struct DataDirError {
    /// The folder or the file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

const OWNER_ONLY_DIR: u32 = 0o700;
const OWNER_ONLY_FILE: u32 = 0o600;
const READABLE_BY_OTHERS: u32 = 0o004;

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_folder_and_its_files_are_for_their_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("data");
        let dir = DataDir::open(&path).unwrap();
        dir.write("key", b"secret").unwrap();
        assert_eq!((mode(&path), mode(&dir.file("key"))), (0o700, 0o600));
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        DataDir::open(&path).unwrap();
        assert_eq!(mode(&path), 0o700, "opening it again closes it to others");
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::open(parent.path()).unwrap();
        assert_eq!(dir.read("key").unwrap(), None);
        dir.write("key", b"the first").unwrap();
        dir.write("key", b"2").unwrap();
        assert_eq!(dir.read("key").unwrap().as_deref(), Some(&b"2"[..]));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let error = DataDir::open(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(error.to_string(), "cannot use /nowhere/at/all");
    }
}
