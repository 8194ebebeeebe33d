//! A device against a fake hub over loopback: calls, observations, reports, and the life of its connections.
#![allow(clippy::unwrap_used, reason = "clippy excepts test functions, not what they call")]

mod call;
mod fake_hub;
mod life;
mod observe;
#[cfg(feature = "realer")]
mod realer;
mod report;
mod streams;
#[cfg(feature = "tls")]
mod tls;
