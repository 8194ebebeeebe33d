//! A device service in this process that speaks HTTP/2 over TLS and nothing else, and says to each device what it said.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use rtio_server::backend::{BackendUrl, Form, ServiceDefinition};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::service::{Posted, answer};
use super::tls::{Ca, Issued};

/// Two requests with this as their body are answered when both are there.
pub(crate) const TOGETHER: &[u8] = b"together";

/// A service until this is dropped.
#[derive(Debug)]
pub(crate) struct H2Service {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    posted: Mutex<Vec<Posted>>,
    connections: AtomicUsize,
    together: Barrier,
}

impl H2Service {
    /// One with a certificate of `ca`.
    pub(crate) async fn start(ca: &Ca) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let shared =
            Arc::new(Shared { posted: Mutex::default(), connections: AtomicUsize::new(0), together: Barrier::new(2) });
        let acceptor = TlsAcceptor::from(Arc::new(tls_of(&ca.server())));
        let task = tokio::spawn(accept(listener, acceptor, Arc::clone(&shared)));
        Self { addr, shared, task }
    }

    /// Posts to it in this form, under the default limits.
    pub(crate) fn definition(&self, form: Form) -> ServiceDefinition {
        let url = BackendUrl::parse(&format!("https://localhost:{}/service", self.addr.port())).expect("a URL");
        ServiceDefinition { form, ..ServiceDefinition::new(url) }
    }

    /// What was posted so far.
    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.shared.posted.lock().clone()
    }

    /// Connections so far whose TLS came about.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for H2Service {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn tls_of(issued: &Issued) -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(issued.cert.as_bytes()).expect("PEM");
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).expect("PEM");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions.expect("the provider has suites").with_no_client_auth();
    let mut config = builder.with_single_cert(vec![certificate], key).expect("they belong together");
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            shared.connections.fetch_add(1, Ordering::SeqCst);
            let service = service_fn(|request| answers(request, Arc::clone(&shared)));
            let _ended =
                http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answers(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let text = |value: &hyper::header::HeaderValue| value.to_str().expect("ASCII").to_owned();
    let posted = Posted {
        line: format!("{} {} {:?}", head.method, head.uri.path(), head.version),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.collect().await.expect("a whole request").to_bytes().to_vec(),
    };
    shared.posted.lock().push(posted.clone());
    if posted.body == TOGETHER {
        shared.together.wait().await;
    }
    let is_json = posted.header("content-type") == Some("application/json");
    Ok(Response::new(Full::from(if is_json { answer(&posted, "OK") } else { posted.body })))
}
