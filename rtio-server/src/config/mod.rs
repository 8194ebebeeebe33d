//! What the hub runs with. [`RawConfig`] is what the operator wrote; [`Config`] is what runs: valid, complete, composed of the
//! subsystems' own configs. Made once by the executable; no subsystem imports this module, and nothing here reads files or
//! the environment.

pub mod raw;
pub mod value;

mod admin;
mod backend;
mod callers;
mod device;
mod error;
mod http;
mod mqtt;
mod realer;
mod tls;
mod verify;

pub use error::ConfigError;
pub use raw::RawConfig;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::backend::VerifierConfig;
use crate::net::proxy::TrustedProxies;
use crate::{audit, hub, net, telemetry};

/// Everything that a hub needs to start.
#[derive(Debug, Clone)]
pub struct Config {
    /// The configuration file, if there is one: its tables are read at the start and at each reload.
    pub file: Option<PathBuf>,
    /// Where the hub keeps what must survive a restart, if anything shall.
    pub data_dir: Option<PathBuf>,
    /// The core.
    pub hub: hub::Limits,
    /// The devices' side.
    pub device: crate::device::Config,
    /// The side of devices with MQTT, where there is one.
    pub mqtt: Option<crate::mqtt::Config>,
    /// The callers' side.
    pub http: crate::http::Config,
    /// TLS of all of them.
    pub tls: net::tls::Config,
    /// Whose PROXY headers are believed, on all of them.
    pub proxies: TrustedProxies,
    /// The tokens that callers need; `None` lets everybody call.
    pub tokens: Option<crate::token::Config>,
    /// The operators' side, unless it is off.
    pub admin: Option<crate::admin::Config>,
    /// Time that calls in flight get to end once the hub shall stop.
    pub drain: Duration,
    /// Who decides whether a device is what it says it is.
    pub verifier: VerifierChoice,
    /// The control-device runtime; it needs a data folder.
    pub realer: crate::realer::Config,
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
        let (verifier, tokens) = (verify::choice(&raw)?, callers::tokens(&raw.callers, raw.dev)?);
        let tls = tls::config(&raw.tls, raw.listen.mqtt_addr.is_some())?;
        Ok(Self {
            device: device::config(&raw),
            mqtt: mqtt::config(&raw, &tls)?,
            http: http::config(&raw),
            admin: admin::config(&raw),
            verifier,
            tokens,
            tls,
            realer: realer::config(raw.realer, raw.dev),
            backend: backend::config(raw.backend, raw.configurer, raw.file.clone())?,
            hub: hub::Limits {
                ack_timeout: raw.times.ack_timeout,
                max_observations: raw.caps.max_observations,
                max_verifications_per_second: raw.verify.max_verifications_per_second,
                max_events: raw.caps.max_events,
            },
            audit: raw.audit.audit_log.map(|path| audit::Config {
                path,
                max_bytes: raw.audit.audit_max_bytes,
                keep: raw.audit.audit_keep,
            }),
            log: telemetry::Config { filter: raw.log.log_level, format: raw.log.log_format },
            file: raw.file,
            data_dir: raw.data_dir,
            drain: raw.times.drain,
            proxies: TrustedProxies::new(raw.listen.proxy_protocol_from),
        })
    }
}

/// The address that was given; else the port on every interface, or with `--dev` on this machine's own.
fn listen_addr(raw: &RawConfig, given: Option<SocketAddr>, port: u16) -> SocketAddr {
    let host = if raw.dev { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    given.unwrap_or_else(|| SocketAddr::new(IpAddr::V4(host), port))
}
