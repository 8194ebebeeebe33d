//! What the hub says about itself.

use clap::Args;

use crate::telemetry;

/// What the hub says about itself.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs (on stderr)")]
pub struct RawLog {
    /// off, error, warn, info, debug or trace, or directives such as info,rtio_server::device=debug
    #[arg(long, value_name = "LEVEL", default_value = "info", value_parser = telemetry::Filter::parse)]
    pub log_level: telemetry::Filter,

    /// text for people, json for machines: one object a line
    #[arg(long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    pub log_format: telemetry::Format,
}
