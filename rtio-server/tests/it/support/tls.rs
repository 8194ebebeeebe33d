//! Certificates that live as long as a test, and clients that trust them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};
use rtio_server::net::tls::Files;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::wait::within;

/// A certificate authority of one test.
pub(crate) struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, as PEM.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = params("a test's CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a certificate") }
    }

    /// Its own certificate, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server's, for localhost and 127.0.0.1.
    pub(crate) fn server(&self) -> Issued {
        self.issues(CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names"))
    }

    /// A server's that expired in 1976.
    pub(crate) fn expired_server(&self) -> Issued {
        let mut params = CertificateParams::new(["localhost".to_owned()]).expect("names");
        params.not_after = rcgen::date_time_ymd(1976, 1, 1);
        self.issues(params)
    }

    /// A client's, by its common name and by what else names it.
    pub(crate) fn client(&self, common_name: &str, others: Vec<SanType>) -> Issued {
        let mut params = params(common_name);
        params.subject_alt_names = others;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.issues(params)
    }

    fn issues(&self, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Issued { cert: certificate.pem(), key: key.serialize_pem() }
    }

    /// A client that trusts this CA.
    pub(crate) fn trusted(&self) -> TlsClient {
        self.trusted_over(rustls::ALL_VERSIONS)
    }

    /// A client that trusts this CA and speaks these versions only.
    pub(crate) fn trusted_over(&self, versions: &[&'static SupportedProtocolVersion]) -> TlsClient {
        TlsClient { config: Arc::new(self.builder(versions).with_no_client_auth()) }
    }

    /// A client that trusts this CA and shows a certificate, which may be of another.
    pub(crate) fn trusted_by(&self, client: &Issued) -> TlsClient {
        let certificate = CertificateDer::from_pem_slice(client.cert.as_bytes()).expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes()).expect("PEM");
        let config = self.builder(rustls::ALL_VERSIONS).with_client_auth_cert(vec![certificate], key);
        TlsClient { config: Arc::new(config.expect("they belong together")) }
    }

    fn builder(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a sound certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
        builder.expect("the provider has suites").with_root_certificates(roots)
    }
}

fn params(common_name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

/// How a client does TLS. Clones share what they remember of sessions.
#[derive(Debug, Clone)]
pub(crate) struct TlsClient {
    pub(crate) config: Arc<ClientConfig>,
}

impl TlsClient {
    pub(crate) fn with_alpn(self, protocols: &[&[u8]]) -> Self {
        let mut config = (*self.config).clone();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Self { config: Arc::new(config) }
    }

    /// It shakes hands in full each time.
    pub(crate) fn without_resumption(self) -> Self {
        let mut config = (*self.config).clone();
        config.resumption = Resumption::disabled();
        Self { config: Arc::new(config) }
    }

    /// A connection whose handshake is done.
    pub(crate) async fn connects(&self, addr: SocketAddr) -> TlsStream<TcpStream> {
        self.tries_to_connect(addr).await.expect("the handshake succeeds")
    }

    pub(crate) async fn tries_to_connect(&self, addr: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = within("a connection", TcpStream::connect(addr)).await.expect("the port accepts");
        stream.set_nodelay(true).expect("the option exists");
        self.shakes_hands(stream).await
    }

    /// A connection whose client sends `bytes` together with the end of the handshake.
    pub(crate) async fn connects_saying(&self, addr: SocketAddr, bytes: &[u8]) -> TlsStream<TcpStream> {
        let stream = within("a connection", TcpStream::connect(addr)).await.expect("the port accepts");
        stream.set_nodelay(true).expect("the option exists");
        let name = ServerName::try_from("localhost").expect("a name");
        let connector = TlsConnector::from(Arc::clone(&self.config));
        // What is written before the end waits for it, and then goes out in one piece with it.
        let say = |connection: &mut rustls::ClientConnection| {
            std::io::Write::write_all(&mut connection.writer(), bytes).expect("rustls keeps it");
        };
        within("a TLS handshake", connector.connect_with(name, stream, say)).await.expect("the handshake succeeds")
    }

    pub(crate) async fn shakes_hands(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").expect("a name");
        within("a TLS handshake", TlsConnector::from(Arc::clone(&self.config)).connect(name, stream)).await
    }
}

/// The files of a port with TLS, in a folder that goes away with the test.
#[derive(Debug)]
pub(crate) struct PortFiles {
    folder: TempDir,
}

impl PortFiles {
    pub(crate) fn new(issued: &Issued) -> Self {
        let files = Self { folder: tempfile::tempdir().expect("a folder") };
        files.hold(issued);
        files
    }

    /// From now on they are these.
    pub(crate) fn hold(&self, issued: &Issued) {
        self.write("cert.pem", &issued.cert);
        self.write("key.pem", &issued.key);
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the folder can be written");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whether `certificate` is the first one.
    pub(crate) fn holds(&self, certificate: &[u8]) -> bool {
        CertificateDer::from_pem_file(self.path("cert.pem")).is_ok_and(|own| own.as_ref() == certificate)
    }

    pub(crate) fn config(&self) -> Files {
        Files { cert: self.path("cert.pem"), key: self.path("key.pem"), client_ca: None }
    }

    pub(crate) fn config_with_client_ca(&self, ca: &Ca) -> Files {
        self.write("ca.pem", &ca.pem());
        Files { client_ca: Some(self.path("ca.pem")), ..self.config() }
    }
}

/// What a peer or a caller is read from and written to.
#[derive(Debug)]
pub(crate) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Sends all of it.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.write_all(bytes).await?;
        self.flush().await
    }

    /// The TLS that there must be.
    pub(crate) fn tls(&mut self) -> &mut TlsStream<TcpStream> {
        match self {
            Self::Plain(_) => panic!("the connection is not under TLS"),
            Self::Tls(stream) => stream,
        }
    }

    /// The connection below.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl From<TcpStream> for Wire {
    fn from(stream: TcpStream) -> Self {
        Self::Plain(stream)
    }
}

impl From<TlsStream<TcpStream>> for Wire {
    fn from(stream: TlsStream<TcpStream>) -> Self {
        Self::Tls(Box::new(stream))
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
