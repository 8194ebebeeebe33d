//! What an operator may change about TLS.

use std::path::PathBuf;
use std::time::Duration;

/// What an operator may change about TLS.
#[derive(Debug, Clone)]
pub struct Config {
    /// Of the devices' port; plain TCP without it.
    pub device: Option<Files>,
    /// Of the port for MQTT; plain TCP without it.
    pub mqtt: Option<Files>,
    /// Of the callers' port; plain HTTP without it.
    pub http: Option<Files>,
    /// Most handshakes of a port at once; more wait, within their own time limit.
    pub max_handshakes: usize,
    /// Time that one may take, the wait for its turn included.
    pub handshake_timeout: Duration,
}

/// The PEM files of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The certificate, its own first, then those between it and the CA.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Whose certificates a client must have; any client may come without it.
    pub client_ca: Option<PathBuf>,
}
