//! What an operator says about one device service.

use std::time::Duration;

use super::super::BackendUrl;

/// Where what devices send to a URI goes, and under which limits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServiceDefinition {
    /// Where it is posted.
    pub url: BackendUrl,
    /// As what.
    pub form: Form,
    /// From the device's message to the last byte of the answer; from 10 ms to 5 s (docs/protocol.md §5).
    pub timeout: Duration,
    /// Most posts to the URL at the same time; one more fails at once. From 1 to 65,536.
    pub max_in_flight: usize,
    /// Whether a post may be made again after the service may have acted on it.
    pub repeat: Repeat,
}

/// What a device's message looks like to its service (docs/backends.md §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// The published form: JSON with base64.
    Json,
    /// The bytes as they are, with headers that say whose they are.
    Raw,
}

/// Whether a service may be asked the same twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Repeat {
    /// Only if it cannot have acted on it.
    Never,
    /// It makes no difference to the service.
    Idempotent,
}

impl Form {
    /// The word that operators write for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Raw => "raw",
        }
    }
}

impl ServiceDefinition {
    /// The published form under the default limits.
    pub const fn new(url: BackendUrl) -> Self {
        Self {
            url,
            form: Form::Json,
            timeout: MAX_TIMEOUT,
            max_in_flight: DEFAULT_MAX_IN_FLIGHT,
            repeat: Repeat::Never,
        }
    }
}

/// What a device is promised (docs/protocol.md §5).
pub const MAX_TIMEOUT: Duration = Duration::from_secs(5);

/// As for verifications: with answers within 10 ms that is 25,600 posts a second.
const DEFAULT_MAX_IN_FLIGHT: usize = 256;
