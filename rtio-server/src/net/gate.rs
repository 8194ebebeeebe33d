//! What a connection passes between the accept loop and its edge: the TLS handshake, where the port has TLS. It runs in the
//! connection's own task, so that a slow newcomer delays nobody.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::Stream;
use super::tls::{HandshakeError, Identity, Tls};

/// The way into one port.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    tls: Option<Arc<Tls>>,
}

/// A connection that may talk to its edge.
#[derive(Debug)]
pub struct Admitted {
    /// What it is read from and written to.
    pub stream: Stream,
    /// Who is at the other end.
    pub peer: SocketAddr,
    /// Who that is by its certificate, where the port asks for one.
    pub identity: Option<Identity>,
}

/// Why a connection came no further.
#[derive(Debug, thiserror::Error)]
pub enum Turned {
    /// The TLS handshake failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

impl Gate {
    /// A port that speaks TLS, or plain TCP without it.
    pub const fn new(tls: Option<Arc<Tls>>) -> Self {
        Self { tls }
    }

    /// Lets a connection in.
    ///
    /// # Errors
    ///
    /// [`Turned`]; the connection is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn admit(&self, stream: TcpStream, peer: SocketAddr) -> Result<Admitted, Turned> {
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            // Boxed, because a handshake is many times the size of what is kept after it.
            Some(tls) => Stream::Tls(Box::new(Box::pin(tls.accept(stream)).await?)),
        };
        let identity = stream.peer_certificate().map(Identity::of);
        Ok(Admitted { stream, peer, identity })
    }
}
