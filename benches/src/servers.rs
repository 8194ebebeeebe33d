//! The servers that are put under load: the hub, and the bare ones it is compared with or that stand behind it.

use std::path::Path;

use crate::backend_server::{HUNG_PATH, JSON_PATH, RAW_PATH};
use crate::credentials::Credentials;
use crate::error::RunError;
use crate::options::Settings;
use crate::process::ServerProcess;

/// Which server to start. Each measurement starts its own, so that none inherits another's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Hub,
    /// The hub with TLS on both ports.
    TlsHub,
    /// The hub with TLS on both ports, and tokens of callers.
    SecureHub,
    /// The hub without its pace of verifications, to see what it could do.
    UnpacedHub,
    /// Bare hyper for callers.
    Hyper,
    /// Bare accept, read, write for devices.
    Accept,
    /// Bare hyper behind the hub: device services, one that never answers among them.
    Backend,
}

impl Server {
    pub(crate) async fn start(self, settings: &Settings) -> Result<ServerProcess, RunError> {
        match self {
            Self::Hub => ServerProcess::start(&settings.hub, HUB_ARGS, 2).await,
            Self::UnpacedHub => {
                let args = [HUB_ARGS, &["--max-verifications-per-second", "1000000"]].concat();
                ServerProcess::start(&settings.hub, &args, 2).await
            }
            Self::TlsHub => start_with(Credentials::certificates(&settings.hub)?, settings).await,
            Self::SecureHub => start_with(Credentials::with_token(&settings.hub)?, settings).await,
            Self::Hyper => ServerProcess::start(&settings.own, &["baseline-hyper"], 1).await,
            Self::Accept => ServerProcess::start(&settings.own, &["baseline-accept"], 1).await,
            Self::Backend => ServerProcess::start(&settings.own, &["baseline-backend"], 1).await,
        }
    }
}

/// A hub whose devices reach `healthy` by the URIs of its two forms, and `hung` by the URI of the service that never answers.
pub(crate) async fn start_hub_before(
    healthy: &ServerProcess,
    hung: &ServerProcess,
    settings: &Settings,
) -> Result<ServerProcess, RunError> {
    let mut map = "[device-services]\n".to_owned();
    for (path, form, backend) in [(JSON_PATH, "json", healthy), (RAW_PATH, "raw", healthy), (HUNG_PATH, "json", hung)] {
        let address = backend.callers()?.address;
        map += &format!("\"{path}\" = {{ url = \"http://{address}{path}\", form = \"{form}\" }}\n");
    }
    let folder = tempfile::tempdir().map_err(RunError::io("make a folder"))?;
    let file = folder.path().join("rtio.toml");
    std::fs::write(&file, map).map_err(RunError::io("write the hub's map of services"))?;
    let file = file.display().to_string();
    let args: Vec<&str> = HUB_ARGS.iter().copied().chain(["--config", &file]).collect();
    let process = ServerProcess::start(&settings.hub, &args, 2).await?;
    Ok(process.with_folder(folder))
}

/// A hub that keeps what it must not forget in this folder.
pub(crate) async fn start_hub_in(folder: &Path, settings: &Settings) -> Result<ServerProcess, RunError> {
    let folder = folder.display().to_string();
    let args: Vec<&str> = HUB_ARGS.iter().copied().chain(["--data-dir", &folder]).collect();
    ServerProcess::start(&settings.hub, &args, 2).await
}

/// The same, which takes devices with MQTT, too. With TLS all its ports have it.
pub(crate) async fn start_mqtt_hub_in(
    folder: &Path,
    tls: bool,
    settings: &Settings,
) -> Result<ServerProcess, RunError> {
    let folder = folder.display().to_string();
    let credentials = if tls { Some(Credentials::certificates(&settings.hub)?) } else { None };
    let flags = credentials.as_ref().map(Credentials::flags).unwrap_or_default();
    let args = HUB_ARGS.iter().copied().chain(MQTT_ARGS.iter().copied()).chain(["--data-dir", &folder]);
    let args: Vec<&str> = args.chain(flags.iter().map(String::as_str)).collect();
    let process = ServerProcess::start(&settings.hub, &args, 3).await?;
    Ok(match credentials {
        None => process,
        Some(credentials) => process.with_credentials(credentials),
    })
}

/// A bare relay of HTTP to `path` of `backend`.
pub(crate) async fn start_relay(
    backend: &ServerProcess,
    path: &str,
    settings: &Settings,
) -> Result<ServerProcess, RunError> {
    let target = format!("http://{}{path}", backend.callers()?.address);
    ServerProcess::start(&settings.own, &["baseline-relay", &target], 1).await
}

async fn start_with(credentials: Credentials, settings: &Settings) -> Result<ServerProcess, RunError> {
    let flags = credentials.flags();
    let args: Vec<&str> = HUB_ARGS.iter().copied().chain(flags.iter().map(String::as_str)).collect();
    let process = ServerProcess::start(&settings.hub, &args, 2).await?;
    Ok(process.with_credentials(credentials))
}

const HUB_ARGS: &[&str] = &[
    "serve",
    "--dev",
    "--device-addr",
    "127.0.0.1:0",
    "--http-addr",
    "127.0.0.1:0",
    "--admin-addr",
    "off",
    "--log-level",
    "warn",
];

/// Devices may publish as often as they like.
const MQTT_ARGS: &[&str] = &["--mqtt-addr", "127.0.0.1:0", "--realer-feed-data-minimum", "0s"];
