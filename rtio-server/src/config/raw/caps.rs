//! How much the hub takes on.

use std::ops::RangeInclusive;

use clap::Args;

use super::super::value::count_within;

/// How much the hub takes on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Caps (one more is refused)")]
pub struct RawCaps {
    /// Connections of devices; from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "1000000", value_parser = count_within::<usize>(CONNECTIONS))]
    pub max_device_connections: usize,

    /// Connections of devices that have not verified themselves yet; from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "16384", value_parser = count_within::<usize>(CONNECTIONS))]
    pub max_unverified_connections: usize,

    /// Connections of callers; from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "16384", value_parser = count_within::<usize>(CONNECTIONS))]
    pub max_http_connections: usize,

    /// Calls and observation requests of one device in flight; from 1 to 32768
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = count_within::<u16>(CALLS))]
    pub max_calls_per_device: u16,

    /// Observations of one device; from 1 to 256
    #[arg(long, value_name = "COUNT", default_value = "256", value_parser = count_within::<u16>(OBSERVATIONS))]
    pub max_observations_per_device: u16,

    /// Observations of all devices; from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "65536", value_parser = count_within::<usize>(CONNECTIONS))]
    pub max_observations: usize,

    /// Bytes of data to a device in one message, if its capacity has room for them and 8 more; from 504 to 4088
    #[arg(long, value_name = "BYTES", default_value = "504", value_parser = count_within::<u16>(PAYLOAD))]
    pub max_payload: u16,
}

/// 2^24, sixteen times what one hub is built for: a slip of the hand is noticed, and no counter comes near its end.
const CONNECTIONS: RangeInclusive<u64> = 1..=16_777_216;

/// Half of the message ids there are, so that ids of late answers can rest (docs/protocol.md §4).
const CALLS: RangeInclusive<u64> = 1..=32_768;

/// What the protocol allows (docs/protocol.md §4).
const OBSERVATIONS: RangeInclusive<u64> = 1..=256;

/// From what every device takes and every caller may count on to what fits the largest capacity (docs/protocol.md §4).
const PAYLOAD: RangeInclusive<u64> = 504..=4088;
