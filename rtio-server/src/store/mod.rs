//! The durable store: one SQLite file in the data folder. Devices and what proves them, and all of the control-device runtime.
//!
//! A change is on disk before it is answered (WAL, `synchronous=FULL`), so a killed hub loses none that it has confirmed. One
//! thread writes; readers are a few connections beside it that never wait for it. It implements the ports of the hub and of the runtime and knows no edge.

mod backup;
mod check;
mod devices;
mod failed;
mod key;
mod metrics;
mod readers;
mod realer;
mod restore;
mod schema;
mod writer;

use std::fs::OpenOptions;
use std::num::NonZeroU32;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::data_dir::{DataDir, DataDirError};
use crate::hub::ports::{BoxFuture, DeviceRegistry, Verification, Verifier};
use crate::hub::{Access, Credential, DeviceId, DeviceRecord, DeviceSecret, NewDevice, OldSecret, RegistryError};
use crate::telemetry;
use check::Walk;
use key::{Digest, SecretKey};
use readers::Readers;
use writer::Writer;

pub use backup::{BackupError, backup};
pub use metrics::Metrics;
pub use restore::{Before, restore};
pub use schema::SchemaError;

/// The open store.
#[derive(Debug)]
pub struct Store {
    key: Arc<SecretKey>,
    /// Closed before the writer's: the last one to close moves the log into the file, which only one that may write can do.
    readers: Arc<Readers>,
    writer: Writer,
    /// How far the clean-up has come on its way through the control devices.
    forgotten_up_to: Mutex<i64>,
    metrics: Metrics,
}

/// The store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder or a file in it.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database.
    #[error("cannot use {}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        source: SchemaError,
    },
    /// The file that holds the key of the secrets is not as we wrote it.
    #[error("{} is no key: restore it from a backup", .0.display())]
    Key(PathBuf),
    /// The secrets were digested with another key.
    #[error("{} is not the key that the devices' secrets were stored with: restore it from a backup", .0.display())]
    OtherKey(PathBuf),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// The thread that writes cannot be started.
    #[error("cannot start the writer of the store")]
    Thread(#[source] std::io::Error),
}

impl Store {
    /// Opens the store in `dir`; makes it where it is not there. Finds damage in what the hub cannot do without; see
    /// [`Self::check_the_rest`].
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub fn open(dir: &DataDir, metrics: Metrics) -> Result<Self, StoreError> {
        let path = dir.file(DATABASE_FILE);
        let unusable = |source| StoreError::Database { path: path.clone(), source };
        let mut connection = open_for_writing(&path).map_err(unusable)?;
        schema::migrate(&mut connection, schema::MIGRATIONS).map_err(unusable)?;
        let key = SecretKey::read_or_make(dir)?;
        let fingerprint = devices::setting_or(&connection, "key_fingerprint", &key.fingerprint());
        if fingerprint.map_err(|error| unusable(error.into()))? != key.fingerprint() {
            return Err(StoreError::OtherKey(dir.file(key::KEY_FILE)));
        }
        let readers = Readers::open(&path).map_err(|error| unusable(error.into()))?;
        let writer = Writer::start(connection, metrics.clone()).map_err(StoreError::Thread)?;
        let (key, forgotten_up_to) = (Arc::new(key), Mutex::new(0));
        Ok(Self { key, readers, writer, forgotten_up_to, metrics })
    }

    /// Reads once what may be too large to be read before the start, and says in the log and in the metrics where it is damaged.
    pub async fn check_the_rest(self: Arc<Self>) {
        let mut walk = Walk::new();
        loop {
            let store = Arc::clone(&self);
            let step = tokio::task::spawn_blocking(move || {
                let more = walk.step(&store.reader());
                (walk, more)
            });
            // It fails only where the hub ends.
            let Ok((walked, more)) = step.await else { return };
            walk = walked;
            match more {
                Ok(true) => tokio::time::sleep(CHECK_PAUSE).await,
                Ok(false) => return,
                Err(error) => {
                    self.metrics.damaged.set(1);
                    return tracing::error!(error = %telemetry::chain(&error), "the store cannot be read whole: restore a backup");
                }
            }
        }
    }

    /// Whether id and secret match. A keyed digest and a few point reads, 27 µs at 100,000 devices (benches/RESULTS.md), and none of
    /// the disk once its pages are in memory: so no thread of its own is needed. A device that may not connect costs the same as a
    /// wrong secret. One that is not there costs less, because there is no secret to read; ids are no secrets.
    fn check(&self, device: &DeviceId, secret: &[u8]) -> rusqlite::Result<Option<Credential>> {
        let digest = self.key.digest(device, secret);
        let live = devices::live_secrets(&self.reader(), device)?;
        let mut credential = 0;
        for slot in 0..MAX_LIVE_SECRETS {
            let (counts, number, stored) = live.get(slot).map_or((0, 0, NO_DIGEST), |secret| {
                (u8::from(secret.access == Access::Enabled), secret.credential.0.get(), secret.digest)
            });
            let matches = stored.ct_eq(&digest) & Choice::from(counts);
            credential.conditional_assign(&number, matches);
        }
        Ok(NonZeroU32::new(credential).map(Credential))
    }

    /// A connection that nobody reads with right now, if there is one.
    fn reader(&self) -> MutexGuard<'_, Connection> {
        self.readers.reader()
    }

    /// Makes a change, and reads what became of the device.
    async fn change(
        &self,
        device: &DeviceId,
        change: impl FnOnce(&Connection, &DeviceId) -> Result<(), RegistryError> + Send + 'static,
    ) -> Result<DeviceRecord, RegistryError> {
        let device = device.clone();
        let change = move |connection: &Connection| {
            change(connection, &device)?;
            devices::device(connection, &device)
        };
        self.writer.write(change).await
    }
}

impl Verifier for Store {
    fn verify<'a>(&'a self, device: &'a DeviceId, secret: &'a [u8]) -> BoxFuture<'a, Verification> {
        let verdict = match self.check(device, secret) {
            Ok(Some(credential)) => Verification::AcceptedBy(credential),
            Ok(None) => Verification::Refused,
            Err(error) => {
                tracing::error!(%error, "the registry cannot be read");
                Verification::Unavailable
            }
        };
        Box::pin(std::future::ready(verdict))
    }
}

impl DeviceRegistry for Store {
    fn add(&self, new: Vec<NewDevice>) -> BoxFuture<'_, Result<(), RegistryError>> {
        let key = Arc::clone(&self.key);
        let digest = move |new: &NewDevice| key.digest(&new.id, new.secret.reveal().as_bytes());
        Box::pin(self.writer.write(move |connection| {
            let now_ms = now_ms();
            new.iter().try_for_each(|new| devices::add(connection, &new.id, &digest(new), now_ms))
        }))
    }

    fn device<'a>(&'a self, device: &'a DeviceId) -> BoxFuture<'a, Result<DeviceRecord, RegistryError>> {
        Box::pin(std::future::ready(devices::device(&self.reader(), device)))
    }

    fn devices<'a>(
        &'a self,
        after: Option<&'a DeviceId>,
        max: usize,
    ) -> BoxFuture<'a, Result<Vec<DeviceRecord>, RegistryError>> {
        let after = after.cloned();
        let read = move |connection: &Connection| Ok(devices::devices(connection, after.as_ref(), max));
        let page = Arc::clone(&self.readers).read_rows(max, read);
        Box::pin(async { page.await? })
    }

    fn set_access<'a>(
        &'a self,
        device: &'a DeviceId,
        access: Access,
    ) -> BoxFuture<'a, Result<DeviceRecord, RegistryError>> {
        Box::pin(self.change(device, move |connection, device| devices::set_access(connection, device, access)))
    }

    fn rotate<'a>(
        &'a self,
        device: &'a DeviceId,
        secret: DeviceSecret,
        old: OldSecret,
    ) -> BoxFuture<'a, Result<DeviceRecord, RegistryError>> {
        let digest: Digest = self.key.digest(device, secret.reveal().as_bytes());
        Box::pin(
            self.change(device, move |connection, device| devices::rotate(connection, device, &digest, old, now_ms())),
        )
    }

    fn remove<'a>(&'a self, device: &'a DeviceId) -> BoxFuture<'a, Result<(), RegistryError>> {
        let device = device.clone();
        Box::pin(self.writer.write(move |connection| devices::remove(connection, &device)))
    }
}

fn open_for_writing(path: &Path) -> Result<Connection, SchemaError> {
    // Made by us and not by SQLite, so that nobody else can read it; its companions get the same rights.
    let made = OpenOptions::new().create(true).append(true).mode(OWNER_ONLY).open(path);
    made.map_err(|error| SchemaError::Damaged(error.to_string()))?;
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    let mode: rusqlite::Result<String> =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0));
    // What is no database says so here first.
    mode.map_err(|error| SchemaError::Damaged(error.to_string()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    keep_prepared(&connection)?;
    Ok(connection)
}

fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    keep_prepared(&connection)?;
    Ok(connection)
}

/// Statements stay prepared: all there are have room, and no plan depends on the values that are bound. Where it may, SQLite prepares a
/// statement that joins tables anew for each value: two thirds of what a desired state cost (`fleet realer wishes`).
fn keep_prepared(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The database's name in the data folder.
const DATABASE_FILE: &str = "rtio.db";

/// Keys of the data folder that a backup takes along: that of the store first, then the one that posts to backends are signed with.
/// They are no use to whoever has the backup only as long as nobody has it: it is as secret as the folder.
const KEY_FILES: [&str; 2] = [key::KEY_FILE, "signing.key"];

const OWNER_ONLY: u32 = 0o600;

/// How long a connection waits where another has the file to itself, which lasts moments.
const BUSY: std::time::Duration = std::time::Duration::from_secs(5);

/// Between two steps of the check of what is large: a quarter of a million rows a second, and little of the disk's time.
const CHECK_PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

/// Statements that a connection keeps ready: more than there are.
const STATEMENTS: usize = 128;

/// The new one and the one before it, so that a rotation loses nobody.
const MAX_LIVE_SECRETS: usize = 2;

/// Stands for a secret that is not there. No digest of a secret is all zeros, but for a chance of 2⁻²⁵⁶, and it would not count.
const NO_DIGEST: Digest = [0; 32];

#[cfg(test)]
mod tests;
