//! The numbers of the control-device runtime that its contract leaves to the hub.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use super::super::value::{broker_url, count_within, label, renamed_code, switch, time_within};

/// The control-device runtime.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Control devices (with --data-dir)")]
pub struct RawRealer {
    /// Serve control devices without TLS, too: where a proxy in front has it. --dev does so anyway
    #[arg(long, value_parser = switch)]
    pub realer_plain: bool,

    /// Where control devices with MQTT find their broker: this hub, as they see its --mqtt-addr, or another; without, none of them has
    /// MQTT, but with --dev --mqtt-addr itself
    #[arg(long, value_name = "URL", value_parser = broker_url)]
    pub realer_mqtt_url: Option<String>,

    /// Life of an access token; from 10s to 1day, whole seconds
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time_within(LIFETIME))]
    pub realer_token_lifetime: Duration,

    /// Life of a credential for MQTT; from 10s to 1day, whole seconds
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time_within(LIFETIME))]
    pub realer_mqtt_credential_lifetime: Duration,

    /// Share of such a life, in percent, after which devices shall fetch the next; from 1 to 99
    #[arg(long, value_name = "PERCENT", default_value = "80", value_parser = count_within::<u8>(1..=99))]
    pub realer_renew_after: u8,

    /// How often devices are expected to read bootstrap or catalog; from 1s to 30days, whole seconds
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time_within(EXPECTED))]
    pub realer_catalog_expected: Duration,

    /// Shortest time between two such reads of a device; from 0s to 1day
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time_within(MINIMUM))]
    pub realer_catalog_minimum: Duration,

    /// How often devices are expected to ask for desired states; from 1s to 30days, whole seconds
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time_within(EXPECTED))]
    pub realer_desired_states_expected: Duration,

    /// Shortest time between two such questions of a device; from 0s to 1day
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time_within(MINIMUM))]
    pub realer_desired_states_minimum: Duration,

    /// How often devices are expected to bring feed data; from 1s to 30days, whole seconds
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time_within(EXPECTED))]
    pub realer_feed_data_expected: Duration,

    /// Shortest time between two requests of a device that bring some; from 0s to 1day
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time_within(MINIMUM))]
    pub realer_feed_data_minimum: Duration,

    /// Bytes of the body of a device's request; from 512 to 1048576
    #[arg(long, value_name = "BYTES", default_value = "5120", value_parser = count_within::<usize>(512..=1_048_576))]
    pub realer_max_request_bytes: usize,

    /// Items of one batch; from 1 to 10000
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = count_within::<usize>(1..=10_000))]
    pub realer_max_batch_items: usize,

    /// First wait of devices after a failure; announced to them; from 1s to 1day, whole seconds
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time_within(BACKOFF))]
    pub realer_backoff_initial: Duration,

    /// What each further wait is multiplied by; announced to them; from 1 to 10
    #[arg(long, value_name = "COUNT", default_value = "2", value_parser = count_within::<u32>(1..=10))]
    pub realer_backoff_multiplier: u32,

    /// Longest wait; announced to them; from 1s to 1day, whole seconds
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time_within(BACKOFF))]
    pub realer_backoff_max: Duration,

    /// Time that a desired state waits for its device unless it says otherwise; from 1s to 1year
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = time_within(KEPT))]
    pub realer_desired_expiry: Duration,

    /// How far an observation may lie ahead of the hub's clock before its arrival counts instead; from 0s to 1day
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time_within(MINIMUM))]
    pub realer_future_tolerance: Duration,

    /// Time for which message ids are remembered, so that a repeat stores nothing; devices are promised 7 days, less is for
    /// trying things out; from 1s to 1year
    #[arg(long, value_name = "TIME", default_value = "7days", value_parser = time_within(KEPT))]
    pub realer_message_ids: Duration,

    /// Age at which feed data, closed desired states and adoptions are forgotten; from 1s to 10years
    #[arg(long, value_name = "TIME", default_value = "30days", value_parser = time_within(HISTORY))]
    pub realer_keep_for: Duration,

    /// Feed data of one device, the oldest is forgotten; from 1 to 1000000000
    #[arg(long, value_name = "COUNT", default_value = "1000000", value_parser = count_within::<u64>(1..=1_000_000_000))]
    pub realer_keep_per_device: u64,

    /// Closed desired states of one device, the oldest is forgotten; from 1 to 1000000000
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = count_within::<u64>(1..=1_000_000_000))]
    pub realer_keep_desired: u64,

    /// Another number for a code of answers, such as 4015=4150; may be repeated
    #[arg(long, value_name = "CODE=CODE", value_parser = renamed_code)]
    pub realer_code: Vec<(u16, u16)>,

    /// What the status of a repeated item is called
    #[arg(long, value_name = "LABEL", default_value = "replayed", value_parser = label)]
    pub realer_replayed_label: String,
}

/// A device that asks for a token more often than it may must not need to; a day is as long as a stolen one should live.
const LIFETIME: RangeInclusive<Duration> = Duration::from_secs(10)..=DAY;

/// From a wall switch to a meter that is read once a month.
const EXPECTED: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(30 * 24 * 3600);

/// Nothing is a choice: no limit.
const MINIMUM: RangeInclusive<Duration> = Duration::ZERO..=DAY;

const BACKOFF: RangeInclusive<Duration> = Duration::from_secs(1)..=DAY;

/// The lower end is for tests.
const KEPT: RangeInclusive<Duration> = Duration::from_secs(1)..=YEAR;

const HISTORY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(10 * YEAR.as_secs());

const DAY: Duration = Duration::from_secs(24 * 3600);

/// As values are written: 365.25 days.
const YEAR: Duration = Duration::from_secs(31_557_600);
