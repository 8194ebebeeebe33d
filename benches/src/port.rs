//! A port of a server: where it is, and what it takes to speak with it. The one place of the load that knows TLS.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Where to connect, and how.
#[derive(Clone)]
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    /// For a port that speaks TLS.
    tls: Option<TlsConnector>,
    /// A whole header field with its line end; empty for a port that wants no token.
    pub(crate) authorization: Arc<str>,
}

/// A connection, plain or not.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Port {
    /// By TLS, with who trusts this CA.
    pub(crate) fn with_tls(self, trust: &TlsConnector) -> Self {
        Self { tls: Some(trust.clone()), ..self }
    }

    /// With a token in each request.
    pub(crate) fn with_token(self, token: &str) -> Self {
        Self { authorization: format!("Authorization: Bearer {token}\r\n").into(), ..self }
    }

    /// A connection of a caller.
    pub(crate) async fn connect(&self) -> io::Result<Stream> {
        self.secure(TcpStream::connect(self.address).await?).await
    }

    /// A connection of the device with this index; the index says from which address.
    pub(crate) async fn connect_device(&self, index: u64) -> io::Result<Stream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(source_address(index))?;
        self.secure(socket.connect(self.address).await?).await
    }

    /// What becomes of a connection that is just made: ready for bytes of ours.
    async fn secure(&self, stream: TcpStream) -> io::Result<Stream> {
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Stream::Plain(stream)),
            Some(tls) => {
                let name = ServerName::IpAddress(self.address.ip().into());
                Ok(Stream::Tls(Box::new(tls.connect(name, stream).await?)))
            }
        }
    }
}

impl From<SocketAddr> for Port {
    fn from(address: SocketAddr) -> Self {
        Self { address, tls: None, authorization: "".into() }
    }
}

/// Trusts the CA in this file. Every session is a new one: a ticket would make handshakes cheaper than those of strangers.
pub(crate) fn trust(ca: &Path) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(ca).map_err(io::Error::other)?;
    roots.add(certificate).map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(io::Error::other)?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// Spread over many, because one has 28,000 ports towards one server, and closed connections keep theirs for a minute.
fn source_address(index: u64) -> SocketAddr {
    let low = u8::try_from(index % SOURCE_ADDRESSES).expect("less than 256 of them");
    SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, 1 + low), 0).into()
}

const SOURCE_ADDRESSES: u64 = 64;
