//! What operators may do, and how they are known.

use std::path::PathBuf;

use clap::Args;

use super::super::value::{Address, address_or_off};

/// What operators may do, and how they are known.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Operators")]
pub struct RawAdmin {
    /// Where operators and Prometheus connect, or off
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:17918", value_parser = address_or_off)]
    pub admin_addr: Address,

    /// File with the token that operators show [default: admin.token in --data-dir, made at the first start]
    #[arg(long, value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
}
