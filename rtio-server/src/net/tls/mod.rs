//! TLS of a port: which certificate it shows now, the tickets by which clients come back cheaply, and the handshake, which is
//! bounded in time and in number.
//!
//! `app` opens it, the gate calls it. Knows no protocol above TLS but the names that ALPN gives them.

mod ports;

mod certificate;
mod changes;
mod config;
mod handshake;
mod identity;
mod key_ring;
mod metrics;
mod server_config;
mod tickets;

pub use certificate::CertificateError;
pub use config::{Config, Files};
pub use handshake::{HandshakeError, Tls};
pub use identity::Identity;
pub use ports::{OpenError, Ports};
pub use server_config::Port;

/// Makes aws-lc the cryptography of the process. Called first thing: more than one library looks for the default, and panics
/// where there is none. Doing so again changes nothing.
pub fn install_provider() {
    // The error says that there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
