//! Caller tokens: who a caller is, what it may do, and the keys that vouch for it.
//!
//! Called by the edges that callers reach, with the text of an `Authorization` header; by the commands that make and show
//! tokens. Pure are [`bearer`], [`pattern`], [`grant`], [`jwt`], [`claims`], [`key`], [`key_set`] and [`check`]: the time is an
//! argument. [`cache`], [`sources`] and [`Tokens`] drive them. Knows no HTTP, no device and no socket; what fetches a key set
//! from a URL is a port ([`Fetch`]).

pub mod bearer;
pub mod cache;
pub mod check;
pub mod claims;
pub mod grant;
pub mod jwt;
pub mod key;
pub mod key_set;
pub mod pattern;
pub mod sign;

mod caller;
mod metrics;
mod sources;
mod tokens;

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use caller::{Caller, Identity};
pub use check::{Flaw, Refusal, Verified};
pub use grant::{Lacking, Method, Rights};
pub use key::Algorithm;
pub use metrics::Metrics;
pub use sources::{Fetch, FetchError, Fetching, JwksSource, SourceError};
pub use tokens::{Keeper, Tokens};

/// Which tokens a hub accepts.
#[derive(Debug, Clone)]
pub struct Config {
    /// PEM files with one public key each.
    pub keys: Vec<PathBuf>,
    /// Key sets.
    pub jwks: Vec<JwksSource>,
    /// Algorithms that may be used. A key of another is refused in a file and skipped in a key set.
    pub algorithms: Vec<Algorithm>,
    /// What `iss` must be; `None` does not look at it.
    pub issuer: Option<String>,
    /// What `aud` must contain; `None` does not look at it.
    pub audience: Option<String>,
    /// Time after which key sets are read again.
    pub refresh: Duration,
    /// Most verified tokens that are remembered, so that they need not be verified again.
    pub cached: usize,
}

/// Time since 1970 (UTC): what `exp` and `nbf` count in.
pub fn unix_now() -> Duration {
    // A clock before 1970 knows no time at all; then no token has expired, and every `nbf` lies ahead.
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
