//! A device service in this process: each request is answered as a script says, which can do right and wrong things.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use rtio_server::backend::{BackendUrl, Form, ServiceDefinition};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// One request as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Posted {
    /// Method, path and version.
    pub(crate) line: String,
    pub(super) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// What the service does about a request.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Answers with a status and a body.
    Answers(u16, Vec<u8>),
    /// Answers the JSON form with a code, and with the data that it was sent.
    Echoes(&'static str),
    /// Answers so when the test lets it go.
    Hangs(Box<Self>),
    /// Announces the body and closes after half of it.
    Half(Vec<u8>),
    /// Answers, and closes the connection without having said so.
    AnswersAndCloses(Vec<u8>),
    /// Closes the connection.
    Closes,
}

type Script = Arc<dyn Fn(&Posted) -> Does + Send + Sync>;

/// A service until this is dropped.
#[derive(Debug)]
pub(crate) struct FakeService {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    script: Mutex<Script>,
    posted: Mutex<Vec<Posted>>,
    closed: AtomicUsize,
    let_go: Notify,
}

impl FakeService {
    /// One that does the same about each request.
    pub(crate) async fn that(does: Does) -> Self {
        Self::scripted(move |_| does.clone()).await
    }

    /// One that has a script.
    pub(crate) async fn scripted(script: impl Fn(&Posted) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::serve(listener, Arc::new(script))
    }

    /// One where nobody was.
    pub(crate) async fn at(addr: SocketAddr, does: Does) -> Self {
        let listener = TcpListener::bind(addr).await.expect("the port is still free");
        Self::serve(listener, Arc::new(move |_| does.clone()))
    }

    fn serve(listener: TcpListener, script: Script) -> Self {
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            posted: Mutex::default(),
            closed: AtomicUsize::new(0),
            let_go: Notify::new(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { addr, shared, task }
    }

    /// Posts to it in this form, under the default limits.
    pub(crate) fn definition(&self, form: Form) -> ServiceDefinition {
        definition(self.addr, form)
    }

    /// Does this from now on.
    pub(crate) fn becomes(&self, does: Does) {
        self.follows(move |_| does.clone());
    }

    /// Follows this script from now on.
    pub(crate) fn follows(&self, script: impl Fn(&Posted) -> Does + Send + Sync + 'static) {
        *self.shared.script.lock() = Arc::new(script);
    }

    /// Answers the requests that hang.
    pub(crate) fn lets_go(&self) {
        self.shared.let_go.notify_waiters();
    }

    /// What was posted so far.
    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.shared.posted.lock().clone()
    }

    /// Connections that it closed.
    pub(crate) fn closed(&self) -> usize {
        self.shared.closed.load(Ordering::SeqCst)
    }
}

impl Drop for FakeService {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Shared").field("posted", &self.posted).finish_non_exhaustive()
    }
}

impl Posted {
    /// A header's value, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body of the JSON form.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

/// A service at `addr`, whether there is one or not.
pub(crate) fn definition(addr: SocketAddr, form: Form) -> ServiceDefinition {
    let url = BackendUrl::parse(&format!("http://{addr}/service?from=hub")).expect("a URL");
    ServiceDefinition { form, ..ServiceDefinition::new(url) }
}

/// An address that nobody listens on.
pub(crate) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("an address")
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { answer_all(stream, &shared).await });
    }
}

async fn answer_all(mut stream: TcpStream, shared: &Shared) {
    while let Some(posted) = read_request(&mut stream).await {
        shared.posted.lock().push(posted.clone());
        let script = Arc::clone(&shared.script.lock());
        let mut does = script(&posted);
        if let Does::Hangs(then) = does {
            shared.let_go.notified().await;
            does = *then;
        }
        let goes_on = matches!(does, Does::Answers(..) | Does::Echoes(_));
        if stream.write_all(&bytes_of(&does, &posted)).await.is_err() || !goes_on {
            break;
        }
    }
    drop(stream);
    shared.closed.fetch_add(1, Ordering::SeqCst);
}

fn bytes_of(does: &Does, posted: &Posted) -> Vec<u8> {
    let http = |status: u16, body: &[u8], sent: usize| {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), &body[..sent]].concat()
    };
    match does {
        Does::Answers(204, _) => b"HTTP/1.1 204 X\r\n\r\n".to_vec(),
        Does::Answers(status, body) => http(*status, body, body.len()),
        Does::Echoes(code) => {
            let body = answer(posted, code);
            http(200, &body, body.len())
        }
        Does::Hangs(_) | Does::Closes => Vec::new(),
        Does::Half(body) => http(200, body, body.len() / 2),
        Does::AnswersAndCloses(body) => http(200, body, body.len()),
    }
}

/// The JSON form's answer that says `code` and has the question's data.
pub(crate) fn answer(posted: &Posted, code: &str) -> Vec<u8> {
    let question = posted.json();
    let (id, data) = (&question["id"], question["data"].as_str().expect("data"));
    STANDARD.decode(data).expect("data is base64");
    format!(r#"{{"id":{id},"code":"{code}","data":"{data}"}}"#).into_bytes()
}

async fn read_request(stream: &mut TcpStream) -> Option<Posted> {
    let mut bytes = Vec::new();
    loop {
        if let Some(posted) = whole_request(&bytes) {
            return Some(posted);
        }
        let mut piece = [0; 16 * 1024];
        let read = stream.read(&mut piece).await.ok().filter(|&read| read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    }
}

fn whole_request(bytes: &[u8]) -> Option<Posted> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).expect("a head is ASCII");
    let mut lines = head.lines();
    let line = lines.next().expect("a request has a first line").to_owned();
    let headers: HashMap<_, _> = lines
        .map(|line| line.split_once(": ").expect("a header has a value"))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let len: usize = headers.get("content-length").map_or(0, |len| len.parse().expect("a length"));
    let body = bytes[end + 4..].to_vec();
    (body.len() >= len).then_some(Posted { line, headers, body })
}
