//! What operators see of a service: its URI, who says that it answers it, and how it does.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::UriDigest;

/// One service, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceInfo {
    /// What devices send to.
    pub uri: Arc<str>,
    /// What they send instead of it.
    pub digest: UriDigest,
    /// Who says that it is there.
    pub source: ServiceSource,
    /// What it asks; none where the hub answers by itself.
    pub backend: Option<BackendInfo>,
}

/// Who speaks of a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceSource {
    /// The code of the hub.
    Hub,
    /// The configuration file.
    File,
    /// The configurer.
    Configurer,
}

/// The operator's backend behind a service. URIs whose entries are equal have one, with its limits and its state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendInfo {
    /// Where it is, without what must stay secret.
    pub url: String,
    /// Name of the form that messages have for it.
    pub form: &'static str,
    /// From the device's message to the last byte of the answer.
    pub timeout: Duration,
    /// Most messages that are there at the same time.
    pub max_in_flight: usize,
    /// Whether a message may be posted again after it may have acted on it.
    pub is_idempotent: bool,
    /// Messages that are there now.
    pub in_flight: usize,
    /// Whether it is asked: not for a while, once it did not answer.
    pub answers: bool,
}

impl ServiceSource {
    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hub => "hub",
            Self::File => "file",
            Self::Configurer => "configurer",
        }
    }
}

impl fmt::Display for ServiceSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Hub => "the hub's own",
            Self::File => "of the configuration file",
            Self::Configurer => "of the configurer",
        })
    }
}
