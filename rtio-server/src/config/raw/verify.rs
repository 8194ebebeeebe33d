//! Who decides whether a device is what it says it is.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::super::value::{count_within, time_within};
use crate::backend::BackendUrl;

/// Who decides whether a device is what it says it is.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Verification of devices")]
pub struct RawVerify {
    /// any, registry or http [default: http with --verifier-url, else any with --dev, else registry with --data-dir]
    #[arg(long, value_name = "WHO", hide_possible_values = true)]
    pub verifier: Option<RawVerifier>,

    /// Service that is asked about each device
    #[arg(long, value_name = "URL", value_parser = BackendUrl::parse)]
    pub verifier_url: Option<BackendUrl>,

    /// Verifications that begin in a second; more wait for their turn, 10 s at most; from 1 to 1000000
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = count_within::<u32>(PER_SECOND))]
    pub max_verifications_per_second: u32,

    /// Questions to the service in flight; more wait, 5 s at most; from 1 to 65536
    #[arg(long, value_name = "COUNT", default_value = "256", value_parser = count_within::<usize>(IN_FLIGHT))]
    pub verifier_max_in_flight: usize,

    /// How long a good answer of the service counts without asking again; from 0s (never) to 1h
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time_within(CACHE))]
    pub verifier_cache_ttl: Duration,
}

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RawVerifier {
    /// Nobody: any id with any secret is accepted.
    Any,
    /// The hub's own registry in the data folder.
    Registry,
    /// The operator's service.
    Http,
}

/// A verification by the registry is a digest and two point reads of 3 µs, so the default takes about a tenth of a core in a
/// storm; a million devices are back in 100 s. The upper end is more than a machine can do.
const PER_SECOND: RangeInclusive<u64> = 1..=1_000_000;

/// Each is a connection to a service that speaks HTTP/1.1: its descriptors are the hub's, too.
const IN_FLIGHT: RangeInclusive<u64> = 1..=65_536;

/// A device that was locked out at the service gets in for as long.
const CACHE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3600);
