//! The outside that the hub asks, behind the traits of `hub::ports`.
//!
//! Wired by `app`. Knows no edge.

mod accept_any;
mod breaker;
mod client;
mod device_service;
mod key_sets;
mod metrics;
mod service_map;
mod signature;
mod signing_key;
mod table;
mod trust;
mod url;
mod verifier;
mod webhooks;

use std::path::PathBuf;

use hyper::header::HeaderName;

pub use accept_any::AcceptAny;
pub use client::{BackendError, Bounds, Client, Reply};
pub use device_service::{Form, HttpDeviceService, MAX_TIMEOUT, Repeat, ServiceDefinition, ServiceMetrics, Target};
pub use key_sets::KeySets;
pub use metrics::Metrics;
pub use service_map::{ConfigurerConfig, MapConfig, MapError, MapKeeper, MapMetrics, Surroundings};
pub use signature::{MalformedKeys, SigningKeys};
pub use signing_key::{Signer, SigningKeyError};
pub use table::TableError;
pub use trust::{Trust, TrustError};
pub use url::{BackendUrl, BackendUrlError};
pub use verifier::{HttpVerifier, RandomError, VerifierConfig};
pub use webhooks::Webhooks;

/// Whose message a post is. Signed where it is there.
const DEVICE_ID: HeaderName = HeaderName::from_static("rtio-device-id");

/// To which URI the device sent it. Signed where it is there.
const URI: HeaderName = HeaderName::from_static("rtio-uri");

/// The same for each time that one thing is posted, and for nothing else. Signed where it is there.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What an operator may change about how backends are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whose certificate a backend must show.
    pub trust: Trust,
    /// Who answers what devices send.
    pub service_map: MapConfig,
    /// The file with the keys that posts are signed with, instead of the one in the data folder.
    pub signing_key_file: Option<PathBuf>,
}
