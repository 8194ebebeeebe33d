//! Whose certificate a backend must show. Read from files when the client is built, and again when it is reloaded.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

/// Whom the hub believes that it talks to a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Authorities that the system trusts.
    System,
    /// The authorities in this PEM file, and no others.
    CaFile(PathBuf),
    /// Anybody: whoever stands in between reads and changes everything.
    Anyone,
}

/// Nobody could be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("cannot read the authorities in {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What stands in the file is no certificate.
    #[error("{} is no PEM file of certificates", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// A certificate in the file is of no use.
    #[error("a certificate in {} is of no use", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in {}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl Trust {
    /// TLS of a client that trusts these.
    pub(super) fn client_config(&self) -> Result<ClientConfig, TrustError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("the provider knows both versions");
        let builder = match self {
            Self::System => builder.with_root_certificates(system_roots()),
            Self::CaFile(path) => builder.with_root_certificates(roots_of(path)?),
            Self::Anyone => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
        };
        Ok(builder.with_no_client_auth())
    }
}

/// Certificates that cannot be read are passed over: systems ship odd ones, and what matters is whether the backend's own
/// authority is there, which its handshake says.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "a part of the system's authorities cannot be read");
    }
    roots.add_parsable_certificates(found.certs);
    roots
}

fn roots_of(path: &Path) -> Result<RootCertStore, TrustError> {
    let path = || path.to_owned();
    let text = std::fs::read(path()).map_err(|source| TrustError::Unreadable { path: path(), source })?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|source| TrustError::Malformed { path: path(), source })?;
        roots.add(certificate).map_err(|source| TrustError::Unusable { path: path(), source })?;
    }
    if roots.is_empty() { Err(TrustError::Empty { path: path() }) } else { Ok(roots) }
}

/// Takes every certificate. Signatures are checked all the same, so that a broken peer is still noticed.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, text).unwrap();
        let error = Trust::CaFile(path.clone()).client_config().unwrap_err();
        assert_eq!(error.to_string(), expected.replace("FILE", &path.display().to_string()));
    }

    #[test]
    fn a_file_without_a_sound_certificate_is_refused_by_its_name() {
        check("", "there is no certificate in FILE");
        check("-----BEGIN CERTIFICATE-----\nAAAA\n", "FILE is no PEM file of certificates");
        check("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "a certificate in FILE is of no use");
        let error = Trust::CaFile("/nowhere/ca.pem".into()).client_config().unwrap_err();
        assert_eq!(error.to_string(), "cannot read the authorities in /nowhere/ca.pem");
    }
}
