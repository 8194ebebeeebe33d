//! Who a client is by the certificate that it showed: rustls verifies a certificate, but does not read its names.

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The names that a trusted CA has given to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    names: Box<[Box<str>]>,
}

impl Identity {
    /// Who shows this certificate, which was verified before. One that cannot be read has no name.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Self {
        let names = match X509Certificate::from_der(certificate) {
            Ok((_, certificate)) => names_in(&certificate).into_iter().map(Into::into).collect(),
            Err(_) => Box::default(),
        };
        Self { names }
    }

    /// Whether the certificate names the device `id`: byte by byte, as its common name, as a DNS name, or as the URI
    /// `urn:rtio:device:` and the id.
    pub fn names(&self, id: &str) -> bool {
        self.names.iter().any(|name| **name == *id)
    }

    /// All names, for a log.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(AsRef::as_ref)
    }
}

fn names_in<'a>(certificate: &'a X509Certificate<'_>) -> Vec<&'a str> {
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let mut names: Vec<&str> = common.collect();
    if let Ok(Some(extension)) = certificate.subject_alternative_name() {
        names.extend(extension.value.general_names.iter().filter_map(name_of));
    }
    names
}

fn name_of<'a>(name: &'a GeneralName<'_>) -> Option<&'a str> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds name no device")]
    match name {
        GeneralName::DNSName(name) => Some(name),
        GeneralName::URI(uri) => uri.strip_prefix(DEVICE_URN),
        _ => None,
    }
}

/// What a URI that names a device begins with. A device id cannot be a URI by itself, because it has no colon.
const DEVICE_URN: &str = "urn:rtio:device:";

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn identity(common_name: Option<&str>, others: Vec<SanType>) -> Identity {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.subject_alt_names = others;
        Identity::of(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der())
    }

    fn uri(text: &str) -> SanType {
        SanType::URI(text.try_into().unwrap())
    }

    fn dns(text: &str) -> SanType {
        SanType::DnsName(text.try_into().unwrap())
    }

    #[test]
    fn a_device_is_named_by_common_name_dns_name_or_urn() {
        let check = |common_name, others: Vec<SanType>, id, expected| {
            assert_eq!(identity(common_name, others).names(id), expected, "{common_name:?} {id}");
        };
        check(Some("PRINTER-001"), vec![], "PRINTER-001", true);
        check(Some("PRINTER-001"), vec![], "printer-001", false);
        check(Some("PRINTER-001"), vec![], "PRINTER-00", false);
        check(None, vec![dns("PRINTER-001")], "PRINTER-001", true);
        check(None, vec![uri("urn:rtio:device:PRINTER-001")], "PRINTER-001", true);
        check(None, vec![uri("https://example.org/PRINTER-001")], "PRINTER-001", false);
        check(Some("gateway"), vec![dns("a"), dns("b")], "b", true);
        check(Some("*"), vec![dns("*.example.org")], "a.example.org", false);
        check(None, vec![], "", false);
    }

    #[test]
    fn what_cannot_be_read_names_nobody() {
        assert_eq!(Identity::of(&CertificateDer::from(vec![1, 2, 3])).all().count(), 0);
    }
}
