//! stub for C
use std::time::Duration;
pub struct Config {
    pub device: crate::device::Config,
    pub http: crate::http::Config,
    pub drain: Duration,
    pub verifier: VerifierChoice,
}
#[derive(Clone, Copy)]
pub enum VerifierChoice {
    Any,
}
