//! The outside that the hub asks, behind the traits of `hub::ports`.
//!
//! Wired by `app`. Knows no edge.

mod accept_any;
mod client;
mod device_service;
mod key_sets;
mod metrics;
mod trust;
mod url;
mod verifier;

pub use accept_any::AcceptAny;
pub use client::{BackendError, Bounds, Client, Reply};
pub use device_service::{Form, MAX_TIMEOUT, Repeat, ServiceDefinition};
pub use key_sets::KeySets;
pub use metrics::Metrics;
pub use trust::{Trust, TrustError};
pub use url::{BackendUrl, BackendUrlError};
pub use verifier::{HttpVerifier, RandomError, VerifierConfig};

/// What an operator may change about how backends are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whose certificate a backend must show.
    pub trust: Trust,
}
