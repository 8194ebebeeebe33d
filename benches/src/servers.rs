//! The servers that are put under load: the hub, and the bare ones it is compared with.

use crate::error::RunError;
use crate::options::Settings;
use crate::process::ServerProcess;

/// Which server to start. Each measurement starts its own, so that none inherits another's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Hub,
    /// Bare hyper for callers.
    Hyper,
    /// Bare accept, read, write for devices.
    Accept,
}

impl Server {
    pub(crate) async fn start(self, settings: &Settings) -> Result<ServerProcess, RunError> {
        match self {
            Self::Hub => ServerProcess::start(&settings.hub, HUB_ARGS, 2).await,
            Self::Hyper => ServerProcess::start(&settings.own, &["baseline-hyper"], 1).await,
            Self::Accept => ServerProcess::start(&settings.own, &["baseline-accept"], 1).await,
        }
    }
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
