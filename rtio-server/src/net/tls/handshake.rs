//! The handshake: off the accept loop, and bounded in time and in number.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::metrics::PortMetrics;

/// TLS of one port.
#[derive(Debug)]
pub struct Tls {
    /// Handshakes that begin from now on use it; sessions keep what they began with.
    config: ArcSwap<ServerConfig>,
    handshakes: Semaphore,
    handshake_timeout: Duration,
    metrics: PortMetrics,
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

/// How many handshakes a port does at once, and how long one may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) max_handshakes: usize,
    pub(super) handshake_timeout: Duration,
}

impl Tls {
    /// TLS with `config`, within `bounds`.
    pub(super) fn new(config: Arc<ServerConfig>, bounds: Bounds, metrics: PortMetrics) -> Self {
        let handshakes = Semaphore::new(bounds.max_handshakes.min(Semaphore::MAX_PERMITS));
        Self { config: ArcSwap::new(config), handshakes, handshake_timeout: bounds.handshake_timeout, metrics }
    }

    /// Uses `config` from the next handshake on.
    pub(super) fn replace(&self, config: Arc<ServerConfig>) {
        self.config.store(config);
    }

    pub(super) const fn metrics(&self) -> &PortMetrics {
        &self.metrics
    }

    /// How long a handshake may take.
    pub const fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }

    /// Counts a handshake that broke off, and says so.
    pub(in crate::net) fn failed(&self, error: io::Error) -> HandshakeError {
        self.metrics.handshakes_failed.inc();
        HandshakeError::Failed(error)
    }

    /// Counts a handshake that took too long, and says so.
    pub(in crate::net) fn timed_out(&self) -> HandshakeError {
        self.metrics.handshakes_timed_out.inc();
        HandshakeError::TimedOut { limit: self.handshake_timeout }
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
            Ok(Ok(stream)) => {
                self.metrics.handshakes_done.inc();
                Ok(stream)
            }
            Ok(Err(error)) => Err(self.failed(error)),
            Err(_) => Err(self.timed_out()),
        }
    }
}
