//! A device by TLS: it verifies the hub, comes back with a ticket, shows its certificate, and says what is wrong.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rtio_device_sdk::{Builder, Dial, StatusCode, Tls, TlsBuilder, TlsError};
use rtio_proto::session::Verdict;
use rustls::crypto::aws_lc_rs;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use rustls_pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::fake_hub::{HubEnd, Running, device, soon};

/// A CA that signs whatever is asked for.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }

    fn clients(&self) -> Arc<dyn ClientCertVerifier> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        WebPkiClientVerifier::builder_with_provider(self.roots(), provider).build().unwrap()
    }
}

/// Listens on loopback, as 127.0.0.1.
struct TlsHub {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl TlsHub {
    async fn start(authority: &Authority) -> Self {
        Self::start_with(authority, Arc::new(NoClientAuth)).await
    }

    async fn start_with(authority: &Authority, clients: Arc<dyn ClientCertVerifier>) -> Self {
        let (certificate, key) = authority.sign("127.0.0.1");
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(vec![certificate.into()], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)) }
    }

    /// What reaches this hub, and trusts nothing yet but the system.
    fn dial(&self) -> TlsBuilder {
        Tls::to(self.listener.local_addr().unwrap().to_string())
    }

    async fn handshake(&self) -> io::Result<TlsStream<TcpStream>> {
        let (stream, _) = soon(self.listener.accept()).await.unwrap();
        soon(self.acceptor.accept(stream)).await
    }
}

fn run(builder: Builder, tls: TlsBuilder) -> Running {
    Running::of(builder.connect_with(tls.build().unwrap()).unwrap())
}

/// The error with its causes.
fn chain(error: &dyn Error) -> String {
    let causes = error.source().map(chain).unwrap_or_default();
    format!("{error}: {causes}")
}

/// Why a dial comes to nothing.
async fn failure(hub: &TlsHub, tls: TlsBuilder) -> (io::ErrorKind, String) {
    let tls = tls.build().unwrap();
    let (dialled, _) = tokio::join!(soon(tls.dial()), hub.handshake());
    let error = dialled.err().unwrap();
    (error.kind(), chain(&error))
}

#[tokio::test]
async fn a_device_answers_by_tls_and_comes_back_with_a_ticket() {
    let authority = Authority::new();
    let hub = TlsHub::start(&authority).await;
    let builder = device().on_copost("/rainbow", |request| async { Ok(request) });
    let running = run(builder, hub.dial().ca_pem(authority.0.pem()));
    let large = [7; 500];
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
        let stream = hub.handshake().await.unwrap();
        assert_eq!(stream.get_ref().1.handshake_kind(), Some(kind));
        let mut hub_end = HubEnd::verify(stream, Verdict::Accepted).await;
        for _ in 0..3 {
            assert_eq!(hub_end.ask("/rainbow", &large).await, (StatusCode::Ok, large.to_vec()));
        }
        // The connection is cut without a word.
    }
    let mut hub_end = HubEnd::verify(hub.handshake().await.unwrap(), Verdict::Accepted).await;
    running.device.shutdown();
    hub_end.closed().await;
    assert_eq!(soon(running.ended).await.unwrap(), Ok(()));
}

#[tokio::test]
async fn a_hub_that_is_not_trusted_is_refused() {
    let authority = Authority::new();
    let hub = TlsHub::start(&authority).await;
    let stranger = hub.dial().ca_pem(Authority::new().0.pem());
    let (kind, text) = failure(&hub, stranger).await;
    assert_eq!(kind, io::ErrorKind::InvalidData);
    assert!(text.starts_with("no TLS session with a server that is 127.0.0.1: invalid peer certificate: "), "{text}");
    let other_name = hub.dial().ca_pem(authority.0.pem()).server_name("hub.example");
    let (kind, text) = failure(&hub, other_name).await;
    assert_eq!(kind, io::ErrorKind::InvalidData);
    assert!(text.contains("not valid for name \"hub.example\""), "{text}");
    // One that the system trusts is not one of ours.
    if let Ok(tls) = hub.dial().build() {
        let (dialled, _) = tokio::join!(soon(tls.dial()), hub.handshake());
        assert_eq!(dialled.err().map(|error| error.kind()), Some(io::ErrorKind::InvalidData));
    }
}

#[tokio::test]
async fn a_server_without_tls_is_no_hub() {
    use tokio::io::AsyncWriteExt;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = Tls::to(listener.local_addr().unwrap().to_string()).ca_pem(Authority::new().0.pem()).build().unwrap();
    let answer = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    };
    let (dialled, _stream) = tokio::join!(soon(tls.dial()), answer);
    assert_eq!(dialled.err().map(|error| error.kind()), Some(io::ErrorKind::InvalidData));
}

#[tokio::test]
async fn a_hub_that_asks_for_it_gets_the_client_certificate() {
    let authority = Authority::new();
    let hub = TlsHub::start_with(&authority, authority.clients()).await;
    let (certificate, key) = authority.sign("dev");
    let without = run(device(), hub.dial().ca_pem(authority.0.pem()));
    assert!(hub.handshake().await.is_err(), "no certificate, no session");
    without.ended.abort();
    drop(soon(without.ended).await);
    let tls = hub.dial().ca_pem(authority.0.pem()).identity_pem(certificate.pem(), key.serialize_pem());
    let running = run(device(), tls);
    let stream = loop {
        // What the first device has begun may still come in.
        if let Ok(stream) = hub.handshake().await {
            break stream;
        }
    };
    assert_eq!(stream.get_ref().1.peer_certificates().unwrap(), [certificate.der().clone()]);
    let _hub_end = HubEnd::verify(stream, Verdict::Accepted).await;
    soon(running.device.online()).await.unwrap();
}

#[test]
fn what_is_of_no_use_is_named() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (certificate, key) = authority.sign("dev");
    let ca = file("ca.pem", &authority.0.pem());
    let (good, good_key) = (file("dev.pem", &certificate.pem()), file("dev-key.pem", &key.serialize_pem()));
    let other_key = file("other.pem", &KeyPair::generate().unwrap().serialize_pem());
    let empty = file("empty.pem", "");
    let broken = file("broken.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let no_der = file("no-der.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let nowhere = folder.path().join("nowhere.pem");
    let to = || Tls::to("hub.example:17017");
    let name = |path: &std::path::Path| path.display().to_string();
    assert!(to().ca_file(&ca).identity_files(&good, &good_key).build().is_ok());
    let check = |tls: TlsBuilder, expected: &str| {
        let error: TlsError = tls.build().unwrap_err();
        assert!(chain(&error).starts_with(expected), "{} does not begin with {expected}", chain(&error));
    };
    check(to().ca_file(&nowhere), &format!("cannot read {}: No such file", name(&nowhere)));
    for bad in [&empty, &broken, &no_der, &good_key] {
        check(to().ca_file(bad), &format!("{} is no certificate in PEM: ", name(bad)));
    }
    check(to().ca_pem(""), "the text given is no certificate in PEM: ");
    let with = |certificate, key| to().ca_file(&ca).identity_files(certificate, key);
    check(with(&empty, &good_key), &format!("{} is no certificate in PEM", name(&empty)));
    check(with(&good, &good), &format!("{} is no private key in PEM", name(&good)));
    check(with(&good, &other_key), &format!("{} cannot be used with its key: ", name(&good)));
    check(Tls::to("a b:1").ca_file(&ca), "\"a b\" is no name of a server");
    check(to().ca_file(&ca).server_name(""), "\"\" is no name of a server");
    for address in ["[::1]:17017", "127.0.0.1:17017", "localhost:1"] {
        assert!(Tls::to(address).ca_file(&ca).build().is_ok(), "{address}");
    }
}

#[test]
fn a_key_is_never_printed() {
    let (certificate, key) = Authority::new().sign("dev");
    let tls = Tls::to("h:1").ca_pem(certificate.pem()).identity_pem(certificate.pem(), key.serialize_pem());
    let shown = [format!("{tls:?}"), format!("{:?}", tls.build().unwrap())].concat();
    assert!(!shown.contains("PRIVATE") && !shown.contains("45, 45, 45"), "{shown}");
}
