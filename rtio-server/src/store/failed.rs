//! Why the store did not do it, before it is said in the words of a port.

use std::error::Error;
use std::sync::Arc;

use crate::hub::RegistryError;
use crate::realer::ports::{CatalogError, StoreError};

/// The database failed, such as on a full disk; nothing has changed.
#[derive(Debug)]
pub(super) struct Failed(Box<dyn Error + Send + Sync>);

impl Failed {
    /// The thread that writes has not done it: its transaction failed before, or it is there no more.
    pub(super) fn given_up() -> Self {
        Self("the store gave the change up".into())
    }
}

impl From<rusqlite::Error> for Failed {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.into())
    }
}

impl From<Arc<rusqlite::Error>> for Failed {
    fn from(error: Arc<rusqlite::Error>) -> Self {
        Self(error.into())
    }
}

impl From<Failed> for RegistryError {
    fn from(Failed(error): Failed) -> Self {
        Self::Failed(error)
    }
}

impl From<Failed> for StoreError {
    fn from(Failed(error): Failed) -> Self {
        Self(error)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Failed::from(error).into()
    }
}

impl From<Failed> for CatalogError {
    fn from(failed: Failed) -> Self {
        Self::Store(failed.into())
    }
}

impl From<rusqlite::Error> for CatalogError {
    fn from(error: rusqlite::Error) -> Self {
        Failed::from(error).into()
    }
}
