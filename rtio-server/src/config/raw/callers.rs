//! Who may call.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::value::{count_within, key_set, switch, time_within};
use crate::token::{Algorithm, JwksSource};

/// Who may call.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Callers (tokens are JWTs)")]
pub struct RawCallers {
    /// PEM file with a public key that callers' tokens may be signed with; may be repeated
    #[arg(long, value_name = "FILE")]
    pub jwt_key: Vec<PathBuf>,

    /// Key set (JWKS) that callers' tokens may be signed with: a file or an https URL; may be repeated
    #[arg(long, value_name = "FILE|URL", value_parser = key_set)]
    pub jwt_jwks: Vec<JwksSource>,

    /// How tokens may be signed: EdDSA, RS256, ES256; may be repeated, or a list with commas
    #[arg(long, value_name = "NAME", default_value = "EdDSA", value_delimiter = ',')]
    pub jwt_algorithms: Vec<Algorithm>,

    /// What `iss` of a token must be; not looked at unless given
    #[arg(long, value_name = "TEXT")]
    pub jwt_issuer: Option<String>,

    /// What `aud` of a token must contain; not looked at unless given
    #[arg(long, value_name = "TEXT")]
    pub jwt_audience: Option<String>,

    /// Time after which key sets are read again; from 10s to 1day
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time_within(REFRESH))]
    pub jwt_jwks_refresh: Duration,

    /// Verified tokens that are remembered, so that they need not be verified again; from 0 to 1000000
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = count_within::<usize>(CACHED))]
    pub jwt_cache: usize,

    /// INSECURE: let everybody who reaches the port call every device
    #[arg(long, value_parser = switch)]
    pub open_callers: bool,

    /// Calls and observations of one caller at once, 0 for any number; up to 16777216
    #[arg(long, value_name = "COUNT", default_value = "4096", value_parser = count_within::<usize>(AT_ONCE))]
    pub max_calls_per_caller: usize,

    /// Calls and observations that one caller may begin in a second, 0 for any number; up to 1000000
    #[arg(long, value_name = "COUNT", default_value = "0", value_parser = count_within::<u32>(RATE))]
    pub caller_rate: u32,

    /// Calls that one caller may begin at once before --caller-rate holds it back, 0 for those of a second; up to 1000000
    #[arg(long, value_name = "COUNT", default_value = "0", value_parser = count_within::<u32>(RATE))]
    pub caller_burst: u32,

    /// Time for which the outcome of a call with an Idempotency-Key is remembered; from 1s to 1day
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time_within(WINDOW))]
    pub idempotency_window: Duration,

    /// Idempotency-Keys that are remembered or in flight, 0 to take no notice of them; up to 16777216
    #[arg(long, value_name = "COUNT", default_value = "65536", value_parser = count_within::<usize>(AT_ONCE))]
    pub max_idempotency_keys: usize,
}

/// Issuers ask not to be asked more often than that; a day is as long as a withdrawn key should live.
const REFRESH: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(24 * 3600);

/// The lower end is for tests; whoever tries again after a day has lost more than an answer.
const WINDOW: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 3600);

/// An entry takes about 400 bytes and the grants of its token.
const CACHED: RangeInclusive<u64> = 0..=1_000_000;

/// As for connections: 2^24.
const AT_ONCE: RangeInclusive<u64> = 0..=16_777_216;

/// A hub does a tenth of that in all.
const RATE: RangeInclusive<u64> = 0..=1_000_000;
