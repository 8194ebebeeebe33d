//! Which CAs vouch for a hub: those of a file, or those that the system trusts. The verification cannot be left out.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject};
use tokio_rustls::TlsConnector;

/// What makes TLS sessions with hubs that these CAs vouch for; without a file, those of the system.
pub(super) fn connector(ca: Option<&Path>) -> Result<TlsConnector, TrustError> {
    let roots = match ca {
        Some(path) => roots_in(path)?,
        None => system_roots()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(TrustError::Provider)?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Why a hub cannot be verified. It is always what was given that is at fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    #[error("cannot read the CA of --ca {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the CA of --ca {} is no certificate in PEM", path.display())]
    NoPem { path: PathBuf, source: Option<pem::Error> },
    #[error("the CA of --ca {} is no certificate", path.display())]
    NoCertificate { path: PathBuf, source: rustls::Error },
    #[error("this system trusts no CA: name one with --ca")]
    NoSystemRoots,
    #[error("--ca is for a hub with an https URL")]
    PlainUrl,
    #[error("no TLS with this cryptography")]
    Provider(#[source] rustls::Error),
}

fn roots_in(path: &Path) -> Result<RootCertStore, TrustError> {
    let text = std::fs::read(path).map_err(|source| TrustError::File { path: path.to_owned(), source })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let no_pem = |error| TrustError::NoPem { path: path.to_owned(), source: Some(error) };
        let no_certificate = |source| TrustError::NoCertificate { path: path.to_owned(), source };
        roots.add(certificate.map_err(no_pem)?).map_err(no_certificate)?;
    }
    if roots.is_empty() { Err(TrustError::NoPem { path: path.to_owned(), source: None }) } else { Ok(roots) }
}

fn system_roots() -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    // A few that cannot be read are usual, and no loss.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() { Err(TrustError::NoSystemRoots) } else { Ok(roots) }
}
