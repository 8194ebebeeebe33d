//! How the hub reaches its backends: the operator's own services that it asks.

use std::path::PathBuf;

use clap::Args;

use super::super::value::switch;

/// How the hub reaches its backends.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Backends (services that the hub asks)")]
pub struct RawBackend {
    /// PEM file of the authorities that backends' certificates must come from, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub backend_ca: Option<PathBuf>,

    /// INSECURE: take any certificate of a backend; whoever stands in between can be every device
    #[arg(long, value_parser = switch)]
    pub backend_insecure: bool,

    /// File with the key that what backends are sent is signed with, or two [default: signing.key in --data-dir, made at the first start]
    #[arg(long, value_name = "FILE")]
    pub signing_key_file: Option<PathBuf>,
}
