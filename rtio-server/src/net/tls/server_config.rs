//! What rustls is told for a port.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::{NoServerSessionStorage, ServerConfig, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};

use super::certificate::Credentials;
use super::tickets::{PortTickets, Tickets};

/// A port that may have TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Where devices connect.
    Devices,
    /// Where devices with MQTT connect.
    Mqtt,
    /// Where callers connect.
    Callers,
}

impl Port {
    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Mqtt => "mqtt",
            Self::Callers => "callers",
        }
    }

    /// What ALPN offers, to clients that ask. The protocol of devices has no registered name.
    const fn protocols(self) -> &'static [&'static [u8]] {
        match self {
            Self::Devices => &[],
            Self::Mqtt => &[b"mqtt"],
            Self::Callers => &[b"h2", b"http/1.1"],
        }
    }

    /// Tickets after a handshake of TLS 1.3. A ticket is good for one connection: a device has one at a time, a caller opens
    /// several at once.
    const fn tickets(self) -> usize {
        match self {
            Self::Devices | Self::Mqtt => 1,
            Self::Callers => 2,
        }
    }
}

/// TLS 1.2 and 1.3 with these credentials.
pub(super) fn server_config(port: Port, credentials: &Credentials, tickets: &Arc<Tickets>) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("the provider has suites of both versions");
    let builder = match &credentials.client_roots {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("there are roots, and no revocation lists"))
        }
    };
    let resolver = SingleCertAndKey::from(Arc::clone(&credentials.key));
    let mut config = builder.with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = port.protocols().iter().map(|name| name.to_vec()).collect();
    // The built-in cache has a few hundred entries for the whole port: tickets scale, and they survive a restart.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if credentials.client_roots.is_some() {
        // A session that is taken up again is not asked for its certificate.
        config.send_tls13_tickets = 0;
    } else {
        config.send_tls13_tickets = port.tickets();
        config.ticketer = Arc::new(PortTickets::new(port, Arc::clone(tickets)));
    }
    config
}
