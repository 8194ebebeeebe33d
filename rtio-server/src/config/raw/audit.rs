//! What is written down about calls.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use clap::Args;

use super::super::value::count_within;

/// What is written down about calls.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Audit log")]
pub struct RawAudit {
    /// File to which a line of JSON is added for each call, and for the start and end of each observation
    #[arg(long, value_name = "FILE")]
    pub audit_log: Option<PathBuf>,

    /// Size at which the file moves aside; from 4096 to 1099511627776
    #[arg(long, value_name = "BYTES", default_value = "104857600", value_parser = count_within::<u64>(FILE_BYTES))]
    pub audit_max_bytes: u64,

    /// Files that moved aside to keep; from 1 to 1000
    #[arg(long, value_name = "COUNT", default_value = "10", value_parser = count_within::<u32>(FILES))]
    pub audit_keep: u32,
}

/// From a few lines to a terabyte: a slip of the unit is noticed.
const FILE_BYTES: RangeInclusive<u64> = 4096..=1 << 40;

/// Each is renamed whenever the file is full.
const FILES: RangeInclusive<u64> = 1..=1000;
