//! A receiver of webhooks in this process: it can take events and do other things.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::eventually;

/// What it does with a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manner {
    /// 200.
    Takes,
    /// 200 with more than anybody wants to read.
    TakesAndTalks,
    Refuses(u16),
    /// 429, and says for how many seconds it wants to be left alone.
    AsksForPause(u64),
    /// Closes the connection.
    Closes,
    /// Says nothing until it does something else.
    Hangs,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    headers: Vec<(String, String)>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) document: Value,
    /// Whether it was answered with 200.
    pub(crate) is_taken: bool,
}

/// A receiver until this is dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    addr: SocketAddr,
    posts: Posts,
    manner: watch::Sender<Manner>,
    task: JoinHandle<()>,
}

type Posts = Arc<Mutex<Vec<Posted>>>;

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let (posts, manner) = (Posts::default(), watch::Sender::new(Manner::Takes));
        let task = tokio::spawn(accept(listener, Arc::clone(&posts), manner.subscribe()));
        Self { addr, posts, manner, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/events", self.addr)
    }

    /// Does this from now on.
    pub(crate) fn becomes(&self, manner: Manner) {
        self.manner.send_replace(manner);
    }

    /// All requests so far.
    pub(crate) fn posts(&self) -> Vec<Posted> {
        self.posts.lock().clone()
    }

    /// Waits until there were `count` requests; the last of them.
    pub(crate) async fn gets(&self, count: usize) -> Posted {
        eventually("the receiver gets posts", || self.posts.lock().len() >= count).await;
        let posts = self.posts();
        assert_eq!(posts.len(), count, "no more than that: {posts:?}");
        posts.into_iter().next_back().expect("a post")
    }

    /// Events that it took, in order.
    pub(crate) fn events(&self) -> Vec<Value> {
        let posts = self.posts();
        let taken = posts.iter().filter(|post| post.is_taken);
        taken.flat_map(|post| post.document["events"].as_array().expect("a list")).cloned().collect()
    }

    /// Waits until it took `expected`, each as `device kind`, and nothing else.
    pub(crate) async fn takes(&self, expected: &[&str]) {
        eventually("the receiver takes events", || self.events().len() >= expected.len()).await;
        assert_eq!(self.told(), expected);
    }

    /// Events that it took, each as `device kind`.
    pub(crate) fn told(&self) -> Vec<String> {
        let text = |event: &Value, key: &str| event[key].as_str().expect("a text").to_owned();
        self.events().iter().map(|event| format!("{} {}", text(event, "device"), text(event, "kind"))).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Posted {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        &found.unwrap_or_else(|| panic!("{name} in {:?}", self.headers)).1
    }
}

async fn accept(listener: TcpListener, posts: Posts, manner: watch::Receiver<Manner>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&posts), manner.clone()));
    }
}

async fn serve(mut stream: TcpStream, posts: Posts, mut manner: watch::Receiver<Manner>) {
    while let Some(mut posted) = read_post(&mut stream).await {
        let first = manner.borrow_and_update().clone();
        posted.is_taken = matches!(first, Manner::Takes | Manner::TakesAndTalks);
        posts.lock().push(posted);
        let answer = match first {
            Manner::Takes => answer(200, "", ""),
            Manner::TakesAndTalks => answer(200, "", &" ".repeat(10_000_000)),
            Manner::Refuses(status) => answer(status, "", ""),
            Manner::AsksForPause(seconds) => answer(429, &format!("retry-after: {seconds}\r\n"), ""),
            Manner::Closes => return,
            // What hung is lost, also to who recovers.
            Manner::Hangs => return drop(manner.changed().await),
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

async fn read_post(stream: &mut TcpStream) -> Option<Posted> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let headers: Vec<_> = head.lines().filter_map(|line| line.split_once(": ")).collect();
            let headers: Vec<_> =
                headers.iter().map(|(name, value)| (name.to_lowercase(), (*value).to_owned())).collect();
            let len: usize = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
            if bytes.len() >= end + 4 + len {
                let bytes = bytes[end + 4..].to_vec();
                let document = serde_json::from_slice(&bytes).expect("a post is JSON");
                return Some(Posted { headers, bytes, document, is_taken: false });
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.ok().filter(|&read| read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
    }
}
