//! A caller's `Idempotency-Key`: a call that is made again with its key gets the first answer, and the device is not asked again
//! (docs/caller-http.md §6).
//!
//! Called by `call.rs` once the caller may do what it asks for. Pure and tested without a socket are `key.rs` (the header),
//! `scope.rs` (which key of whom, for which request) and `memory.rs` (what is remembered, with the clock as an argument). `keys.rs` is
//! that memory as all callers share it; `once.rs` makes the call.

mod key;
mod keys;
mod memory;
mod metrics;
mod once;
mod scope;

use std::time::Duration;

use hyper::header::HeaderName;

use crate::hub::{Answered, CallError};

pub use metrics::KeyMetrics;

pub(super) use key::{IDEMPOTENCY_KEY, Key, KeyError};
pub(super) use keys::Keys;
pub(super) use once::{Answer, Keyed, Source, once};
pub(super) use scope::Wish;

/// What an operator may change about keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyConfig {
    /// How long an outcome is remembered, counted from when it was known.
    pub window: Duration,
    /// Most keys that are remembered; 0 takes no notice of keys.
    pub max_keys: usize,
}

/// What came of a call.
type Outcome = Result<Answered, CallError>;

/// Says that the answer is an earlier call's: `true`, and else it is not there.
pub(super) const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
