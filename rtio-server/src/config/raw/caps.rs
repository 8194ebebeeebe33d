//! How much the hub takes on.

use std::ops::RangeInclusive;

use clap::Args;

use super::super::value::count_within;

/// How much the hub takes on.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Caps (one more is refused)")]
pub struct RawCaps {
    /// Connections of devices, on each of their two ports; from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "1000000", value_parser = count_within::<usize>(CONNECTIONS))]
    pub max_device_connections: usize,

    /// Connections of devices that have not verified themselves yet, on each of their two ports; from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "16384", value_parser = count_within::<usize>(CONNECTIONS))]
    pub max_unverified_connections: usize,

    /// Connections of callers; from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "16384", value_parser = count_within::<usize>(CONNECTIONS))]
    pub max_http_connections: usize,

    /// Connections of devices from one peer address (IPv6: one /64), on each of their two ports; from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "65536", value_parser = count_within::<u32>(CONNECTIONS))]
    pub max_device_connections_per_peer: u32,

    /// Connections of callers from one peer address (IPv6: one /64); from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "4096", value_parser = count_within::<u32>(CONNECTIONS))]
    pub max_http_connections_per_peer: u32,

    /// Requests that are answered at once on one HTTP/2 connection; from 1 to 65536
    #[arg(long, value_name = "COUNT", default_value = "128", value_parser = count_within::<u32>(STREAMS))]
    pub max_http2_streams: u32,

    /// Bytes of the head of a request; from 8192 to 1048576
    #[arg(long, value_name = "BYTES", default_value = "16384", value_parser = count_within::<u32>(HEAD_BYTES))]
    pub max_http_header_bytes: u32,

    /// Header fields of a request; from 1 to 4096
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = count_within::<usize>(HEADERS))]
    pub max_http_headers: usize,

    /// Calls and observation requests of one device in flight, whatever it speaks; from 1 to 32768
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = count_within::<u16>(CALLS))]
    pub max_calls_per_device: u16,

    /// Observations of one device, whatever it speaks; from 1 to 256
    #[arg(long, value_name = "COUNT", default_value = "256", value_parser = count_within::<u16>(OBSERVATIONS))]
    pub max_observations_per_device: u16,

    /// Observations of all devices; from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "65536", value_parser = count_within::<usize>(CONNECTIONS))]
    pub max_observations: usize,

    /// Events of devices' presence that are kept for who asks later, 100 bytes each; from 1 to 16777216
    #[arg(long, value_name = "COUNT", default_value = "65536", value_parser = count_within::<usize>(CONNECTIONS))]
    pub max_events: usize,

    /// Group calls (`POST /v1/calls`) of all callers at once; from 1 to 4096
    #[arg(long, value_name = "COUNT", default_value = "64", value_parser = count_within::<usize>(GROUP_CALLS))]
    pub max_group_calls: usize,

    /// Bytes of data to a device in one message, if its capacity has room for them and 8 more; from 504 to 4088
    #[arg(long, value_name = "BYTES", default_value = "504", value_parser = count_within::<u16>(PAYLOAD))]
    pub max_payload: u16,
}

/// 2^24, sixteen times what one hub is built for: a slip of the hand is noticed, and no counter comes near its end.
const CONNECTIONS: RangeInclusive<u64> = 1..=16_777_216;

/// The upper end is what HTTP/2 allows to be open only to whoever has very much memory; it is there so that a slip is noticed.
const STREAMS: RangeInclusive<u64> = 1..=65_536;

/// The lower end is the smallest buffer that hyper reads a head into.
const HEAD_BYTES: RangeInclusive<u64> = 8192..=1_048_576;

/// A request of HTTP/1.1 has `Host` at least; the upper end is what fits a large head.
const HEADERS: RangeInclusive<u64> = 1..=4096;

/// Half of the message ids there are, so that ids of late answers can rest (docs/protocol.md §4).
const CALLS: RangeInclusive<u64> = 1..=32_768;

/// What the protocol allows (docs/protocol.md §4).
const OBSERVATIONS: RangeInclusive<u64> = 1..=256;

/// Each may remember 1.5 MB of names; the upper end is there so that a slip is noticed.
const GROUP_CALLS: RangeInclusive<u64> = 1..=4096;

/// From what every device takes and every caller may count on to what fits the largest capacity (docs/protocol.md §4).
const PAYLOAD: RangeInclusive<u64> = 504..=4088;
