//! Who uses the data folder now: one hub, or one command. The lock is the system's, so that it ends with the process however
//! that ends; the file says where operators reach the hub that holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::data_dir::DataDir;

/// The right to use the data folder, until it is dropped.
#[derive(Debug)]
pub struct HubLock {
    file: File,
    path: PathBuf,
}

/// Who holds the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// A hub that operators reach there.
    Hub(SocketAddr),
    /// A hub that operators cannot reach.
    HubWithoutAdmin,
    /// A command, or a hub that starts: it will not be long.
    Somebody,
}

/// The lock was not to be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error("{} is in use by another {}", path.display(), .holder.name())]
    Held {
        /// The lock's file.
        path: PathBuf,
        /// Who has it.
        holder: Holder,
    },
    /// The file cannot be used.
    #[error("cannot lock {}", path.display())]
    Failed {
        /// The lock's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Holder {
    const fn name(self) -> &'static str {
        match self {
            Self::Hub(_) | Self::HubWithoutAdmin => "hub",
            Self::Somebody => "hub or command",
        }
    }

    fn parse(text: &str) -> Self {
        match text.trim() {
            NO_ADMIN => Self::HubWithoutAdmin,
            addr => addr.parse().map_or(Self::Somebody, Self::Hub),
        }
    }
}

impl HubLock {
    /// Takes the lock of `dir`, if nobody has it. Does not wait.
    ///
    /// # Errors
    ///
    /// [`LockError`].
    pub fn take(dir: &DataDir) -> Result<Self, LockError> {
        let path = dir.file(LOCK_FILE);
        let failed = |source| LockError::Failed { path: path.clone(), source };
        let mut open = OpenOptions::new();
        let mut file =
            open.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                // Where the last hub was is of no use to anybody.
                file.set_len(0).map_err(failed)?;
                Ok(Self { file, path })
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(failed)?;
                Err(LockError::Held { holder: Holder::parse(&text), path })
            }
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Says that a hub holds it, and where operators reach that.
    ///
    /// # Errors
    ///
    /// [`LockError::Failed`].
    pub fn announce(&mut self, admin: Option<SocketAddr>) -> Result<(), LockError> {
        let text = admin.map_or_else(|| NO_ADMIN.to_owned(), |addr| addr.to_string());
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(text.as_bytes())
        };
        write().map_err(|source| LockError::Failed { path: self.path.clone(), source })
    }
}

const LOCK_FILE: &str = "hub.lock";

/// What stands in the file of a hub without a port for operators.
const NO_ADMIN: &str = "off";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_lock_and_the_next_hears_who() {
        let folder = tempfile::tempdir().unwrap();
        let dir = DataDir::open(folder.path()).unwrap();
        let mut lock = HubLock::take(&dir).unwrap();
        let holder = || match HubLock::take(&dir) {
            Err(LockError::Held { holder, .. }) => holder,
            other => panic!("{other:?}"),
        };
        assert_eq!(holder(), Holder::Somebody);
        lock.announce(None).unwrap();
        assert_eq!(holder(), Holder::HubWithoutAdmin);
        let addr = "127.0.0.1:17918".parse().unwrap();
        lock.announce(Some(addr)).unwrap();
        assert_eq!(holder(), Holder::Hub(addr));
        drop(lock);
        let _next = HubLock::take(&dir).unwrap();
        assert_eq!(holder(), Holder::Somebody, "the old address is gone");
    }
}
