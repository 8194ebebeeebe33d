//! TLS on TCP: a [`Dial`] that always verifies the hub, by the system's roots or by a CA of one's own, and that may show a
//! client certificate.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::dial::{Dial, Tcp};

/// Connections by TLS 1.2 or 1.3.
///
/// ```no_run
/// use rtio_device_sdk::{Device, Tls};
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let tls = Tls::to("hub.example:17017").ca_file("ca.pem").build()?;
///     let device = Device::builder("PRINTER-001").on_copost("/printer/status", |_request| async { Ok("idle") });
///     device.connect_with(tls)?.run().await?;
///     Ok(())
/// }
/// ```
///
/// There is no way to leave the verification of the hub out. Tickets of the hub are kept and used, so that to connect again
/// costs both ends less.
#[derive(Clone)]
pub struct Tls {
    tcp: Tcp,
    server_name: ServerName<'static>,
    connector: TlsConnector,
}

/// What a [`Tls`] is made of.
#[must_use = "it does nothing until it is built"]
pub struct TlsBuilder {
    address: String,
    server_name: Option<String>,
    /// None: the system's.
    authority: Option<Pem>,
    identity: Option<(Pem, Pem)>,
}

impl Tls {
    /// To `HOST:PORT`. The certificate of the hub must be good for HOST, unless
    /// [`server_name`](TlsBuilder::server_name) says otherwise.
    pub fn to(address: impl Into<String>) -> TlsBuilder {
        TlsBuilder { address: address.into(), server_name: None, authority: None, identity: None }
    }
}

impl TlsBuilder {
    /// Trusts the certificates of this file, in PEM, and no others. Default: those that the system trusts.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.authority = Some(Pem::File(path.into()));
        self
    }

    /// As [`ca_file`](Self::ca_file), with the text of such a file.
    pub fn ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authority = Some(Pem::Text(pem.into()));
        self
    }

    /// Shows a client certificate to a hub that asks for one: its chain and its private key, both in PEM.
    pub fn identity_files(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((Pem::File(certificate.into()), Pem::File(key.into())));
        self
    }

    /// As [`identity_files`](Self::identity_files), with the text of such files.
    pub fn identity_pem(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some((Pem::Text(certificate.into()), Pem::Text(key.into())));
        self
    }

    /// The DNS name or IP address that the hub's certificate must be good for. Default: the host of the address.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Reads the files. Nothing connects yet.
    ///
    /// # Errors
    ///
    /// [`TlsError`] names the file, name or address that is of no use.
    pub fn build(self) -> Result<Tls, TlsError> {
        let server_name = server_name(self.server_name, &self.address)?;
        let roots = match &self.authority {
            None => system_roots()?,
            Some(pem) => roots_of(pem)?,
        };
        let config = client_config(roots)?;
        let config = match &self.identity {
            None => config.with_no_client_auth(),
            Some((chain, key)) => with_identity(config, chain, key)?,
        };
        Ok(Tls { tcp: Tcp::new(self.address), server_name, connector: TlsConnector::from(Arc::new(config)) })
    }
}

impl Dial for Tls {
    type Stream = TlsStream<TcpStream>;

    async fn dial(&self) -> io::Result<Self::Stream> {
        let stream = self.tcp.dial().await?;
        let connected = self.connector.connect(self.server_name.clone(), stream).await;
        connected.map_err(|source| {
            let name = self.server_name.to_str().into_owned();
            io::Error::new(source.kind(), HandshakeFailed { name, source })
        })
    }
}

/// Why TLS cannot be set up. It is always what was given that is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate where one should be, or one that cannot be read.
    #[error("{origin} is no certificate in PEM")]
    NoCertificate {
        /// The file, or what was given instead.
        origin: String,
        /// Why, where something was there.
        source: Option<BadPem>,
    },
    /// There is no private key where one should be.
    #[error("{origin} is no private key in PEM")]
    NoKey {
        /// The file, or what was given instead.
        origin: String,
        /// Why.
        source: BadPem,
    },
    /// A client certificate and its key do not belong together, or are of a kind that is not supported.
    #[error("{origin} cannot be used with its key")]
    Identity {
        /// The file of the certificate, or what was given instead.
        origin: String,
        /// Why.
        source: rustls::Error,
    },
    /// The system has no certificates that it trusts: a CA must be given.
    #[error("the system trusts no certificates")]
    NoSystemRoots,
    /// Neither a DNS name nor an IP address.
    #[error("{name:?} is no name of a server")]
    ServerName {
        /// What was given, or the host of the address.
        name: String,
    },
    /// The cryptography does not fit together, which is our bug.
    #[error("no TLS with this cryptography")]
    Provider(#[source] rustls::Error),
}

/// Why a text is no PEM.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadPem(BadPemCause);

#[derive(Debug, thiserror::Error)]
enum BadPemCause {
    #[error(transparent)]
    Pem(pem::Error),
    #[error(transparent)]
    Certificate(rustls::Error),
}

/// What answers is not the hub that was meant, or does not speak TLS.
#[derive(Debug, thiserror::Error)]
#[error("no TLS session with a server that is {name}")]
struct HandshakeFailed {
    name: String,
    source: io::Error,
}

/// PEM, or where it stands.
enum Pem {
    File(PathBuf),
    Text(Vec<u8>),
}

impl Pem {
    fn read(&self) -> Result<Vec<u8>, TlsError> {
        match self {
            Self::File(path) => std::fs::read(path).map_err(|source| TlsError::File { path: path.clone(), source }),
            Self::Text(text) => Ok(text.clone()),
        }
    }

    fn origin(&self) -> String {
        match self {
            Self::File(path) => Path::display(path).to_string(),
            Self::Text(_) => "the text given".to_owned(),
        }
    }

    /// One certificate at least.
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let failed = |source| TlsError::NoCertificate { origin: self.origin(), source };
        let text = self.read()?;
        let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| failed(Some(BadPem(BadPemCause::Pem(error)))))?;
        if certificates.is_empty() { Err(failed(None)) } else { Ok(certificates) }
    }

    fn key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let failed = |error| TlsError::NoKey { origin: self.origin(), source: BadPem(BadPemCause::Pem(error)) };
        PrivateKeyDer::from_pem_slice(&self.read()?).map_err(failed)
    }
}

fn server_name(given: Option<String>, address: &str) -> Result<ServerName<'static>, TlsError> {
    let host = || address.rsplit_once(':').map_or(address, |(host, _)| host).trim_matches(['[', ']']).to_owned();
    let name = given.unwrap_or_else(host);
    ServerName::try_from(name.clone()).map_err(|_| TlsError::ServerName { name })
}

fn system_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // A few that cannot be read are usual, and no loss.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TlsError::NoSystemRoots) } else { Ok(roots) }
}

fn roots_of(pem: &Pem) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in pem.certificates()? {
        let failed = |error| TlsError::NoCertificate {
            origin: pem.origin(),
            source: Some(BadPem(BadPemCause::Certificate(error))),
        };
        roots.add(certificate).map_err(failed)?;
    }
    Ok(roots)
}

/// The cryptography is named, because a process may have none as its default, or two.
fn client_config(roots: RootCertStore) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().map_err(TlsError::Provider)?;
    Ok(builder.with_root_certificates(roots))
}

fn with_identity(
    config: ConfigBuilder<ClientConfig, WantsClientCert>,
    chain: &Pem,
    key: &Pem,
) -> Result<ClientConfig, TlsError> {
    let config = config.with_client_auth_cert(chain.certificates()?, key.key()?);
    config.map_err(|source| TlsError::Identity { origin: chain.origin(), source })
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("tcp", &self.tcp).field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// Without the key.
impl fmt::Debug for TlsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsBuilder").field("address", &self.address).finish_non_exhaustive()
    }
}
