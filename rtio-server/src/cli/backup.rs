//! `rtio backup` and `rtio restore`: all that a hub keeps, as one file.

use std::path::PathBuf;

use clap::Args;
use rtio_server::data_dir::DataDir;
use rtio_server::hub_lock::HubLock;
use rtio_server::store::{self, Before};

use super::{Failure, start};

/// What `rtio backup` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = BACKUP_AFTER_HELP)]
pub(crate) struct Backup {
    /// File to make; one that is there is not written over
    file: PathBuf,

    /// Data folder of the hub, which may run
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

/// What `rtio restore` takes.
#[derive(Debug, Clone, Args)]
#[command(after_help = RESTORE_AFTER_HELP)]
pub(crate) struct Restore {
    /// File that `rtio backup` has made
    file: PathBuf,

    /// Data folder to restore to; no hub may use it
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,

    /// Take the place of what is in the folder, which is kept there under other names
    #[arg(long)]
    replace: bool,
}

/// Makes the file, and prints how large it is.
pub(crate) fn backup(arguments: &Backup) -> Result<(), Failure> {
    let failed = |source| Failure::Backup { source: Box::new(source) };
    if !arguments.data_dir.is_dir() {
        let source = std::io::ErrorKind::NotFound.into();
        return Err(Failure::Data { path: arguments.data_dir.clone(), source });
    }
    let dir = DataDir::open(&arguments.data_dir).map_err(|error| failed(error.into()))?;
    let bytes = store::backup(&dir, &arguments.file).map_err(failed)?;
    start::print(format!("{} {bytes} bytes\n", arguments.file.display()).as_bytes())
}

/// Restores, and prints which files were kept aside.
pub(crate) fn restore(arguments: &Restore) -> Result<(), Failure> {
    let dir = DataDir::open(&arguments.data_dir).map_err(|error| Failure::Restore { source: error.into() })?;
    let _lock = HubLock::take(&dir).map_err(|error| Failure::Restore { source: error.into() })?;
    let before = if arguments.replace { Before::KeepAside } else { Before::Refuse };
    let aside =
        store::restore(&arguments.file, &dir, before).map_err(|error| Failure::Restore { source: error.into() })?;
    let lines: String = aside.iter().map(|path| format!("kept {}\n", path.display())).collect();
    start::print(format!("{lines}restored {}\n", arguments.data_dir.display()).as_bytes())
}

const BACKUP_AFTER_HELP: &str = "\
All of the store as it is at one moment, with the keys that it needs: whoever has the file can read and
change what the hub could, so keep it as secret as the data folder. The hub goes on meanwhile.";

const RESTORE_AFTER_HELP: &str = "\
The file is checked before anything changes. What devices were told and told since the backup is lost.";
