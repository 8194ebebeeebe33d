//! A caller as bytes over HTTP/1.1: it can pipeline, send slowly, never read, and go away in the middle.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

use super::Reply;
use super::tls::Wire;
use super::wait::{SILENCE, within};

/// A connection to the hub's caller port.
#[derive(Debug)]
pub(crate) struct Caller {
    stream: BufReader<Wire>,
    /// Bytes of a stream that follow the lines which were read.
    pending: Vec<u8>,
}

/// The bytes of a request; `path` may be any target.
pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: hub\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() || method == "POST" {
        head += &format!("content-length: {}\r\n", body.len());
    }
    [head.as_bytes(), b"\r\n", body].concat()
}

impl Caller {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = within("a caller's connection", TcpStream::connect(addr)).await.expect("the port accepts");
        stream.set_nodelay(true).expect("the option exists");
        Self::over(stream)
    }

    /// One over a connection that exists, with TLS or without.
    pub(crate) fn over(stream: impl Into<Wire>) -> Self {
        Self { stream: BufReader::new(stream.into()), pending: Vec::new() }
    }

    /// One whose kernel keeps little of what it does not read.
    pub(crate) async fn connect_with_small_buffer(addr: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("the option exists");
        let stream = within("a caller's connection", socket.connect(addr)).await.expect("the port accepts");
        Self::over(stream)
    }

    pub(crate) async fn sends(&mut self, bytes: &[u8]) {
        within("room for a caller's bytes", self.stream.get_mut().send(bytes)).await.expect("the connection is open");
    }

    /// Sends what may meet a connection that the hub closes meanwhile; says whether it went out.
    pub(crate) async fn tries_to_send(&mut self, bytes: &[u8]) -> bool {
        within("room for a caller's bytes", self.stream.get_mut().send(bytes)).await.is_ok()
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn asks(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.sends(&request(method, path, headers, body)).await;
        self.reply().await
    }

    /// `POST` in the direct form.
    pub(crate) async fn calls(&mut self, path: &str, data: &[u8]) -> Reply {
        self.asks("POST", path, &[], data).await
    }

    /// The next answer, whole.
    pub(crate) async fn reply(&mut self) -> Reply {
        let head = self.head().await;
        self.body_of(head).await
    }

    /// The whole of an answer whose head was read.
    pub(crate) async fn body_of(&mut self, mut reply: Reply) -> Reply {
        if reply.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.chunk().await {
                reply.body.extend(chunk);
            }
        } else {
            let len = reply.header("content-length").map_or(0, |len| len.parse().expect("a number"));
            reply.body = vec![0; len];
            within("the body of an answer", self.stream.read_exact(&mut reply.body)).await.expect("the body is whole");
        }
        reply
    }

    /// The head of the next answer.
    pub(crate) async fn head(&mut self) -> Reply {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = within("the head of an answer", self.stream.read_line(&mut head)).await;
            assert!(read.expect("the connection is open") > 0, "the connection ended after {head:?}");
        }
        Reply::parse(head.trim_end())
    }

    /// The head of the next answer, where the connection may end before.
    pub(crate) async fn tries_to_read_head(&mut self) -> Option<Reply> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = within("the head of an answer", self.stream.read_line(&mut head)).await;
            if !read.is_ok_and(|len| len > 0) {
                return None;
            }
        }
        Some(Reply::parse(head.trim_end()))
    }

    /// The next line of a stream that was begun with [`head`](Self::head); `None` at its end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.pending.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return Some(String::from_utf8(line).expect("text").trim_end().to_owned());
            }
            let chunk = self.chunk().await?;
            self.pending.extend(chunk);
        }
    }

    /// All lines up to the end of a stream.
    pub(crate) async fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        lines
    }

    async fn chunk(&mut self) -> Option<Vec<u8>> {
        within("a chunk", async {
            let mut size = String::new();
            self.stream.read_line(&mut size).await.expect("the connection is open");
            let size = usize::from_str_radix(size.trim(), 16).expect("the size of a chunk");
            let mut chunk = vec![0; size + 2];
            self.stream.read_exact(&mut chunk).await.expect("the chunk is whole");
            chunk.truncate(size);
            (size > 0).then_some(chunk)
        })
        .await
    }

    /// The hub closes the connection; what it said before.
    pub(crate) async fn is_closed(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = within("the hub closes a caller's connection", self.stream.read_to_end(&mut rest)).await;
        rest
    }

    /// Nothing comes for a while, and the connection stays open.
    pub(crate) async fn receives_nothing(&mut self) {
        let mut byte = [0];
        let read = tokio::time::timeout(SILENCE, self.stream.read(&mut byte)).await;
        assert!(read.is_err(), "got {read:?} {byte:?}");
    }

    /// Nothing has come by now, and the connection is open: for a clock that stands still.
    pub(crate) fn has_received_nothing(&self) {
        let read = self.stream.get_ref().tcp().try_read(&mut [0]);
        assert!(read.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "got {read:?}");
    }
}
