//! An operator's verifier in this process, over HTTP or HTTPS: it can do right and wrong things.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use rtio_server::hub::DeviceId;
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// The device's secret is the code that it gets; `good` and `secret` are OK.
    Sound,
    Hangs,
    Garbage,
    OtherId,
    Status(u16),
    TenMegabytes,
    Half,
    Closes,
}

/// A verifier until this is dropped.
#[derive(Debug)]
pub(crate) struct FakeVerifier {
    addr: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    style: Mutex<Style>,
    questions: Mutex<Vec<Value>>,
    open: AtomicUsize,
    most_open: AtomicUsize,
    let_go: Notify,
}

impl FakeVerifier {
    pub(crate) async fn start() -> Self {
        Self::serve("http", None).await
    }

    /// Returns the file of the authority to trust, too.
    pub(crate) async fn start_with_tls() -> (Self, NamedTempFile) {
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let ca = NamedTempFile::new().expect("a file");
        std::fs::write(ca.path(), pair.cert.pem()).expect("the file can be written");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let key = rustls_pki_types::PrivateKeyDer::try_from(pair.signing_key.serialize_der()).expect("a key");
        let builder = versions.expect("the versions exist").with_no_client_auth();
        let config = builder.with_single_cert(vec![pair.cert.der().clone()], key).expect("the key fits");
        (Self::serve("https", Some(TlsAcceptor::from(Arc::new(config)))).await, ca)
    }

    async fn serve(scheme: &'static str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            style: Mutex::new(Style::Sound),
            questions: Mutex::default(),
            open: AtomicUsize::new(0),
            most_open: AtomicUsize::new(0),
            let_go: Notify::new(),
        });
        let task = tokio::spawn(accept(listener, tls, Arc::clone(&shared)));
        Self { addr, scheme, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://localhost:{}/verify", self.scheme, self.addr.port())
    }

    /// Answers like this from now on.
    pub(crate) fn becomes(&self, style: Style) {
        *self.shared.style.lock() = style;
    }

    /// Answers the questions that hang.
    pub(crate) fn lets_go(&self) {
        self.shared.let_go.notify_waiters();
    }

    /// What it was asked so far.
    pub(crate) fn questions(&self) -> Vec<Value> {
        self.shared.questions.lock().clone()
    }

    /// Questions that were open at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.most_open.load(Ordering::SeqCst)
    }

    /// Is there no more; where it was.
    pub(crate) fn stops(self) -> String {
        self.url()
    }
}

impl Drop for FakeVerifier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            match tls {
                None => answer_all(stream, &shared).await,
                Some(tls) => answer_all_under_tls(tls.accept(stream).await.ok(), &shared).await,
            }
        });
    }
}

async fn answer_all_under_tls(stream: Option<impl AsyncRead + AsyncWrite + Unpin>, shared: &Shared) {
    if let Some(stream) = stream {
        answer_all(stream, shared).await;
    }
}

async fn answer_all(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    while let Some(question) = read_question(&mut stream).await {
        shared.questions.lock().push(question.clone());
        let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most_open.fetch_max(open, Ordering::SeqCst);
        if *shared.style.lock() == Style::Hangs {
            shared.let_go.notified().await;
        }
        let answer = answer_to(&question, *shared.style.lock());
        shared.open.fetch_sub(1, Ordering::SeqCst);
        if stream.write_all(&answer).await.is_err() || *shared.style.lock() != Style::Sound {
            return;
        }
    }
}

fn answer_to(question: &Value, style: Style) -> Vec<u8> {
    let http = |status: u16, body: &str| format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let id = question["id"].as_u64().expect("a question has a number");
    let ok = format!(r#"{{"id":{id},"code":"OK"}}"#);
    match style {
        Style::Sound | Style::Hangs => {
            let device = question["deviceid"].as_str().expect("a device");
            DeviceId::parse(device).expect("an id that a device can have");
            let code = match question["devicesecret"].as_str().expect("a secret") {
                "good" | "secret" => "OK",
                code => code,
            };
            http(200, &format!(r#"{{"id":{id},"code":"{code}"}}"#))
        }
        Style::Garbage => http(200, "<html>OK</html>"),
        Style::OtherId => http(200, &format!(r#"{{"id":{},"code":"OK"}}"#, id + 1)),
        Style::Status(status) => http(status, &ok),
        Style::TenMegabytes => http(200, &format!("{ok}{}", " ".repeat(10_000_000))),
        Style::Half => format!("HTTP/1.1 200 X\r\ncontent-length: {}\r\n\r\n{}", ok.len(), &ok[..ok.len() - 4]),
        Style::Closes => String::new(),
    }
    .into_bytes()
}

async fn read_question(stream: &mut (impl AsyncRead + Unpin)) -> Option<Value> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let len: usize = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
            if bytes.len() >= end + 4 + len {
                return serde_json::from_slice(&bytes[end + 4..]).ok();
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.ok().filter(|&read| read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    }
}
