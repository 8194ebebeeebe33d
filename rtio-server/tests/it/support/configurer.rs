//! An operator's configurer in this process, which can do right and wrong things. It is a device service, too: what a device sends
//! comes back behind the path that it was posted to.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use rtio_proto::UriDigest;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// How it answers when it is asked for its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Sound,
    Hangs,
    Garbage,
    OtherId,
    OtherDigest,
    NoDigest,
    Code(&'static str),
    Status(u16),
    Half,
    Closes,
    TooLong,
}

/// A configurer until this is dropped.
#[derive(Debug)]
pub(crate) struct FakeConfigurer {
    addr: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    document: Mutex<String>,
    manner: Mutex<Manner>,
    questions: Mutex<Vec<Value>>,
    let_go: Notify,
}

impl FakeConfigurer {
    /// One whose document is an empty map.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            document: Mutex::new(r#"{"deviceservicemap":{}}"#.to_owned()),
            manner: Mutex::new(Manner::Sound),
            questions: Mutex::default(),
            let_go: Notify::new(),
        });
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { addr, shared, task }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        self.at("/config")
    }

    /// A device service of its own; what is sent to `/hangs` is answered when it [lets go](Self::lets_go).
    pub(crate) fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Has this map from now on.
    pub(crate) fn maps(&self, map: &Value) {
        self.documents(json!({ "deviceservicemap": map, "version": 7 }).to_string());
    }

    /// Has this document from now on.
    pub(crate) fn documents(&self, document: String) {
        *self.shared.document.lock() = document;
    }

    /// Answers like this from now on.
    pub(crate) fn becomes(&self, manner: Manner) {
        *self.shared.manner.lock() = manner;
    }

    /// Answers what hangs.
    pub(crate) fn lets_go(&self) {
        self.shared.let_go.notify_waiters();
    }

    /// What it was asked so far, by the hub and by devices.
    pub(crate) fn questions(&self) -> Vec<Value> {
        self.shared.questions.lock().clone()
    }
}

impl Drop for FakeConfigurer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move { answer_all(stream, &shared).await });
    }
}

async fn answer_all(mut stream: TcpStream, shared: &Shared) {
    while let Some((path, question)) = read_question(&mut stream).await {
        shared.questions.lock().push(question.clone());
        let (answer, is_over) = match question["method"].as_str() {
            Some("getconfig") => shared.configuration(&question).await,
            _ => (shared.service(&path, &question).await, false),
        };
        if stream.write_all(&answer).await.is_err() || is_over {
            return;
        }
    }
}

impl Shared {
    /// The answer, and whether the connection is over after it.
    async fn configuration(&self, question: &Value) -> (Vec<u8>, bool) {
        let manner = *self.manner.lock();
        if manner == Manner::Hangs {
            self.let_go.notified().await;
        }
        let document = self.document.lock().clone();
        let digest = u32::from_be_bytes(UriDigest::of(&document).to_wire());
        let id = question["id"].as_u64().expect("a question has a number");
        let answer = |id: u64, code: &str, digest: u32| {
            json!({"id": id, "code": code, "config": document, "digest": digest}).to_string()
        };
        let sound = answer(id, "OK", digest);
        let bytes = match manner {
            Manner::Sound | Manner::Hangs => http(200, &sound),
            Manner::Garbage => http(200, "<html>OK</html>"),
            Manner::OtherId => http(200, &answer(id + 1, "OK", digest)),
            Manner::OtherDigest => http(200, &answer(id, "OK", !digest)),
            Manner::NoDigest => http(200, &json!({"id": id, "code": "OK", "config": document}).to_string()),
            Manner::Code(code) => http(200, &answer(id, code, digest)),
            Manner::Status(status) => http(status, &sound),
            Manner::Half => http(200, &sound)[..sound.len()].to_vec(),
            Manner::Closes => Vec::new(),
            Manner::TooLong => http(200, &format!("{sound}{}", " ".repeat(32 * 1024 * 1024))),
        };
        (bytes, manner != Manner::Sound)
    }

    async fn service(&self, path: &str, question: &Value) -> Vec<u8> {
        if path == "/hangs" {
            self.let_go.notified().await;
        }
        let data = STANDARD.decode(question["data"].as_str().expect("data")).expect("base64");
        let data = STANDARD.encode([path.as_bytes(), b":", &data].concat());
        http(200, &json!({"id": question["id"], "code": "OK", "data": data}).to_string())
    }
}

fn http(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The path of a request, and the JSON in it.
async fn read_question(stream: &mut TcpStream) -> Option<(String, Value)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let len: usize = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
            if bytes.len() >= end + 4 + len {
                let path = head.split(' ').nth(1)?.to_owned();
                return Some((path, serde_json::from_slice(&bytes[end + 4..]).ok()?));
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.ok().filter(|&read| read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    }
}
