//! `rtio call`, `rtio observe` and `rtio device run` by TLS, with certificates of `rtio certs`: whom they trust, and what they
//! say where they do not. The last test joins them with a hub.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use rtio_proto::StatusCode;
use rtio_proto::session::{CallOutcome, HubEvent, Verdict};
use rustix::process::Signal;
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

use crate::device_port::{DevicePort, accept};
use crate::fake_hub::{STREAM_HEAD, answer, answers_once, answers_once_by_tls};
use crate::program::{Running, rtio, run};

/// A folder that `rtio certs` has filled.
struct Certs(TempDir);

impl Certs {
    /// For a server that is reached by 127.0.0.1, and the device PRINTER-001.
    fn new() -> Self {
        Self::with("--client PRINTER-001")
    }

    fn with(flags: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(run(&mut rtio(&format!("certs --out {} {flags}", folder.path().display()))).0, Some(0));
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn ca(&self) -> String {
        format!("--ca {}", self.path("ca.pem").display())
    }

    fn identity(&self) -> String {
        let name = |name| self.path(name).display().to_string();
        format!("--cert {} --key {}", name("device-PRINTER-001.pem"), name("device-PRINTER-001-key.pem"))
    }

    fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path(name)).unwrap()
    }

    fn server(&self) -> Arc<ServerConfig> {
        self.server_with(Arc::new(rustls::server::NoClientAuth))
    }

    /// One that lets in whom this CA has signed.
    fn server_for_clients(&self) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate("ca.pem")).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        self.server_with(WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap())
    }

    fn server_with(&self, clients: Arc<dyn rustls::server::danger::ClientCertVerifier>) -> Arc<ServerConfig> {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_client_cert_verifier(clients);
        let key = PrivateKeyDer::from_pem_file(self.path("server-key.pem")).unwrap();
        Arc::new(config.with_single_cert(vec![self.certificate("server.pem")], key).unwrap())
    }
}

#[test]
fn a_call_and_an_observation_go_by_https_with_their_token() {
    let certs = Certs::new();
    let (hub, request) = answers_once_by_tls(certs.server(), answer(200, "idle"));
    let got = run(&mut rtio(&format!("call d /uri now --token eyJ.a.b --hub {hub} {}", certs.ca())));
    assert_eq!(got, (Some(0), "idle".to_owned(), String::new()));
    let request = request.join().unwrap().unwrap();
    assert!(request.head.contains("\r\nauthorization: Bearer eyJ.a.b\r\n"), "{}", request.head);
    assert!(request.head.contains(&format!("\r\nhost: {}\r\n", &hub["https://".len()..])), "{}", request.head);
    assert_eq!(request.body, b"now");

    let frames = "{\"code\":\"CONTINUE\",\"data\":\"b25l\"}\n{\"code\":\"TERMINATE\",\"data\":\"\"}\n";
    let (hub, _request) = answers_once_by_tls(certs.server(), format!("{STREAM_HEAD}{frames}"));
    let got = run(&mut rtio(&format!("observe d /uri --hub {hub} {}", certs.ca())));
    assert_eq!(got, (Some(0), "one\n".to_owned(), String::new()));
}

#[test]
fn a_hub_that_is_not_trusted_is_unreachable_and_gets_no_request() {
    let (certs, others) = (Certs::new(), Certs::new());
    let other_name = Certs::with("--host hub.example");
    for (server, ca, cause) in [
        (certs.server(), others.ca(), "invalid peer certificate: "),
        (certs.server(), String::new(), "invalid peer certificate: UnknownIssuer"),
        (
            other_name.server(),
            other_name.ca(),
            "invalid peer certificate: certificate not valid for name \"127.0.0.1\"",
        ),
    ] {
        for command in ["call", "observe"] {
            let (hub, request) = answers_once_by_tls(Arc::clone(&server), answer(200, ""));
            let (code, stdout, stderr) = run(&mut rtio(&format!("{command} d /uri --token s3cret --hub {hub} {ca}")));
            if stderr.contains("this system trusts no CA") {
                assert_eq!(code, Some(64));
                continue;
            }
            assert_eq!((code, stdout.as_str()), (Some(7), ""), "{stderr}");
            assert!(stderr.starts_with(&format!("rtio: no TLS session with the hub at {hub}: {cause}")), "{stderr}");
            assert!(request.join().unwrap().is_none());
        }
    }
}

#[test]
fn a_hub_without_tls_is_unreachable_by_https() {
    let certs = Certs::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hub = format!("https://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut stream = accept(&listener);
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        stream
    });
    let (code, _, stderr) = run(&mut rtio(&format!("call d /uri --hub {hub} {}", certs.ca())));
    assert_eq!(code, Some(7), "{stderr}");
    assert!(stderr.starts_with(&format!("rtio: no TLS session with the hub at {hub}: ")), "{stderr}");
    drop(served.join());
    let (plain, _request) = answers_once(answer(200, ""));
    let (code, _, stderr) = run(&mut rtio(&format!("call d /uri --hub {plain} {}", certs.ca())));
    assert_eq!((code, stderr.as_str()), (Some(64), "rtio: --ca is for a hub with an https URL\n"));
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let certs = Certs::new();
    std::fs::write(certs.path("empty.pem"), "").unwrap();
    let path = |name: &str| certs.path(name).display().to_string();
    for (arguments, said) in [
        (
            format!("call d /u --hub https://h --ca {}", path("no.pem")),
            format!("cannot read the CA of --ca {}: ", path("no.pem")),
        ),
        (
            format!("observe d /u --hub https://h --ca {}", path("empty.pem")),
            format!("the CA of --ca {} is no certificate in PEM\n", path("empty.pem")),
        ),
        (
            format!("device run d --tls --ca {}", path("no.pem")),
            format!("the device cannot run: cannot read {}: ", path("no.pem")),
        ),
        (
            format!("device run d --tls --cert {0} --key {0} {1}", path("server.pem"), certs.ca()),
            format!("the device cannot run: {} is no private key in PEM", path("server.pem")),
        ),
        (
            format!("device run d {}", certs.ca()),
            "the device cannot run: --ca, --cert, --key and --server-name".to_owned(),
        ),
        (
            format!("device run d --tls --cert {}", path("server.pem")),
            "the device cannot run: --cert and --key".to_owned(),
        ),
        (
            "device run d --tls --server-name a:b".to_owned(),
            "the device cannot run: \"a:b\" is no name of a server".to_owned(),
        ),
    ] {
        let (code, stdout, stderr) = run(&mut rtio(&arguments));
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{arguments}: {stderr}");
        assert!(stderr.starts_with(&format!("rtio: {said}")), "{stderr}");
    }
}

#[test]
fn a_device_answers_by_tls_and_shows_its_certificate() {
    let certs = Certs::new();
    let port = DevicePort::open();
    let flags = format!("--tls {} {} --answer /status=idle", certs.ca(), certs.identity());
    let mut device = Running::start(&mut rtio(&format!("device run PRINTER-001 --server {} {flags}", port.addr())));
    let (mut link, who) = port.accept_tls(certs.server_for_clients());
    assert_eq!(who, "PRINTER-001:");
    link.answer_verify(Verdict::Accepted);
    assert_eq!(device.line(), "serving as PRINTER-001\n");
    let outcome = CallOutcome::Answered { status: StatusCode::Ok, data: b"idle".to_vec() };
    assert_eq!(link.call("/status", b"now"), HubEvent::CallDone { token: (), outcome });
    assert_eq!(device.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn a_device_takes_the_name_that_it_is_given_for_the_hubs() {
    let certs = Certs::with("--host hub.example");
    let port = DevicePort::open();
    let flags = format!("--tls {} --server-name hub.example", certs.ca());
    let mut device = Running::start(&mut rtio(&format!("device run d --server {} {flags}", port.addr())));
    let (mut link, _) = port.accept_tls(certs.server());
    link.answer_verify(Verdict::Accepted);
    assert_eq!(device.line(), "serving as d\n");
    assert_eq!(device.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn a_device_that_does_not_trust_the_hub_says_why_and_tries_again() {
    let (certs, others) = (Certs::new(), Certs::new());
    let port = DevicePort::open();
    let flags = format!("--tls {} --log-level warn", others.ca());
    let mut device = Running::start(&mut rtio(&format!("device run d --server {} {flags}", port.addr())));
    for _ in 0..2 {
        let mut session = rustls::ServerConnection::new(certs.server()).unwrap();
        let mut stream = port.accept_stream();
        while session.is_handshaking() && session.complete_io(&mut stream).is_ok() {}
        assert!(session.is_handshaking());
        let line = device.log_line();
        let said = "no TLS session with a server that is 127.0.0.1: invalid peer certificate: ";
        assert!(line.contains("WARN") && line.contains("no connection to the hub") && line.contains(said), "{line}");
    }
    assert_eq!(device.end_by(Signal::INT).0, Some(0));
}

#[test]
fn hub_device_and_caller_meet_by_tls_with_the_certificates_of_one_run() {
    let certs = Certs::new();
    let path = |name: &str| certs.path(name).display().to_string();
    let (cert, key, ca) = (path("server.pem"), path("server-key.pem"), path("ca.pem"));
    let flags = format!(
        "--device-tls-cert {cert} --device-tls-key {key} --device-tls-client-ca {ca} --http-tls-cert {cert} --http-tls-key {key}"
    );
    let addresses = "--device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off";
    let mut serving = Running::start(&mut rtio(&format!("serve --dev {addresses} {flags}")));
    let (devices, hub) = (serving.value_of("devices"), serving.value_of("callers"));
    let server = devices.strip_suffix(" tls").unwrap();
    let flags = format!("--tls {} {} --answer /status=idle", certs.ca(), certs.identity());
    let mut device = Running::start(&mut rtio(&format!("device run PRINTER-001 --server {server} {flags}")));
    assert_eq!(device.line(), "serving as PRINTER-001\n");
    let got = run(&mut rtio(&format!("call PRINTER-001 /status now --hub {hub} {}", certs.ca())));
    assert_eq!(got, (Some(0), "idle".to_owned(), String::new()));
    assert_eq!(device.end_by(Signal::TERM).0, Some(0));
    assert_eq!(serving.end_by(Signal::TERM).0, Some(0));
}
