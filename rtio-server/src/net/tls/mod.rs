//! TLS of a port: which certificate it shows now, and the handshake, which is bounded in time and in number.
//!
//! Called by the gate. Knows no protocol above TLS but the names that ALPN gives them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Makes aws-lc the cryptography of the process. Called first thing: more than one library looks for the default, and panics
/// where there is none. Doing so again changes nothing.
pub fn install_provider() {
    // The error says that there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// TLS of one port.
#[derive(Debug)]
pub struct Tls {
    /// Handshakes that begin from now on use it; sessions keep what they began with.
    config: ArcSwap<ServerConfig>,
    handshakes: Semaphore,
    handshake_timeout: Duration,
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// What came was no handshake that we accept, or the connection broke.
    #[error("the TLS handshake failed")]
    Failed(#[source] io::Error),
    /// It took too long.
    #[error("no TLS handshake within {} ms", limit.as_millis())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
}

impl Tls {
    /// TLS with `config`, and with at most `max_handshakes` at once; more wait, within their own time limit.
    pub fn new(config: Arc<ServerConfig>, max_handshakes: usize, handshake_timeout: Duration) -> Self {
        let handshakes = Semaphore::new(max_handshakes.min(Semaphore::MAX_PERMITS));
        Self { config: ArcSwap::new(config), handshakes, handshake_timeout }
    }

    /// Uses `config` from the next handshake on.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        self.config.store(config);
    }

    /// The server's side of a handshake.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`].
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn accept(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, HandshakeError> {
        let handshake = async {
            let _permit = self.handshakes.acquire().await.expect("the semaphore is never closed");
            TlsAcceptor::from(self.config.load_full()).accept(stream).await
        };
        match tokio::time::timeout(self.handshake_timeout, handshake).await {
            Ok(done) => done.map_err(HandshakeError::Failed),
            Err(_) => Err(HandshakeError::TimedOut { limit: self.handshake_timeout }),
        }
    }
}
