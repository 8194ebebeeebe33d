//! A caller that speaks HTTP/2: one that does it right, and one as frames, which can do wrong things, too.

use std::future::Future;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;

use super::tls::TlsClient;
use super::wait::within;
use super::{Device, TestHub};

/// A connection of HTTP/2 by the book.
#[derive(Debug)]
pub(crate) struct H2Caller {
    sender: SendRequest<Full<Bytes>>,
    connection: JoinHandle<hyper::Result<()>>,
}

/// An answer, whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct H2Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// An observation as it comes.
#[derive(Debug)]
pub(crate) struct H2Stream {
    body: Incoming,
}

impl H2Caller {
    pub(crate) async fn connect(hub: &TestHub, client: &TlsClient) -> Self {
        Self::connect_with_window(hub, client, 65_535).await
    }

    /// One whose streams may be `window` bytes ahead of what it reads.
    pub(crate) async fn connect_with_window(hub: &TestHub, client: &TlsClient, window: u32) -> Self {
        let stream = client.clone().with_alpn(&[b"h2", b"http/1.1"]).connects(hub.http_addr).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "the hub speaks HTTP/2");
        let mut builder = Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(window).initial_connection_window_size(1 << 20);
        let (sender, connection) =
            within("HTTP/2 begins", builder.handshake(TokioIo::new(stream))).await.expect("the hub agrees");
        Self { sender, connection: tokio::spawn(connection) }
    }

    /// Sends a request; the answer goes on by itself. Dropping it resets the stream.
    pub(crate) fn sends(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + Send + 'static {
        self.sends_with(method, path, &[], body)
    }

    pub(crate) fn sends_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> impl Future<Output = hyper::Result<Response<Incoming>>> + Send + 'static {
        let mut request = Request::builder().method(method).uri(format!("https://localhost{path}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body))).expect("a sound request");
        let mut sender = self.sender.clone();
        async move {
            sender.ready().await?;
            sender.send_request(request).await
        }
    }

    /// `POST` in the direct form, to its end.
    pub(crate) async fn calls(&self, path: &str, data: &[u8]) -> H2Reply {
        whole(self.sends("POST", path, data)).await
    }

    /// The same, while the test does something else.
    pub(crate) fn is_called(&self, path: &str, data: &[u8]) -> JoinHandle<H2Reply> {
        tokio::spawn(whole(self.sends("POST", path, data)))
    }

    /// An observation, and the device's end of it.
    pub(crate) async fn observes(&self, device: &mut Device, path: &str) -> (H2Stream, u16) {
        let head = tokio::spawn(self.sends("GET", path, b""));
        let observer = device.begins_observation().await;
        let head = within("the head of an observation", head).await.expect("no panic").expect("an answer");
        assert_eq!(head.status(), 200);
        (H2Stream { body: head.into_body() }, observer)
    }

    /// `POST` that is answered by a stream.
    pub(crate) async fn streams(&self, path: &str, body: &[u8]) -> H2Stream {
        let head = within("the head of a stream", self.sends("POST", path, body)).await.expect("an answer");
        assert_eq!(head.status(), 200);
        H2Stream { body: head.into_body() }
    }

    /// The hub ends the connection.
    pub(crate) async fn ends(self) {
        let Self { sender, connection } = self;
        // It goes on for as long as somebody may send.
        let _ended = within("the hub ends a connection of HTTP/2", connection).await.expect("no panic");
        assert!(sender.is_closed());
    }
}

/// Waits for the whole of an answer.
pub(crate) async fn whole(answer: impl Future<Output = hyper::Result<Response<Incoming>>>) -> H2Reply {
    let response = within("the head of an answer", answer).await.expect("an answer");
    let status = response.status().as_u16();
    let body = within("the body of an answer", response.into_body().collect()).await.expect("a whole body");
    H2Reply { status, body: body.to_bytes().to_vec() }
}

impl H2Stream {
    /// The next piece; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Option<String> {
        loop {
            let frame = within("a piece of a stream", self.body.frame()).await?.expect("the stream is whole");
            if let Ok(data) = frame.into_data() {
                return Some(String::from_utf8(data.to_vec()).expect("text"));
            }
        }
    }

    /// All that comes to the end.
    pub(crate) async fn rest(mut self) -> String {
        let mut rest = String::new();
        while let Some(piece) = self.piece().await {
            rest += &piece;
        }
        rest
    }
}

/// A connection of HTTP/2 as frames (RFC 9113 §4.1).
#[derive(Debug)]
pub(crate) struct H2Frames {
    stream: TlsStream<TcpStream>,
}

/// One of the hub's frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct H2Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl H2Frames {
    /// A connection over which nothing was said yet.
    pub(crate) async fn silent(hub: &TestHub, client: &TlsClient) -> Self {
        Self { stream: client.clone().with_alpn(&[b"h2"]).connects(hub.http_addr).await }
    }

    /// A connection with its preface.
    pub(crate) async fn connect(hub: &TestHub, client: &TlsClient) -> Self {
        let mut frames = Self::silent(hub, client).await;
        frames.sends(&[PREFACE, &frame(SETTINGS, 0, 0, b"")].concat()).await;
        frames
    }

    pub(crate) async fn sends(&mut self, bytes: &[u8]) {
        assert!(self.tries_to_send(bytes).await, "the connection is open");
    }

    /// Sends what may meet a connection that the hub closes meanwhile; says whether it went out.
    pub(crate) async fn tries_to_send(&mut self, bytes: &[u8]) -> bool {
        let sent = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        within("room for frames", sent).await.is_ok()
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<H2Frame> {
        within("a frame of HTTP/2", async {
            let mut head = [0; 9];
            self.stream.read_exact(&mut head).await.ok()?;
            let [a, b, c, kind, flags, stream @ ..] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
            self.stream.read_exact(&mut payload).await.ok()?;
            Some(H2Frame { kind, flags, stream: u32::from_be_bytes(stream), payload })
        })
        .await
    }

    /// The next frame of a kind; those before it are skipped.
    pub(crate) async fn next_of(&mut self, kind: u8) -> H2Frame {
        loop {
            let frame = self.next().await.expect("a frame, not the end");
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// Answers the hub's PINGs until it has answered the one with `payload`.
    pub(crate) async fn answers_pings_until(&mut self, payload: &[u8]) {
        loop {
            let ping = self.next_of(PING).await;
            if ping.flags & ACK == 0 {
                self.sends(&frame(PING, ACK, 0, &ping.payload)).await;
            } else if ping.payload == payload {
                return;
            }
        }
    }

    /// The hub says goodbye and ends the connection. The error codes that it gave, in their order.
    pub(crate) async fn is_dismissed(&mut self) -> Vec<u32> {
        let mut codes = Vec::new();
        while let Some(frame) = self.next().await {
            if frame.kind == GOAWAY {
                codes.push(u32::from_be_bytes(*frame.payload[4..].first_chunk().expect("an error code")));
            }
        }
        codes
    }
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, len @ ..] = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&len[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The frame of a `POST` without a body (RFC 7541: indexed where the static table has it, else literal).
pub(crate) fn post(stream: u32, path: &str) -> Vec<u8> {
    let text = |index: u8, value: &str| {
        [&[index, u8::try_from(value.len()).expect("a short value")], value.as_bytes()].concat()
    };
    let block = [vec![0x83, 0x87], text(0x04, path), text(0x01, "localhost")].concat();
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

/// The frame that resets a stream (CANCEL).
pub(crate) fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())
}

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
