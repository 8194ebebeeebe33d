//! The data folder of a hub, as a command works on it: through the running hub where one uses it, else directly. While this process
//! does it, no hub can begin.

mod there;

use std::path::PathBuf;

use clap::Args;
use rtio_server::data_dir::DataDir;
use rtio_server::hub_lock::{Holder, HubLock, LockError};
use tokio::time::{Duration, Instant, sleep};

pub(super) use there::{Request, There, refusal};

use super::Failure;

/// Which folder, and how to print.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// Data folder of the hub
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,

    /// File with the operators' token, where the running hub was given one [default: admin.token in the data folder]
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// Who uses the folder.
pub(super) enum Reached {
    /// This process, as long as the lock is held.
    Here(DataDir, HubLock),
    /// A hub, over its operators' port.
    There(There),
}

impl Place {
    /// Finds out who uses the folder. One that is not there is a slip of the hand, unless it `may_begin` with this.
    pub(super) async fn reach(&self, may_begin: bool) -> Result<Reached, Failure> {
        if !may_begin && !self.data_dir.is_dir() {
            let source = std::io::ErrorKind::NotFound.into();
            return Err(Failure::Data { path: self.data_dir.clone(), source });
        }
        let dir = DataDir::open(&self.data_dir).map_err(Failure::registry)?;
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            let held = match HubLock::take(&dir) {
                Ok(lock) => return Ok(Reached::Here(dir, lock)),
                Err(error) => error,
            };
            match &held {
                LockError::Held { holder: Holder::Hub(addr), .. } => {
                    return There::at(*addr, self.admin_token_file.as_deref(), &dir).map(Reached::There);
                }
                LockError::Held { holder: Holder::Somebody, .. } if Instant::now() < deadline => {
                    sleep(LOCK_PAUSE).await;
                }
                LockError::Held { holder: Holder::HubWithoutAdmin, .. } => return Err(Failure::HubWithoutAdmin),
                LockError::Held { holder: Holder::Somebody, .. } | LockError::Failed { .. } => {
                    return Err(Failure::registry(held));
                }
            }
        }
    }
}

/// How long another command may use the folder, or a hub take to start.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

const LOCK_PAUSE: Duration = Duration::from_millis(20);
