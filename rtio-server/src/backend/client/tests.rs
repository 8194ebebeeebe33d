//! The client against small servers in this process, over TCP and TLS.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;

const BOUNDS: Bounds = Bounds { time: Duration::from_secs(10), max_bytes: 1000 };

/// A certificate for `localhost`, and the authority to trust for it.
struct Identity {
    dir: TempDir,
    config: Arc<rustls::ServerConfig>,
}

impl Identity {
    fn make(alpn: &[&[u8]]) -> Self {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), pair.cert.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let key = rustls_pki_types::PrivateKeyDer::try_from(pair.signing_key.serialize_der()).unwrap();
        let certificate = pair.cert.der().clone();
        let mut config = builder.unwrap().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        Self { dir, config: Arc::new(config) }
    }

    fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }
}

/// Serves each connection with `act`; the port.
async fn serves<F: Future<Output = ()> + Send + 'static>(act: impl Fn(TcpStream) -> F + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(act(stream));
        }
    });
    port
}

/// Reads one request, sends `answer` and closes.
async fn answer_once(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: Vec<u8>) -> String {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).await.unwrap_or(0);
        if read == 0 {
            return String::new();
        }
        request.extend_from_slice(&piece[..read]);
    }
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
    String::from_utf8(request).unwrap()
}

async fn says_its_version(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from(format!("{:?}", request.version()))))
}

async fn serves_http(answer: &[u8]) -> u16 {
    let answer = answer.to_vec();
    serves(move |stream| {
        let answer = answer.clone();
        async move { drop(answer_once(stream, answer).await) }
    })
    .await
}

async fn serves_https(identity: &Identity) -> u16 {
    let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
    serves(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                answer_once(stream, answer.to_vec()).await;
            }
        }
    })
    .await
}

fn url(text: &str) -> BackendUrl {
    BackendUrl::parse(text).unwrap()
}

async fn get_from(port: u16, bounds: Bounds) -> Result<Bytes, BackendError> {
    let client = Client::new(Trust::System).unwrap();
    client.get(&url(&format!("http://127.0.0.1:{port}/keys")), bounds).await
}

#[tokio::test]
async fn the_answers_body_comes_back() {
    let port = serves_http(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await;
    assert_eq!(get_from(port, BOUNDS).await.unwrap(), "hello");
}

#[tokio::test]
async fn a_post_says_that_it_is_json() {
    let (sender, mut requests) = tokio::sync::mpsc::channel(1);
    let port = serves(move |stream| {
        let sender = sender.clone();
        async move {
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
            sender.send(answer_once(stream, answer).await).await.unwrap();
        }
    })
    .await;
    let client = Client::new(Trust::System).unwrap();
    client.post_json(&url(&format!("http://127.0.0.1:{port}/v?x=1")), b"{}".to_vec(), BOUNDS).await.unwrap();
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("POST /v?x=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n") && request.contains("content-length: 2\r\n"));
}

#[tokio::test]
async fn connections_are_kept_for_the_next_request() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let port = serves(move |stream| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let builder = hyper::server::conn::http1::Builder::new();
            let _ = builder.serve_connection(TokioIo::new(stream), service_fn(says_its_version)).await;
        }
    })
    .await;
    let client = Client::new(Trust::System).unwrap();
    for _ in 0..5 {
        let answer = client.get(&url(&format!("http://127.0.0.1:{port}")), BOUNDS).await;
        assert_eq!(answer.unwrap(), "HTTP/1.1");
        tokio::task::yield_now().await;
    }
    assert!(count.load(Ordering::SeqCst) < 5);
}

#[tokio::test]
async fn a_body_may_have_as_many_bytes_as_its_cap_and_no_more() {
    for (len, fits) in [(1000, true), (1001, false), (10_000_000, false)] {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {len}\r\n\r\n");
        let port = serves_http(&[head.as_bytes(), &vec![b'x'; len]].concat()).await;
        match get_from(port, BOUNDS).await {
            Ok(body) => assert!(fits && body.len() == len),
            Err(error) => assert!(!fits && matches!(error, BackendError::TooLong { max_bytes: 1000 }), "{error:?}"),
        }
    }
}

#[tokio::test]
async fn each_failure_says_what_it_is() {
    let broken = "the backend's answer is broken";
    for (answer, expected) in [
        ("HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n", "the backend answered with HTTP status 500"),
        ("HTTP/1.1 302 X\r\nlocation: http://a/\r\n\r\n", "the backend answered with HTTP status 302"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", broken),
        ("SSH-2.0-x\r\n", broken),
        ("", broken),
    ] {
        let error = get_from(serves_http(answer.as_bytes()).await, BOUNDS).await.unwrap_err();
        assert_eq!(error.to_string(), expected, "{answer:?}");
    }
}

#[tokio::test]
async fn a_port_that_nobody_serves_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    assert!(matches!(get_from(port, BOUNDS).await.unwrap_err(), BackendError::Unreachable(_)));
}

#[tokio::test]
async fn the_time_limit_counts_head_and_body() {
    let bounds = Bounds { time: Duration::from_millis(100), ..BOUNDS };
    for sent in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let port = serves(move |mut stream| async move {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(sent.as_bytes()).await;
            std::future::pending::<()>().await;
        })
        .await;
        let error = get_from(port, bounds).await.unwrap_err();
        assert!(matches!(error, BackendError::TimedOut { limit } if limit == bounds.time), "{error:?}");
    }
}

#[tokio::test]
async fn a_certificate_must_be_of_a_trusted_authority_and_for_this_host() {
    let (identity, other) = (Identity::make(&[b"http/1.1"]), Identity::make(&[]));
    let port = serves_https(&identity).await;
    let get = async |trust, host: &str| {
        let client = Client::new(trust).unwrap();
        client.get(&url(&format!("https://{host}:{port}/")), BOUNDS).await
    };
    assert_eq!(get(Trust::CaFile(identity.ca()), "localhost").await.unwrap(), "ok");
    assert_eq!(get(Trust::Anyone, "localhost").await.unwrap(), "ok");
    for (trust, host) in [
        (Trust::System, "localhost"),
        (Trust::CaFile(other.ca()), "localhost"),
        (Trust::CaFile(identity.ca()), "127.0.0.1"),
    ] {
        let error = get(trust.clone(), host).await.unwrap_err();
        assert!(matches!(error, BackendError::Tls(_)), "{trust:?} {host}: {error:?}");
    }
}

#[tokio::test]
async fn http_2_is_spoken_where_the_backend_does() {
    let identity = Identity::make(&[b"h2", b"http/1.1"]);
    let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
    let port = serves(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(stream, service_fn(says_its_version)).await;
        }
    })
    .await;
    let client = Client::new(Trust::CaFile(identity.ca())).unwrap();
    let answer = client.get(&url(&format!("https://localhost:{port}/")), BOUNDS).await;
    assert_eq!(answer.unwrap(), "HTTP/2.0");
}

#[tokio::test]
async fn a_connection_of_http_2_that_went_silent_is_given_up_and_the_next_request_makes_a_new_one() {
    let identity = Identity::make(&[b"h2"]);
    let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
    let (accepted, silence) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
    let (count, silenced) = (Arc::clone(&accepted), Arc::clone(&silence));
    let port = serves(move |stream| {
        let (acceptor, silenced) = (acceptor.clone(), Arc::clone(&silenced));
        count.fetch_add(1, Ordering::SeqCst);
        async move {
            let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let mut serving = std::pin::pin!(builder.serve_connection(stream, service_fn(says_its_version)));
            tokio::select! {
                _ = &mut serving => {}
                // It stays open, but nobody reads or writes any more.
                () = silenced.notified() => std::future::pending().await,
            }
        }
    })
    .await;
    let client = Client::new(Trust::CaFile(identity.ca())).unwrap();
    let url = url(&format!("https://localhost:{port}/"));
    assert_eq!(client.get(&url, BOUNDS).await.unwrap(), "HTTP/2.0");
    silence.notify_waiters();
    tokio::task::yield_now().await;

    // One request follows the other, so that the connection is never idle for long enough to be closed for that.
    tokio::time::pause();
    let bounds = Bounds { time: Duration::from_millis(800), ..BOUNDS };
    let began = tokio::time::Instant::now();
    let given_up = loop {
        match client.get(&url, bounds).await {
            Err(BackendError::TimedOut { .. }) => assert!(began.elapsed() < BOUNDS.time, "it is kept"),
            other => break other,
        }
    };
    assert!(matches!(given_up, Err(BackendError::Broken(_))), "{given_up:?}");
    assert!(began.elapsed() > PING_TIMEOUT, "{:?}", began.elapsed());
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
    tokio::time::resume();
    assert_eq!(client.get(&url, BOUNDS).await.unwrap(), "HTTP/2.0");
    assert_eq!(accepted.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn authorities_are_read_again_and_broken_ones_change_nothing() {
    let (identity, other) = (Identity::make(&[]), Identity::make(&[]));
    let port = serves_https(&identity).await;
    let target = url(&format!("https://localhost:{port}/"));
    let client = Client::new(Trust::CaFile(other.ca())).unwrap();
    assert!(matches!(client.get(&target, BOUNDS).await.unwrap_err(), BackendError::Tls(_)));
    std::fs::copy(identity.ca(), other.ca()).unwrap();
    client.reload().unwrap();
    assert_eq!(client.get(&target, BOUNDS).await.unwrap(), "ok");
    std::fs::write(other.ca(), "").unwrap();
    client.reload().unwrap_err();
    assert_eq!(client.get(&target, BOUNDS).await.unwrap(), "ok");
}
