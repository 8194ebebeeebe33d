//! The certificates themselves: who signs whom, for which names, how long. The one module that knows rcgen. No file and no
//! clock: the time is an argument.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData, SanType, date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, DnsName, ServerName};

use super::super::target::DeviceId;

/// Who signs: a CA's certificate and its key.
pub(super) struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// From when until when a certificate is good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Validity {
    now: SystemTime,
    days: u32,
}

/// What a server is reached by: a DNS name or an IP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host(ServerName<'static>);

impl Authority {
    /// A new CA.
    pub(super) fn generate(validity: Validity) -> Result<Self, IssueError> {
        let mut params = params("rtio throw-away CA", validity);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Self { certificate, issuer: Issuer::new(params, key) })
    }

    /// The CA that was made before, from its PEM.
    pub(super) fn from_pem(certificate: &str, key: &str, now: SystemTime) -> Result<Self, AuthorityError> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|_| AuthorityError::NoCertificate)?;
        let key = KeyPair::from_pem(key).map_err(|_| AuthorityError::NoKey)?;
        check(&der, &key, now)?;
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|_| AuthorityError::NoCertificate)?;
        Ok(Self { certificate: certificate.to_owned(), issuer })
    }

    /// The CA itself.
    pub(super) fn pair(&self) -> Pair {
        Pair { certificate: self.certificate.clone(), key: self.issuer.key().serialize_pem() }
    }

    /// For a server that is reached by these names, of which there is one at least.
    pub(super) fn server(&self, hosts: &[Host], validity: Validity) -> Result<Pair, IssueError> {
        let common_name = hosts.first().map(ToString::to_string).unwrap_or_default();
        let mut params = params(&common_name, validity);
        params.subject_alt_names = hosts.iter().map(Host::alt_name).collect::<Result<_, _>>()?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(params)
    }

    /// For a device: its id is the common name, and a DNS name where it can be one, else a URI.
    pub(super) fn device(&self, id: &DeviceId, validity: Validity) -> Result<Pair, IssueError> {
        let mut params = params(id.as_str(), validity);
        params.subject_alt_names = vec![match DnsName::try_from(id.as_str()) {
            Ok(_) => SanType::DnsName(id.as_str().try_into()?),
            Err(_) => SanType::URI(format!("{DEVICE_URI}{id}").try_into()?),
        }];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params)
    }

    fn sign(&self, mut params: CertificateParams) -> Result<Pair, IssueError> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        Ok(Pair { certificate: params.signed_by(&key, &self.issuer)?.pem(), key: key.serialize_pem() })
    }
}

impl Validity {
    /// From `now`, or rather a little before it, for so many days.
    pub(super) const fn new(now: SystemTime, days: u32) -> Self {
        Self { now, days }
    }
}

impl Host {
    pub(super) fn parse(text: &str) -> Result<Self, HostError> {
        ServerName::try_from(text.to_owned()).map(Self).map_err(|_| HostError)
    }

    /// What a hub on this machine is reached by.
    pub(super) fn of_this_machine() -> Vec<Self> {
        ["localhost", "127.0.0.1", "::1"].into_iter().filter_map(|name| Self::parse(name).ok()).collect()
    }

    fn alt_name(&self) -> Result<SanType, IssueError> {
        let text = self.to_string();
        Ok(match text.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(text.try_into()?),
        })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.to_str())
    }
}

/// Without the key.
impl fmt::Debug for Authority {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Authority(MASKED)")
    }
}

/// Without the key.
impl fmt::Debug for Pair {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pair").field("certificate", &self.certificate).field("key", &"MASKED").finish()
    }
}

/// Neither a DNS name nor an IP address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a DNS name or an IP address, such as hub.example or 192.0.2.7")]
pub(super) struct HostError;

/// A certificate could not be made, though what shall stand in it was checked: the cryptography failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate")]
pub(crate) struct IssueError(#[from] rcgen::Error);

/// Why what lies there is no CA to sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AuthorityError {
    #[error("it is no certificate in PEM")]
    NoCertificate,
    #[error("its key is no private key in PEM")]
    NoKey,
    #[error("its key belongs to another certificate")]
    OtherKey,
    #[error("it may not sign certificates")]
    NoAuthority,
    #[error("it has expired")]
    Expired,
}

fn check(certificate: &CertificateDer<'_>, key: &KeyPair, now: SystemTime) -> Result<(), AuthorityError> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(|_| AuthorityError::NoCertificate)?;
    let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    if parsed.public_key().raw != key.subject_public_key_info() {
        Err(AuthorityError::OtherKey)
    } else if !parsed.is_ca() {
        Err(AuthorityError::NoAuthority)
    } else if u64::try_from(parsed.validity().not_after.timestamp()).is_ok_and(|end| end > since_epoch) {
        Ok(())
    } else {
        Err(AuthorityError::Expired)
    }
}

fn params(common_name: &str, Validity { now, days }: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let now = date_time_ymd(1970, 1, 1) + now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    params.not_before = now - CLOCK_SKEW;
    params.not_after = now + DAY * days;
    params
}

/// In front of a device's id that is no DNS name.
const DEVICE_URI: &str = "urn:rtio:device:";

/// How far a device's clock may be behind ours: a board without a battery is set by hand, to the minute at best.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

const DAY: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests;
