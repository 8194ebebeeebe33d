//! Tests: what rustls and a parser make of the certificates.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::UnixTime;

use super::*;

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn now() -> SystemTime {
    NOW + Duration::from_secs(1_800_000_000)
}

fn validity() -> Validity {
    Validity::new(now(), 2)
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn roots(authority: &Authority) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(der(&authority.certificate)).unwrap();
    Arc::new(roots)
}

fn is_server(authority: &Authority, pair: &Pair, name: &str, at: SystemTime) -> bool {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(authority), provider()).build().unwrap();
    let name = ServerName::try_from(name).unwrap();
    let at = UnixTime::since_unix_epoch(at.duration_since(NOW).unwrap());
    verifier.verify_server_cert(&der(&pair.certificate), &[], &name, &[], at).is_ok()
}

fn is_client(authority: &Authority, pair: &Pair) -> bool {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(authority), provider()).build().unwrap();
    let at = UnixTime::since_unix_epoch(now().duration_since(NOW).unwrap());
    verifier.verify_client_cert(&der(&pair.certificate), &[], at).is_ok()
}

#[test]
fn a_server_is_good_for_its_names_and_its_days() {
    let authority = Authority::generate(validity()).unwrap();
    let hosts = ["hub.example", "192.0.2.7", "::1"].map(|host| Host::parse(host).unwrap());
    let pair = authority.server(&hosts, validity()).unwrap();
    for name in ["hub.example", "192.0.2.7", "::1"] {
        assert!(is_server(&authority, &pair, name, now()), "{name}");
    }
    assert!(!is_server(&authority, &pair, "other.example", now()));
    assert!(!is_server(&authority, &pair, "192.0.2.8", now()));
    let (before, after) = (now() - Duration::from_secs(3601), now() + 2 * DAY + Duration::from_secs(1));
    assert!(
        !is_server(&authority, &pair, "hub.example", before) && !is_server(&authority, &pair, "hub.example", after)
    );
    assert!(!is_client(&authority, &pair), "a server is no client");
    assert!(
        !is_server(&Authority::generate(validity()).unwrap(), &pair, "hub.example", now()),
        "another CA of that name"
    );
}

#[test]
fn a_device_has_its_id_as_common_name_and_as_dns_name_or_uri() {
    let authority = Authority::generate(validity()).unwrap();
    for (id, alt_name) in [
        ("PRINTER-001", "DNSName(\"PRINTER-001\")"),
        ("a.b_c", "DNSName(\"a.b_c\")"),
        ("~", "URI(\"urn:rtio:device:~\")"),
        ("1.2", "URI(\"urn:rtio:device:1.2\")"),
        ("a..b", "URI(\"urn:rtio:device:a..b\")"),
    ] {
        let pair = authority.device(&DeviceId::parse(id).unwrap(), validity()).unwrap();
        assert!(is_client(&authority, &pair), "{id}");
        let certificate = der(&pair.certificate);
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).unwrap();
        let common_name = parsed.subject().iter_common_name().next().unwrap().as_str().unwrap();
        let names = parsed.subject_alternative_name().unwrap().unwrap();
        assert_eq!((common_name, format!("{:?}", names.value.general_names)), (id, format!("[{alt_name}]")));
    }
}

#[test]
fn a_ca_that_was_made_before_signs_again() {
    let first = Authority::generate(validity()).unwrap().pair();
    let again = Authority::from_pem(&first.certificate, &first.key, now()).unwrap();
    let pair = again.server(&Host::of_this_machine(), validity()).unwrap();
    assert!(is_server(&again, &pair, "localhost", now()));
    assert_eq!(again.pair().certificate, first.certificate);
}

#[test]
fn what_cannot_sign_is_refused() {
    let authority = Authority::generate(validity()).unwrap();
    let (ca, other) = (authority.pair(), Authority::generate(validity()).unwrap().pair());
    let leaf = authority.server(&Host::of_this_machine(), validity()).unwrap();
    let check = |certificate: &str, key: &str, at, expected| {
        assert_eq!(Authority::from_pem(certificate, key, at).err(), Some(expected));
    };
    check("", &ca.key, now(), AuthorityError::NoCertificate);
    check(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        &ca.key,
        now(),
        AuthorityError::NoCertificate,
    );
    check(&ca.certificate, &ca.certificate, now(), AuthorityError::NoKey);
    check(&ca.certificate, &other.key, now(), AuthorityError::OtherKey);
    check(&leaf.certificate, &leaf.key, now(), AuthorityError::NoAuthority);
    check(&ca.certificate, &ca.key, now() + 2 * DAY, AuthorityError::Expired);
}

#[test]
fn a_host_is_a_dns_name_or_an_address() {
    for bad in ["", "a b", "*.example", "h:443", "[::1]", "http://h"] {
        assert_eq!(Host::parse(bad), Err(HostError), "{bad}");
    }
}

#[test]
fn a_key_is_never_printed() {
    let authority = Authority::generate(validity()).unwrap();
    let shown = format!("{authority:?} {:?}", authority.pair());
    assert!(shown.contains("MASKED") && !shown.contains("PRIVATE"), "{shown}");
}
