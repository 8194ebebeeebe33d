//! The flags of `rtio serve` as they were written. This definition is the single source of each name, unit, default and range:
//! variables, keys of the configuration file, `--help` and docs/operations.md follow from it.

mod admin;
mod audit;
mod backend;
mod callers;
mod caps;
mod configurer;
mod listen;
mod log;
mod realer;
mod times;
mod tls;
mod verify;

use std::path::PathBuf;

use clap::Args;

pub use admin::RawAdmin;
pub use audit::RawAudit;
pub use backend::RawBackend;
pub use callers::RawCallers;
pub use caps::RawCaps;
pub use configurer::RawConfigurer;
pub use listen::RawListen;
pub use log::RawLog;
pub use realer::RawRealer;
pub use times::RawTimes;
pub use tls::RawTls;
pub use verify::{RawVerifier, RawVerify};

use super::value::switch;

/// What the operator wrote, value by value.
#[derive(Debug, Clone, Args)]
pub struct RawConfig {
    /// For trying things out: accept any device, listen on 127.0.0.1 unless an address is given
    #[arg(long, value_parser = switch)]
    pub dev: bool,

    /// Folder in which the hub keeps what must survive a restart; made where it is not there
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// The configuration file, for its tables: its keys are already among the values here.
    #[arg(skip)]
    pub file: Option<PathBuf>,

    #[command(flatten)]
    pub listen: RawListen,

    #[command(flatten)]
    pub admin: RawAdmin,

    #[command(flatten)]
    pub tls: RawTls,

    #[command(flatten)]
    pub callers: RawCallers,

    #[command(flatten)]
    pub times: RawTimes,

    #[command(flatten)]
    pub caps: RawCaps,

    #[command(flatten)]
    pub verify: RawVerify,

    #[command(flatten)]
    pub backend: RawBackend,

    #[command(flatten)]
    pub configurer: RawConfigurer,

    #[command(flatten)]
    pub realer: RawRealer,

    #[command(flatten)]
    pub audit: RawAudit,

    #[command(flatten)]
    pub log: RawLog,
}
