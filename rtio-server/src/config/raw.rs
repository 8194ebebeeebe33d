//! The flags of `rtio serve` as they were written. This definition is the single source of each name, unit, default and range:
//! variables, keys of the configuration file, `--help` and docs/operations.md follow from it.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use super::value::{address, count_within, origin, switch, time_within};
use crate::telemetry;

/// What the operator wrote, value by value.
#[derive(Debug, Clone, Args)]
pub struct RawConfig {
    /// For trying things out: accept any device, listen on 127.0.0.1 unless an address is given
    #[arg(long, value_parser = switch)]
    pub dev: bool,

    #[command(flatten)]
    pub listen: RawListen,

    #[command(flatten)]
    pub times: RawTimes,

    #[command(flatten)]
    pub caps: RawCaps,

    #[command(flatten)]
    pub log: RawLog,
}

/// Where the hub listens.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Addresses (port 0 takes a free one)")]
pub struct RawListen {
    /// Where devices connect [default: 0.0.0.0:17017; with --dev 127.0.0.1:17017]
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    pub device_addr: Option<SocketAddr>,

    /// Where callers connect [default: 0.0.0.0:17917; with --dev 127.0.0.1:17917]
    #[arg(long, value_name = "IP:PORT", value_parser = address)]
    pub http_addr: Option<SocketAddr>,

    /// Web pages that may call: * for all, or one origin such as `https://console.example.org`
    #[arg(long, value_name = "ORIGIN", default_value = "*", value_parser = origin)]
    pub cors_origin: String,
}

/// How long the hub waits.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Time limits (such as 500ms, 10s, 2m)")]
pub struct RawTimes {
    /// Time that a device has to answer a call; from 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time_within(LIMIT))]
    pub call_timeout: Duration,

    /// Time that a device has to accept an observation; from 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = time_within(LIMIT))]
    pub observe_timeout: Duration,

    /// Longest time that a caller may ask for with `Prefer: wait=`; from 0s to 1h
    #[arg(long, value_name = "TIME", default_value = "120s", value_parser = time_within(LIMIT_OR_NONE))]
    pub max_wait: Duration,

    /// Time that calls in flight get to end after SIGTERM or SIGINT; from 0s to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time_within(LIMIT_OR_NONE))]
    pub drain: Duration,

    /// Time after which a caller's connection without a request is closed; from 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time_within(LIMIT))]
    pub http_idle_timeout: Duration,

    /// Time that a caller has to send the headers of a request; from 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time_within(LIMIT))]
    pub http_header_timeout: Duration,
}

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
}

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

/// Times that make no sense when they are nothing. The lower end leaves room for tests on loopback; the upper end is there so
/// that a slip of the unit is noticed.
const LIMIT: RangeInclusive<Duration> = Duration::from_millis(10)..=LONGEST;

/// Times for which nothing is a choice: do not wait.
const LIMIT_OR_NONE: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;

const LONGEST: Duration = Duration::from_secs(3600);

/// 2^24, sixteen times what one hub is built for: a slip of the hand is noticed, and no counter comes near its end.
const CONNECTIONS: RangeInclusive<u64> = 1..=16_777_216;

/// Half of the message ids there are, so that ids of late answers can rest (docs/protocol.md §4).
const CALLS: RangeInclusive<u64> = 1..=32_768;
