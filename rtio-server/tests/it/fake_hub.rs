//! A hub that answers one request with fixed bytes, to see what the commands make of them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::device_port::accept;

/// Head and body of the one request.
pub(crate) struct Request {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

/// Answers the first request with `answer`, then closes. Returns its URL and what will be the request.
pub(crate) fn answers_once(answer: impl Into<Vec<u8>>) -> (String, JoinHandle<Request>) {
    let answer = answer.into();
    let (url, request) = serves(move |stream, request| {
        stream.write_all(&answer).unwrap();
        request
    });
    (url, request)
}

/// Hands the first connection to `act`, once its request is read.
pub(crate) fn serves<T: Send + 'static>(
    act: impl FnOnce(&mut TcpStream, Request) -> T + Send + 'static,
) -> (String, JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut stream = accept(&listener);
        let request = read_request(&mut stream);
        act(&mut stream, request)
    });
    (url, served)
}

/// As [`answers_once`], by TLS. The request is none where the handshake comes to nothing.
pub(crate) fn answers_once_by_tls(
    config: Arc<ServerConfig>,
    answer: impl Into<Vec<u8>>,
) -> (String, JoinHandle<Option<Request>>) {
    let answer = answer.into();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut stream = accept(&listener);
        let mut session = ServerConnection::new(config).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut stream).ok()?;
        }
        let mut stream = StreamOwned::new(session, stream);
        let request = read_request(&mut stream);
        stream.write_all(&answer).unwrap();
        stream.conn.send_close_notify();
        stream.flush().unwrap();
        Some(request)
    });
    (url, served)
}

/// A whole HTTP answer.
pub(crate) fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// The head of an answer whose body ends with the connection.
pub(crate) const STREAM_HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n";

fn read_request(stream: impl Read) -> Request {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "the request ended in its head: {head:?}");
    }
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |it| it.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Request { head, body }
}
