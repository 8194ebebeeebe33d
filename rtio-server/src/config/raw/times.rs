//! How long the hub waits.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use super::super::value::time_within;

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

    /// Time after which a device or caller that vanished without a goodbye is noticed; from 5s to 1h, whole seconds
    #[arg(long, value_name = "TIME", default_value = "55s", value_parser = time_within(LOST_AFTER))]
    pub peer_lost_after: Duration,

    /// Time that the system of a device which was called has to acknowledge what it was sent; from 1s to 1h
    #[arg(long, value_name = "TIME", default_value = "4s", value_parser = time_within(ACK))]
    pub ack_timeout: Duration,

    /// Time after which a caller's connection without a request is closed; from 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time_within(LIMIT))]
    pub http_idle_timeout: Duration,

    /// Time that a caller has to send the headers of a request; from 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time_within(LIMIT))]
    pub http_header_timeout: Duration,

    /// Time that a caller has to send the body of a request; from 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time_within(LIMIT))]
    pub http_body_timeout: Duration,
}

/// Times that make no sense when they are nothing. The lower end leaves room for tests on loopback; the upper end is there so
/// that a slip of the unit is noticed.
const LIMIT: RangeInclusive<Duration> = Duration::from_millis(10)..=LONGEST;

/// Times for which nothing is a choice: do not wait.
const LIMIT_OR_NONE: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;

/// The kernel counts keepalives in whole seconds, and needs a few.
const LOST_AFTER: RangeInclusive<Duration> = Duration::from_secs(5)..=LONGEST;

/// A second lets a segment be lost and sent again before anybody is given up.
const ACK: RangeInclusive<Duration> = Duration::from_secs(1)..=LONGEST;

const LONGEST: Duration = Duration::from_secs(3600);
