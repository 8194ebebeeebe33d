//! TLS of the ports of devices and callers.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::value::{count_within, time_within};

/// TLS of the ports of devices and callers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS (files are PEM; read again at SIGHUP and when they change)")]
pub struct RawTls {
    /// Certificate of the devices' port, its own first, then those up to the CA; with --device-tls-key
    #[arg(long, value_name = "FILE")]
    pub device_tls_cert: Option<PathBuf>,

    /// Private key of --device-tls-cert, not encrypted
    #[arg(long, value_name = "FILE")]
    pub device_tls_key: Option<PathBuf>,

    /// CA certificates; a device must then show a certificate of theirs that names its id, beside its secret
    #[arg(long, value_name = "FILE")]
    pub device_tls_client_ca: Option<PathBuf>,

    /// Certificate of the port --mqtt-addr, its own first, then those up to the CA; that of the devices' port unless given
    #[arg(long, value_name = "FILE")]
    pub mqtt_tls_cert: Option<PathBuf>,

    /// Private key of --mqtt-tls-cert, not encrypted
    #[arg(long, value_name = "FILE")]
    pub mqtt_tls_key: Option<PathBuf>,

    /// Certificate of the callers' port, its own first, then those up to the CA; with --http-tls-key
    #[arg(long, value_name = "FILE")]
    pub http_tls_cert: Option<PathBuf>,

    /// Private key of --http-tls-cert, not encrypted
    #[arg(long, value_name = "FILE")]
    pub http_tls_key: Option<PathBuf>,

    /// TLS handshakes of a port in flight, more wait; from 1 to 1048576
    #[arg(long, value_name = "COUNT", default_value = "4096", value_parser = count_within::<usize>(HANDSHAKES))]
    pub max_handshakes: usize,

    /// Time for a TLS handshake, the wait for its turn included; from 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time_within(HANDSHAKE_TIME))]
    pub handshake_timeout: Duration,
}

/// A handshake is 150 µs of work and two round trips of waiting, so the default keeps every core busy over links of half a
/// second, in about 100 MiB. The upper end is there so that a slip of the hand is noticed.
const HANDSHAKES: RangeInclusive<u64> = 1..=1_048_576;

/// The lower end leaves room for tests on loopback.
const HANDSHAKE_TIME: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3600);
