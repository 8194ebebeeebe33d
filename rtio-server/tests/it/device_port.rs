//! The devices' side of a hub for one device, driven by hand: the hub's end of a session on a blocking socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rtio_proto::rest::UriDigest;
use rtio_proto::session::{CallId, CallRequest, HubEvent, HubSession, ObservationId, Refusal, SessionLimits, Verdict};
use rtio_proto::time::Instant;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Where a device may connect.
pub(crate) struct DevicePort(TcpListener);

impl DevicePort {
    pub(crate) fn open() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Takes the device that connects next, and its `id:secret`.
    pub(crate) fn accept(&self) -> (Link, String) {
        Self::verify(Box::new(self.accept_stream()))
    }

    /// As [`accept`](Self::accept), by TLS.
    pub(crate) fn accept_tls(&self, config: Arc<ServerConfig>) -> (Link, String) {
        let session = ServerConnection::new(config).unwrap();
        Self::verify(Box::new(StreamOwned::new(session, self.accept_stream())))
    }

    pub(crate) fn accept_stream(&self) -> TcpStream {
        accept(&self.0)
    }

    fn verify(stream: Box<dyn Stream>) -> (Link, String) {
        let mut link = Link { stream, session: HubSession::new(SessionLimits::default(), NOW) };
        let HubEvent::VerifyRequested { id, secret } = link.event() else { panic!("a device verifies itself first") };
        let secret = String::from_utf8(secret.reveal().to_vec()).unwrap();
        (link, format!("{id}:{secret}"))
    }
}

/// Plain or by TLS.
trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// The hub's end of one connection. Time stands still in it.
pub(crate) struct Link {
    stream: Box<dyn Stream>,
    session: HubSession<(), ()>,
}

impl Link {
    pub(crate) fn answer_verify(&mut self, verdict: Verdict) {
        self.session.answer_verify(NOW, verdict);
        self.send();
    }

    pub(crate) fn call(&mut self, uri: &str, data: &[u8]) -> HubEvent<(), ()> {
        let started: Result<CallId, Refusal> = self.session.start_call(NOW, request(uri, data), ());
        started.unwrap();
        self.event()
    }

    pub(crate) fn observe(&mut self, uri: &str) -> ObservationId {
        self.session.start_observation(NOW, request(uri, b""), ()).unwrap()
    }

    pub(crate) fn grant_frame(&mut self, observation: ObservationId) {
        self.session.grant_frame(observation);
    }

    /// What happens next.
    pub(crate) fn event(&mut self) -> HubEvent<(), ()> {
        loop {
            if let Some(event) = self.session.poll_event() {
                return event;
            }
            self.send();
            // One byte at a time: nothing is left over, and speed is not what this is for.
            let mut byte = [0];
            self.stream.read_exact(&mut byte).unwrap();
            self.session.handle_bytes(NOW, &byte).unwrap();
        }
    }

    fn send(&mut self) {
        while let Some(bytes) = self.session.poll_transmit() {
            self.stream.write_all(&bytes).unwrap();
        }
    }
}

/// Takes the next connection; it, and each read from it, must come in time. A program under test that died never connects.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    set_socket_timeout(listener, Timeout::Recv, Some(PATIENCE)).unwrap();
    let (stream, _) = listener.accept().expect("a connection in time");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn request<'a>(uri: &str, data: &'a [u8]) -> CallRequest<'a> {
    CallRequest { digest: UriDigest::of(uri), data, deadline: NOW.after(PATIENCE) }
}

const NOW: Instant = Instant::START;

/// A device on loopback that has not answered by then never will.
const PATIENCE: Duration = Duration::from_secs(20);
