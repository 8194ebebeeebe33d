//! The other end of a device connection as bytes: it can do right and wrong things.

use std::net::SocketAddr;

use rtio_proto::header::{FrameCode, FrameKind, Header, encode_frame};
use rtio_proto::limits::{HEADER_BYTES, MAX_BODY_BYTES};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::tls::Wire;
use super::wait::{SILENCE, within};

/// One frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: FrameKind,
    pub(crate) code: FrameCode,
    pub(crate) message_id: u16,
    pub(crate) body: Vec<u8>,
}

impl Frame {
    /// What stands for a frame in an expectation.
    pub(crate) fn new(kind: FrameKind, code: FrameCode, message_id: u16, body: &[u8]) -> Self {
        Self { kind, code, message_id, body: body.to_vec() }
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_BYTES + MAX_BODY_BYTES];
        let len = encode_frame(self.kind, self.code, self.message_id, &[&self.body], &mut bytes);
        bytes.truncate(len.expect("the body fits a frame"));
        bytes
    }
}

/// A connection to the hub's device port.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: Wire,
}

impl Peer {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        let stream = within("a device connection", TcpStream::connect(addr)).await.expect("the device port accepts");
        stream.set_nodelay(true).expect("the option exists");
        Self::over(stream)
    }

    /// One over a connection that exists, with TLS or without.
    pub(crate) fn over(stream: impl Into<Wire>) -> Self {
        Self { stream: stream.into() }
    }

    /// One whose kernel keeps little of what it does not read.
    pub(crate) async fn connect_with_small_buffer(addr: SocketAddr) -> Self {
        Self::over(Self::tcp_with_small_buffer(addr).await)
    }

    /// A connection whose kernel keeps little of what nobody reads.
    pub(crate) async fn tcp_with_small_buffer(addr: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("the option exists");
        within("a device connection", socket.connect(addr)).await.expect("the device port accepts")
    }

    pub(crate) async fn sends(&mut self, bytes: &[u8]) {
        within("room for a device's bytes", self.stream.send(bytes)).await.expect("the connection is open");
    }

    /// Sends what may meet a connection that the hub closes meanwhile.
    pub(crate) async fn tries_to_send(&mut self, bytes: &[u8]) {
        // A reset is what some of those who call this wait for.
        let _ = within("room for a device's bytes", self.stream.send(bytes)).await;
    }

    pub(crate) async fn sends_frame(&mut self, kind: FrameKind, message_id: u16, body: &[u8]) {
        self.sends(&Frame::new(kind, FrameCode::Success, message_id, body).bytes()).await;
    }

    /// The next frame.
    pub(crate) async fn receives(&mut self) -> Frame {
        self.next().await.expect("a frame, not the end")
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        within("a frame for the device", self.wait_for_ever()).await
    }

    /// The next frame, however long it takes; `None` at the end of the connection.
    pub(crate) async fn wait_for_ever(&mut self) -> Option<Frame> {
        let mut raw = [0; HEADER_BYTES];
        self.stream.read_exact(&mut raw).await.ok()?;
        let header = Header::decode(raw).expect("the hub sends sound headers");
        let mut body = vec![0; header.body_bytes.into()];
        self.stream.read_exact(&mut body).await.ok()?;
        Some(Frame { kind: header.kind, code: header.code, message_id: header.raw_message_id, body })
    }

    /// The hub closes the connection and sends nothing before.
    pub(crate) async fn is_closed(&mut self) {
        let mut byte = [0];
        let read = within("the hub closes a device connection", self.stream.read(&mut byte)).await;
        assert!(matches!(read, Ok(0) | Err(_)), "the hub sent {byte:?} instead of closing");
    }

    /// The hub closes the connection; what it said before, which need not be frames.
    pub(crate) async fn tries_to_receive_all(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end as well.
        let _ = within("the hub closes a device connection", self.stream.read_to_end(&mut rest)).await;
        rest
    }

    /// The hub ends the connection as it should be, under TLS with a goodbye; what it said before.
    pub(crate) async fn reads_to_a_clean_end(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = within("the end of a device connection", self.stream.read_to_end(&mut rest)).await;
        read.expect("a clean end");
        rest
    }

    /// TLS' goodbye, without closing the connection.
    pub(crate) async fn says_goodbye(&mut self) {
        let tls = self.stream.tls();
        tls.get_mut().1.send_close_notify();
        within("room for a goodbye", tls.flush()).await.expect("the connection is open");
    }

    /// From the next frame on it encrypts with other keys, and the hub shall, too.
    pub(crate) fn changes_its_keys(&mut self) {
        self.stream.tls().get_mut().1.refresh_traffic_keys().expect("the version can do that");
    }

    /// Sends bytes past TLS.
    pub(crate) async fn sends_past_tls(&mut self, bytes: &[u8]) {
        let sent = self.stream.tls().get_mut().0.write_all(bytes);
        within("room for a device's bytes", sent).await.expect("the connection is open");
    }

    /// Nothing comes for a while, and the connection stays open.
    pub(crate) async fn receives_nothing(&mut self) {
        let mut byte = [0];
        let read = tokio::time::timeout(SILENCE, self.stream.read(&mut byte)).await;
        assert!(read.is_err(), "got {read:?} {byte:?}");
    }

    /// Nothing has come by now, and the connection is open: for a clock that stands still.
    pub(crate) fn has_received_nothing(&self) {
        let read = self.stream.tcp().try_read(&mut [0]);
        assert!(read.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "got {read:?}");
    }

    /// Closes without a goodbye, as a crash does.
    pub(crate) fn resets(self) {
        self.stream.tcp().set_zero_linger().expect("the option exists");
    }
}
