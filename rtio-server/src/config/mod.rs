//! What the hub runs with. [`RawConfig`] is what the operator wrote; [`Config`] is what runs: valid, complete, composed of the
//! subsystems' own configs. Made once by the executable; no subsystem imports this module, and nothing here reads files or
//! the environment.

pub mod raw;
pub mod value;

mod admin;
mod backend;
mod verify;

pub use raw::RawConfig;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rtio_proto::session::SessionLimits;

use crate::backend::VerifierConfig;
use crate::{device, http, telemetry};

/// Everything that a hub needs to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the hub keeps what must survive a restart, if anything shall.
    pub data_dir: Option<PathBuf>,
    /// The devices' side.
    pub device: device::Config,
    /// The callers' side.
    pub http: http::Config,
    /// The operators' side, unless it is off.
    pub admin: Option<crate::admin::Config>,
    /// Time that calls in flight get to end once the hub shall stop.
    pub drain: Duration,
    /// Who decides whether a device is what it says it is.
    pub verifier: VerifierChoice,
    /// How backends are reached.
    pub backend: crate::backend::Config,
    /// What is logged, and how.
    pub log: telemetry::Config,
}

/// Who decides whether a device is what it says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifierChoice {
    /// Nobody: any id with any secret is accepted.
    Any,
    /// The operator's service.
    Http(VerifierConfig),
}

impl TryFrom<RawConfig> for Config {
    type Error = ConfigError;

    fn try_from(raw: RawConfig) -> Result<Self, ConfigError> {
        let verifier = verify::choice(&raw.verify, raw.dev)?;
        let host = if raw.dev { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let or_default =
            |addr: Option<SocketAddr>, port| addr.unwrap_or_else(|| SocketAddr::new(IpAddr::V4(host), port));
        let admin = admin::config(&raw);
        Ok(Self {
            data_dir: raw.data_dir,
            device: device::Config {
                addr: or_default(raw.listen.device_addr, DEVICE_PORT),
                max_connections: raw.caps.max_device_connections,
                max_unverified: raw.caps.max_unverified_connections,
                session: SessionLimits { max_calls: raw.caps.max_calls_per_device, ..SessionLimits::default() },
            },
            http: http::Config {
                addr: or_default(raw.listen.http_addr, HTTP_PORT),
                max_connections: raw.caps.max_http_connections,
                idle_timeout: raw.times.http_idle_timeout,
                header_timeout: raw.times.http_header_timeout,
                max_wait: raw.times.max_wait,
                call_timeout: raw.times.call_timeout,
                establish_timeout: raw.times.observe_timeout,
                cors_origin: raw.listen.cors_origin,
            },
            admin,
            drain: raw.times.drain,
            verifier,
            backend: backend::config(raw.backend)?,
            log: telemetry::Config { filter: raw.log.log_level, format: raw.log.log_format },
        })
    }
}

/// The flags are sound one by one, but not together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nothing says how to tell a device from an impostor.
    #[error(
        "no verifier is configured, so any device could pretend to be any other; for trying things out, --dev (or \
         RTIO_DEV=true, or `dev = true` in [serve] of the configuration file) accepts any device"
    )]
    NoVerifier,
    /// The service shall be asked, but nobody says where it is.
    #[error("--verifier http needs --verifier-url")]
    HttpWithoutUrl,
    /// The registry shall be asked, but there is no folder for it.
    #[error("--verifier registry needs --data-dir")]
    RegistryWithoutDataDir,
    /// Authorities to trust are given, and nobody's certificate shall be verified.
    #[error("--backend-ca and --backend-insecure contradict each other: set one of them")]
    TrustAllAndSome,
}

/// Where devices connect unless the operator says otherwise: the port of existing RTIO devices.
const DEVICE_PORT: u16 = 17017;

/// Where callers connect unless the operator says otherwise: the port of existing RTIO callers.
const HTTP_PORT: u16 = 17917;
