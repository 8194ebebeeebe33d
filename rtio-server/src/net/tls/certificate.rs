//! What the PEM files of a port say, and what is wrong with those that cannot be used.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::config::Files;

/// What a port shows, and whom it trusts.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) key: Arc<CertifiedKey>,
    /// Whose certificates clients must have.
    pub(super) client_roots: Option<Arc<RootCertStore>>,
    pub(super) validity: Validity,
}

/// From when and until when the certificate is good, as seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

/// Why files cannot be used. Each names the file and what should stand in it.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A section of it is damaged.
    #[error("{} is not sound PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// It has no certificate.
    #[error("no certificate in {}; expected PEM with -----BEGIN CERTIFICATE-----", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// It has no key.
    #[error("no private key in {}; expected PEM with -----BEGIN PRIVATE KEY-----, not encrypted", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// What it calls a certificate is none.
    #[error("a certificate in {} cannot be read", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
    },
    /// What it calls a key is none, or of an unknown kind.
    #[error("the private key in {} cannot be used; expected an ECDSA, Ed25519 or RSA key", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The key is that of another certificate.
    #[error("the private key in {} does not belong to the first certificate in {}", key.display(), cert.display())]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        cert: PathBuf,
    },
    /// The certificates of the CA cannot be used for clients.
    #[error("the CA certificates in {} cannot be used", path.display())]
    BadCa {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl Credentials {
    /// Reads the files.
    pub(super) fn read(files: &Files) -> Result<Self, CertificateError> {
        let chain = certificates(&files.cert)?;
        let validity = validity(&chain[0]).ok_or_else(|| bad_certificate(&files.cert))?;
        let key = private_key(&files.key)?;
        let key = aws_lc_rs::sign::any_supported_type(&key)
            .map_err(|source| CertificateError::BadKey { path: files.key.clone(), source })?;
        let key = CertifiedKey::new(chain, key);
        match key.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(CertificateError::Mismatch { key: files.key.clone(), cert: files.cert.clone() });
            }
            Err(_) => return Err(bad_certificate(&files.cert)),
        }
        let client_roots = files.client_ca.as_deref().map(roots).transpose()?.map(Arc::new);
        Ok(Self { key: Arc::new(key), client_roots, validity })
    }
}

impl Validity {
    /// What an operator must know about it at `now`.
    pub(super) const fn complaint(self, now: i64) -> Option<&'static str> {
        if now < self.not_before {
            Some("the certificate is not valid yet, and clients will refuse it")
        } else if now > self.not_after {
            Some("the certificate has expired, and clients will refuse it")
        } else {
            None
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::Read { path: path.to_owned(), source })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    let chain = chain.map_err(|source| CertificateError::Pem { path: path.to_owned(), source })?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate { path: path.to_owned() });
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|source| {
        let path = path.to_owned();
        if matches!(source, pem::Error::NoItemsFound) {
            return CertificateError::NoKey { path };
        }
        CertificateError::Pem { path, source }
    })
}

fn roots(path: &Path) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|source| CertificateError::BadCa { path: path.to_owned(), source })?;
    }
    Ok(roots)
}

fn validity(certificate: &CertificateDer<'_>) -> Option<Validity> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let validity = certificate.validity();
    Some(Validity { not_before: validity.not_before.timestamp(), not_after: validity.not_after.timestamp() })
}

fn bad_certificate(path: &Path) -> CertificateError {
    CertificateError::BadCertificate { path: path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a certificate and its key.
    fn folder() -> (tempfile::TempDir, Files) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let files = Files { cert: folder.path().join("cert.pem"), key: folder.path().join("key.pem"), client_ca: None };
        fs::write(&files.cert, made.cert.pem()).unwrap();
        fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        (folder, files)
    }

    fn complaint(files: &Files) -> String {
        Credentials::read(files).unwrap_err().to_string()
    }

    #[test]
    fn a_certificate_and_its_key_are_taken() {
        let (_folder, files) = folder();
        let credentials = Credentials::read(&files).unwrap();
        assert_eq!(credentials.key.cert.len(), 1);
        assert!(credentials.client_roots.is_none());
        assert_eq!(credentials.validity.complaint(1_800_000_000), None);
    }

    #[test]
    fn what_is_wrong_names_the_file_and_what_was_expected() {
        let (_folder, files) = folder();
        let other = folder();
        let (cert, key) = (files.cert.display().to_string(), files.key.display().to_string());
        let with_key = |key: &Path| Files { key: key.to_owned(), ..files.clone() };
        let with_cert = |cert: &Path| Files { cert: cert.to_owned(), ..files.clone() };
        assert_eq!(
            complaint(&with_cert(&files.key)),
            format!("no certificate in {key}; expected PEM with -----BEGIN CERTIFICATE-----")
        );
        assert_eq!(
            complaint(&with_key(&files.cert)),
            format!("no private key in {cert}; expected PEM with -----BEGIN PRIVATE KEY-----, not encrypted")
        );
        let foreign = other.1.key.display();
        assert_eq!(
            complaint(&with_key(&other.1.key)),
            format!("the private key in {foreign} does not belong to the first certificate in {cert}")
        );
        assert_eq!(complaint(&with_cert(Path::new("/nowhere/cert.pem"))), "cannot read /nowhere/cert.pem");
        let ca = Files { client_ca: Some(files.key.clone()), ..files.clone() };
        assert_eq!(complaint(&ca), format!("no certificate in {key}; expected PEM with -----BEGIN CERTIFICATE-----"));
    }

    #[test]
    fn damaged_files_are_refused_and_named() {
        let (_folder, files) = folder();
        let cert = files.cert.display().to_string();
        let key = files.key.display().to_string();
        let good = fs::read_to_string(&files.key).unwrap();
        for (text, expected) in [
            (good.replace("-----END", "-----ENDE"), format!("{key} is not sound PEM")),
            (
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned(),
                format!("the private key in {key} cannot be used; expected an ECDSA, Ed25519 or RSA key"),
            ),
        ] {
            fs::write(&files.key, text).unwrap();
            assert_eq!(complaint(&files), expected);
        }
        fs::write(&files.cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert_eq!(complaint(&files), format!("a certificate in {cert} cannot be read"));
    }

    #[test]
    fn a_certificate_is_good_from_its_first_to_its_last_second() {
        let validity = Validity { not_before: 100, not_after: 200 };
        for (now, is_good) in [(99, false), (100, true), (200, true), (201, false)] {
            assert_eq!(validity.complaint(now).is_none(), is_good, "{now}");
        }
    }
}
