//! Why a command failed, and with which exit code. Values that clap refuses do not come here: clap names them itself.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use rtio_server::app::BuildError;
use rtio_server::config::ConfigError;
use rtio_server::telemetry::{self, InitError};

use super::call::{GroupFailure, WishError};
use super::certs::CertsError;
use super::config_file::ConfigFileError;
use super::exit::Exit;
use super::hub::{BearerError, TrustError};
use super::problem::Problem;
use super::systemd::SocketsError;
use super::token::TokenError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The flags contradict each other, or do not say enough.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration file is of no use.
    #[error(transparent)]
    ConfigFile(#[from] ConfigFileError),
    /// The service manager gave sockets that are of no use.
    #[error(transparent)]
    Sockets(#[from] SocketsError),
    /// The arguments of a call do not go together.
    #[error(transparent)]
    Call(#[from] WishError),
    /// Logging could not start.
    #[error(transparent)]
    Log(#[from] InitError),
    /// The hub could not be put together, such as when an address is taken.
    #[error("the hub cannot start")]
    Build(#[from] BuildError),
    /// The system refused what every run needs.
    #[error("cannot {step}")]
    System { step: &'static str, source: io::Error },
    /// What shall be sent could not be read.
    #[error("cannot read {path}")]
    Data { path: PathBuf, source: io::Error },
    /// Nobody takes what we print.
    #[error("cannot write to standard output")]
    Output { source: io::Error },
    /// No connection to the hub.
    #[error("the hub at {hub} cannot be reached")]
    Connect { hub: String, source: io::Error },
    /// What answers speaks no TLS, or has no certificate that vouches for it.
    #[error("no TLS session with the hub at {hub}")]
    Handshake { hub: String, source: io::Error },
    /// The hub cannot be verified with what was given.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// There is no token, though one was given.
    #[error(transparent)]
    Bearer(#[from] BearerError),
    /// The hub lets nobody in without a token.
    #[error("the hub wants a token (--token-file, --token or RTIO_TOKEN): {0}")]
    TokenWanted(Problem),
    /// The hub does not take the token.
    #[error("the hub does not take the token: {0}")]
    TokenRefused(Problem),
    /// The token, or whoever has none, may not do this.
    #[error("not allowed: {0}")]
    NotAllowed(Problem),
    /// The connection to the hub broke, or what came is no HTTP.
    #[error("the hub at {hub} did not answer as a hub does")]
    Http { hub: String, source: Box<dyn std::error::Error + Send + Sync> },
    /// The hub took the request and then said nothing.
    #[error("the hub at {hub} did not answer within {}", humantime::format_duration(*.waited))]
    HubSilent { hub: String, waited: Duration },
    /// The hub answered that it did not work out.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The virtual device cannot be put together, or the hub refused it.
    #[error("the device cannot run")]
    Device { exit: Exit, source: Box<dyn std::error::Error + Send + Sync> },
    /// There are no certificates.
    #[error("no certificates were made")]
    Certs(#[source] Box<CertsError>),
    /// The registry of devices, or its folder, is of no use.
    #[error("the registry of devices cannot be used")]
    Registry { source: Box<dyn std::error::Error + Send + Sync> },
    /// The registry of devices does not do it.
    #[error("{text}")]
    Wish { exit: Exit, text: String },
    /// The store was not copied.
    #[error("no backup was made")]
    Backup { source: Box<rtio_server::store::BackupError> },
    /// The store is what it was.
    #[error("nothing was restored")]
    Restore { source: Box<dyn std::error::Error + Send + Sync> },
    /// A hub uses the data folder, and cannot be asked.
    #[error("a hub uses this data folder and has no port for operators (--admin-addr off): give it one, or stop it")]
    HubWithoutAdmin,
    /// There is no key or token, or it is no good.
    #[error(transparent)]
    Token(Box<TokenError>),
    /// The hub did what it could, and it was not all.
    #[error(transparent)]
    Group(#[from] GroupFailure),
    /// A line of an observation, or of a group call, that is not a frame.
    #[error("the hub sent a line that is no frame")]
    Frame { source: serde_json::Error },
    /// The stream ended, but not with a last frame.
    #[error("the hub ended the stream without a last frame")]
    Unfinished,
}

impl Failure {
    /// The registry, or what it stands on, is of no use.
    pub(super) fn registry(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Registry { source: source.into() }
    }

    /// Whether the hub is not there, and may be later.
    pub(super) fn may_pass(&self) -> bool {
        if let Self::Problem(problem) = self {
            return problem.may_pass();
        }
        matches!(self.exit(), Exit::Unreachable | Exit::Timeout)
    }

    /// Says on stderr in one line what went wrong.
    pub(crate) fn report(&self) -> Exit {
        // Nothing is left to do about a terminal that is gone; the exit code is there still.
        drop(writeln!(io::stderr(), "rtio: {}", telemetry::chain(self)));
        self.exit()
    }

    const fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::ConfigFile(_) | Self::Trust(_) | Self::Bearer(_) | Self::Call(_) => Exit::Usage,
            Self::Build(BuildError::ServiceMap(_) | BuildError::Webhooks(_)) => Exit::Usage,
            Self::Group(_) => Exit::NotAll,
            Self::TokenWanted(_) | Self::TokenRefused(_) | Self::NotAllowed(_) => Exit::NotAllowed,
            Self::Log(_)
            | Self::Sockets(_)
            | Self::Build(_)
            | Self::System { .. }
            | Self::Data { .. }
            | Self::Output { .. }
            | Self::Certs(_)
            | Self::Token(_)
            | Self::Frame { .. }
            | Self::Unfinished => Exit::Failed,
            Self::Connect { .. } | Self::Handshake { .. } | Self::Http { .. } => Exit::Unreachable,
            Self::HubSilent { .. } => Exit::Timeout,
            Self::Problem(problem) => problem.exit,
            Self::Device { exit, .. } | Self::Wish { exit, .. } => *exit,
            Self::Registry { .. } | Self::Backup { .. } | Self::Restore { .. } => Exit::Failed,
            Self::HubWithoutAdmin => Exit::Refused,
        }
    }
}
