//! What a connection passes between the accept loop and its edge: the PROXY header of a trusted proxy, the cap of its peer, a
//! look at the first byte, the TLS handshake. Each only where the port has it. It runs in the connection's own task, so that a
//! slow newcomer delays nobody.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::Stream;
use super::metrics::PortMetrics;
use super::notice::Notice;
use super::peers::{Peers, Seat, TooMany};
use super::proxy::{self, ProxyError, TrustedProxies};
use super::tls::{HandshakeError, Identity, Tls};

/// The way into one port.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    proxies: Arc<TrustedProxies>,
    peers: Option<Arc<Peers>>,
    tls: Option<Arc<Tls>>,
    metrics: Option<PortMetrics>,
    notice: Arc<Notice>,
}

/// A connection that may talk to its edge.
#[derive(Debug)]
pub struct Admitted {
    /// What it is read from and written to.
    pub stream: Stream,
    /// Who is at the other end, behind whatever proxy.
    pub peer: SocketAddr,
    /// Who that is by its certificate, where the port asks for one.
    pub identity: Option<Identity>,
    /// Counts the connection among those of its peer until it is dropped.
    pub seat: Option<Seat>,
}

/// Why a connection came no further.
#[derive(Debug, thiserror::Error)]
pub enum Turned {
    /// A trusted proxy did not say whose connection it is.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Its peer has too many.
    #[error(transparent)]
    PerPeer(#[from] TooMany),
    /// The port speaks TLS, and what came does not. The edge may say so in what it would speak inside.
    #[error("the port speaks TLS, the peer does not")]
    NotTls(Box<TcpStream>),
    /// The TLS handshake failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
}

impl Turned {
    /// The cause, as metrics name it.
    pub const fn cause(&self) -> &'static str {
        match self {
            Self::Proxy(_) => "proxy_header",
            Self::PerPeer(_) => "per_peer",
            Self::NotTls(_) => "not_tls",
            Self::Handshake(_) => "tls_handshake",
        }
    }
}

impl Gate {
    /// A port that speaks TLS, or plain TCP without it.
    pub fn new(tls: Option<Arc<Tls>>) -> Self {
        Self { tls, ..Self::default() }
    }

    /// Believes the PROXY headers of `proxies`, and lets none of them in without one.
    #[must_use]
    pub fn behind(mut self, proxies: &TrustedProxies) -> Self {
        self.proxies = Arc::new(proxies.clone());
        self
    }

    /// Lets each peer have `max` connections.
    #[must_use]
    pub fn with_max_per_peer(mut self, max: u32) -> Self {
        self.peers = Some(Peers::new(max));
        self
    }

    /// Counts who is refused.
    #[must_use]
    pub fn counted(mut self, metrics: PortMetrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Lets a connection in.
    ///
    /// # Errors
    ///
    /// [`Turned`]; it is counted and, at most once a second, logged. The connection is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn admit(&self, stream: TcpStream, peer: SocketAddr) -> Result<Admitted, Turned> {
        let mut peer = peer;
        let admitted = self.pass(stream, &mut peer).await;
        match admitted {
            Ok((stream, seat)) => {
                let identity = stream.peer_certificate().map(Identity::of);
                Ok(Admitted { stream, peer, identity, seat })
            }
            Err(turned) => {
                self.report(peer, &turned);
                Err(turned)
            }
        }
    }

    async fn pass(&self, mut stream: TcpStream, peer: &mut SocketAddr) -> Result<(Stream, Option<Seat>), Turned> {
        if self.proxies.contains(peer.ip()) {
            // Boxed, like the handshake, because it is many times the size of what is kept after it.
            if let Some(source) = Box::pin(proxy::read_header(&mut stream)).await? {
                *peer = source;
            }
        }
        let seat = self.peers.as_ref().map(|peers| peers.enter(peer.ip())).transpose()?;
        let stream = match &self.tls {
            None => Stream::Plain(stream),
            Some(tls) => Stream::Tls(Box::new(Box::pin(shake_hands(tls, stream)).await?)),
        };
        Ok((stream, seat))
    }

    fn report(&self, peer: SocketAddr, turned: &Turned) {
        let port = self.metrics.as_ref().map_or("", PortMetrics::name);
        if let Some(metrics) = &self.metrics {
            metrics.refused(turned.cause());
        }
        match turned {
            // The internet's daily noise, and proxies that look whether the port is open.
            Turned::Handshake(_) | Turned::Proxy(ProxyError::Broken(_)) => {
                tracing::debug!(port, %peer, error = %turned, "connection turned away");
            }
            Turned::Proxy(_) | Turned::PerPeer(_) | Turned::NotTls(_) => {
                if let Some(left_out) = self.notice.due() {
                    tracing::warn!(port, %peer, error = %turned, left_out, "connection turned away");
                }
            }
        }
    }
}

/// The handshake, once the peer has begun one. One that says nothing holds no place among the handshakes.
async fn shake_hands(tls: &Tls, stream: TcpStream) -> Result<tokio_rustls::server::TlsStream<TcpStream>, Turned> {
    let limit = tls.handshake_timeout();
    match tokio::time::timeout(limit, begins_handshake(&stream)).await {
        Ok(Ok(true)) => Ok(tls.accept(stream).await?),
        Ok(Ok(false)) => Err(Turned::NotTls(Box::new(stream))),
        Ok(Err(error)) => Err(tls.failed(error).into()),
        Err(_) => Err(tls.timed_out().into()),
    }
}

/// Whether the first byte is that of a TLS record with a handshake. Takes nothing from the stream.
async fn begins_handshake(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(first[0] == HANDSHAKE_RECORD),
    }
}

/// RFC 8446 §5.1.
const HANDSHAKE_RECORD: u8 = 22;
