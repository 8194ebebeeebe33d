//! What the hub runs with. [`RawConfig`] is what the operator wrote; [`Config`] is what runs: valid, complete, composed of the
//! subsystems' own configs. Made once by the executable; no subsystem imports this module, and nothing here reads files or
//! the environment.

pub mod raw;
pub mod value;

mod admin;
mod backend;
mod callers;
mod tls;
mod verify;

pub use raw::RawConfig;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rtio_proto::session::SessionLimits;

use crate::backend::VerifierConfig;
use crate::net::Liveness;
use crate::net::proxy::TrustedProxies;
use crate::{audit, device, http, hub, net, telemetry};

/// Everything that a hub needs to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the hub keeps what must survive a restart, if anything shall.
    pub data_dir: Option<PathBuf>,
    /// The core.
    pub hub: hub::Limits,
    /// The devices' side.
    pub device: device::Config,
    /// The callers' side.
    pub http: http::Config,
    /// TLS of both.
    pub tls: net::tls::Config,
    /// Whose PROXY headers are believed, on the ports of devices and callers.
    pub proxies: TrustedProxies,
    /// The tokens that callers need; `None` lets everybody call.
    pub tokens: Option<crate::token::Config>,
    /// The operators' side, unless it is off.
    pub admin: Option<crate::admin::Config>,
    /// Time that calls in flight get to end once the hub shall stop.
    pub drain: Duration,
    /// Who decides whether a device is what it says it is.
    pub verifier: VerifierChoice,
    /// How backends are reached.
    pub backend: crate::backend::Config,
    /// Where calls are written down, if anywhere.
    pub audit: Option<audit::Config>,
    /// What is logged, and how.
    pub log: telemetry::Config,
}

/// Who decides whether a device is what it says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifierChoice {
    /// Nobody: any id with any secret is accepted.
    Any,
    /// The hub's own registry in the data folder.
    Registry,
    /// The operator's service.
    Http(VerifierConfig),
}

impl TryFrom<RawConfig> for Config {
    type Error = ConfigError;

    fn try_from(raw: RawConfig) -> Result<Self, ConfigError> {
        let verifier = verify::choice(&raw)?;
        let host = if raw.dev { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let or_default =
            |addr: Option<SocketAddr>, port| addr.unwrap_or_else(|| SocketAddr::new(IpAddr::V4(host), port));
        let admin = admin::config(&raw);
        let tokens = callers::tokens(&raw.callers, raw.dev)?;
        Ok(Self {
            data_dir: raw.data_dir,
            hub: hub::Limits {
                ack_timeout: raw.times.ack_timeout,
                max_observations: raw.caps.max_observations,
                max_verifications_per_second: raw.verify.max_verifications_per_second,
            },
            device: device::Config {
                addr: or_default(raw.listen.device_addr, DEVICE_PORT),
                max_connections: raw.caps.max_device_connections,
                max_connections_per_peer: raw.caps.max_device_connections_per_peer,
                max_unverified: raw.caps.max_unverified_connections,
                liveness: Liveness::new(raw.times.peer_lost_after),
                session: SessionLimits {
                    max_calls: raw.caps.max_calls_per_device,
                    max_payload_bytes: raw.caps.max_payload,
                    max_observations: raw.caps.max_observations_per_device,
                    ..SessionLimits::default()
                },
            },
            http: http::Config {
                addr: or_default(raw.listen.http_addr, HTTP_PORT),
                max_connections: raw.caps.max_http_connections,
                max_connections_per_peer: raw.caps.max_http_connections_per_peer,
                max_h2_streams: raw.caps.max_http2_streams,
                max_header_bytes: raw.caps.max_http_header_bytes,
                max_headers: raw.caps.max_http_headers,
                liveness: Liveness::new(raw.times.peer_lost_after),
                max_payload: raw.caps.max_payload.into(),
                idle_timeout: raw.times.http_idle_timeout,
                header_timeout: raw.times.http_header_timeout,
                body_timeout: raw.times.http_body_timeout,
                max_wait: raw.times.max_wait,
                call_timeout: raw.times.call_timeout,
                establish_timeout: raw.times.observe_timeout,
                cors_origin: raw.listen.cors_origin,
                limits: callers::limits(&raw.callers),
            },
            tls: tls::config(raw.tls)?,
            proxies: TrustedProxies::new(raw.listen.proxy_protocol_from),
            tokens,
            admin,
            drain: raw.times.drain,
            verifier,
            backend: backend::config(raw.backend)?,
            audit: raw.audit.audit_log.map(|path| audit::Config {
                path,
                max_bytes: raw.audit.audit_max_bytes,
                keep: raw.audit.audit_keep,
            }),
            log: telemetry::Config { filter: raw.log.log_level, format: raw.log.log_format },
        })
    }
}

/// The flags are sound one by one, but not together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Nothing says how to tell a device from an impostor.
    #[error(
        "no verifier is configured, so any device could pretend to be any other; --data-dir has a registry of devices, \
         --verifier-url names a service to ask; for trying things out, --dev (or RTIO_DEV=true, or `dev = true` in [serve] of \
         the configuration file) accepts any device"
    )]
    NoVerifier,
    /// The service shall be asked, but nobody says where it is.
    #[error("--verifier http needs --verifier-url")]
    HttpWithoutUrl,
    /// The registry shall be asked, but there is no folder for it.
    #[error("--verifier registry needs --data-dir")]
    RegistryWithoutDataDir,
    /// Nothing says how to tell a caller from a stranger.
    #[error(
        "no keys for callers' tokens are configured, so any stranger could call any device; give --jwt-key FILE or --jwt-jwks \
         FILE|URL (`rtio token keygen` makes a key, `rtio token issue` a token), or --open-callers to let everybody call who \
         reaches the port"
    )]
    NoTokenKeys,
    /// Callers shall show tokens, and shall not have to.
    #[error("--open-callers contradicts --jwt-key and --jwt-jwks: leave it out, and callers need a token")]
    KeysAndOpen,
    /// Authorities to trust are given, and nobody's certificate shall be verified.
    #[error("--backend-ca and --backend-insecure contradict each other: set one of them")]
    TrustAllAndSome,
    /// A certificate without its key, or a key without its certificate.
    #[error("--{given} is set, but --{missing} is not; a certificate and its key belong together")]
    HalfTls {
        /// The flag that is set.
        given: &'static str,
        /// The flag that is not.
        missing: &'static str,
    },
    /// Certificates are asked of devices on a port without TLS.
    #[error(
        "--device-tls-client-ca is set, but the devices' port has no TLS; it needs --device-tls-cert and --device-tls-key"
    )]
    ClientCaWithoutTls,
}

/// Where devices connect unless the operator says otherwise: the port of existing RTIO devices.
const DEVICE_PORT: u16 = 17017;

/// Where callers connect unless the operator says otherwise: the port of existing RTIO callers.
const HTTP_PORT: u16 = 17917;
