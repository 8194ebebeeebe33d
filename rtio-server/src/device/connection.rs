//! The task of one device connection: socket → session → hub. It reads, and ends with the connection; who has something to
//! send writes himself, through the link.
//!
//! An idle connection owns no buffer: it waits for the socket, then reads into one that its thread lends to all.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rtio_proto::session::CloseReason;
use rtio_proto::{MessageId, StatusCode};
use rustix::net::Shutdown;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::OwnedSemaphorePermit;

use super::link::{Link, Report, Request};
use super::transport::Transport;
use super::{Devices, outcome, span, verification};
use crate::hub::{DeviceId, DeviceLink, Presence, ReportAnswer, post};
use crate::net::peers::Seat;
use crate::net::{Admitted, Stream};

/// A connection whose device was let in, or was not. It holds what lasts, and nothing that only the beginning needed: there may be a
/// million of them.
pub(super) struct Begun {
    reader: OwnedReadHalf,
    link: Arc<Link>,
    /// `None` where the device was not let in.
    presence: Option<Presence>,
    /// Counts the connection among those of its peer.
    _seat: Option<Seat>,
}

/// Waits for the device to verify itself.
pub(super) async fn begin(devices: Arc<Devices>, admitted: Admitted, unverified: OwnedSemaphorePermit) -> Begun {
    let Admitted { stream, peer, identity, seat } = admitted;
    let (socket, transport) = take_apart(stream);
    let (mut reader, writer) = socket.into_split();
    let link = Arc::new(Link::new(devices, peer, writer, transport));
    let presence = verification::run(&mut reader, &link, identity, unverified).await;
    Begun { reader, link, presence, _seat: seat }
}

impl Begun {
    /// Serves the device, if it was let in, until its session is closed.
    pub(super) async fn serve(&mut self) {
        if let Some(presence) = &self.presence {
            poll_fn(|cx| poll_serve(cx, &mut self.reader, &self.link, presence.device())).await;
        }
    }

    /// The end: the device is offline, and a last answer arrives.
    pub(super) async fn finish(mut self) {
        let device = self.presence.take().map(|presence| presence.device().clone());
        finish(self.reader, &self.link, device).await;
    }
}

/// The socket, and what lies between it and the session.
fn take_apart(stream: Stream) -> (TcpStream, Transport) {
    match stream {
        Stream::Plain(socket) => (socket, Transport::Plain),
        Stream::Tls(stream) => {
            let (socket, connection) = stream.into_inner();
            (socket, Transport::tls(connection))
        }
    }
}

/// Serves a verified device until its session is closed.
fn poll_serve(cx: &mut Context<'_>, reader: &mut OwnedReadHalf, link: &Arc<Link>, device: &DeviceId) -> Poll<()> {
    loop {
        for request in ready!(poll_requests(cx, reader, link)) {
            match request {
                Request::Report(report) => answer(link, device, report),
                Request::Verify { .. } => unreachable!("a verified session answers a second verification itself"),
            }
        }
        if link.is_closed() {
            return Poll::Ready(());
        }
    }
}

/// Reads and feeds the session until something for this task comes of it, or the session is closed.
pub(super) fn poll_requests(cx: &mut Context<'_>, reader: &mut OwnedReadHalf, link: &Link) -> Poll<Vec<Request>> {
    loop {
        let situation = link.situation(cx);
        if situation.closed {
            return Poll::Ready(Vec::new());
        }
        if situation.blocked && link.poll_flush(cx).is_ready() {
            continue;
        }
        if !situation.wants_bytes {
            // Woken by the socket when it has room, or by the one who is writing.
            return Poll::Pending;
        }
        let requests = ready!(poll_read(cx, reader, link));
        if !requests.is_empty() {
            return Poll::Ready(requests);
        }
    }
}

/// Reads once and feeds what came.
fn poll_read(cx: &mut Context<'_>, reader: &mut OwnedReadHalf, link: &Link) -> Poll<Vec<Request>> {
    READ_BUFFER.with_borrow_mut(|buffer| {
        let mut read = ReadBuf::new(buffer);
        let result = ready!(Pin::new(reader).poll_read(cx, &mut read));
        if let Err(error) = &result {
            link.end(outcome::of_broken(error));
            return Poll::Ready(Vec::new());
        }
        if read.filled().is_empty() {
            link.end(CloseReason::PeerGone);
            return Poll::Ready(Vec::new());
        }
        Poll::Ready(link.handle_bytes(read.filled()))
    })
}

/// Answers a device's CoPOST: at once if nobody serves the URI, else from a task of its own, so that a slow service delays
/// nothing else of the device. The session caps how many there are.
fn answer(link: &Arc<Link>, device: &DeviceId, report: Report) {
    let Some(service) = link.devices().hub.service(report.digest) else {
        link.answer_report(report.message_id, &ReportAnswer::empty(StatusCode::NotFound));
        return;
    };
    let device = device.clone();
    let owed = OwedAnswer { link: Arc::clone(link), message_id: report.message_id, answer: FAILED };
    tokio::spawn(async move {
        let mut owed = owed;
        let link = Arc::clone(&owed.link);
        owed.answer = post(service, &device, &*link, report.data).await;
    });
}

/// A report's answer, given when this is dropped, so that a service that panics has failed and keeps nobody's place.
struct OwedAnswer {
    link: Arc<Link>,
    message_id: MessageId,
    answer: ReportAnswer,
}

impl Drop for OwedAnswer {
    fn drop(&mut self) {
        self.link.answer_report(self.message_id, &self.answer);
    }
}

/// What a device gets unless its service has answered.
const FAILED: ReportAnswer = ReportAnswer::empty(StatusCode::InternalError);

/// The end: says why, and sees to it that a last answer arrives.
async fn finish(mut reader: OwnedReadHalf, link: &Link, device: Option<DeviceId>) {
    let Some(reason) = link.close_reason() else { return };
    link.devices().hub.metrics().session_ended(reason.name());
    match reason {
        CloseReason::Protocol(error) => {
            span::of(link.peer(), device.as_ref()).in_scope(|| tracing::warn!(%error, "device broke the protocol"))
        }
        CloseReason::VerifyTimeout
        | CloseReason::Refused(_)
        | CloseReason::VerifiedTwice
        | CloseReason::Silent
        | CloseReason::Replaced
        | CloseReason::Disconnected
        | CloseReason::Revoked
        | CloseReason::Shutdown
        | CloseReason::PeerGone
        | CloseReason::Vanished => span::at_debug(link.peer(), device.as_ref())
            .in_scope(|| tracing::debug!(reason = reason.name(), "session ended")),
    }
    if !matches!(reason, CloseReason::PeerGone | CloseReason::Vanished) {
        link.say_goodbye();
    }
    if matches!(reason, CloseReason::Refused(_) | CloseReason::VerifiedTwice) {
        linger(&mut reader, link).await;
    }
    // Not left to the drop of the socket: a service at work for the device, and a caller that does not read what it observes,
    // keep the link for as long as they take.
    link.shut_down(Shutdown::Both);
}

/// Closes our side and waits for the device to close its own: a socket that is closed with unread bytes in it is reset, and
/// the reset may overtake the answer.
async fn linger(reader: &mut OwnedReadHalf, link: &Link) {
    link.shut_down(Shutdown::Write);
    let mut sink = [0; 64];
    let peer_closes = async { while matches!(reader.read(&mut sink).await, Ok(1..)) {} };
    // Whether the device closed in time changes nothing.
    let _ = tokio::time::timeout(LINGER, peer_closes).await;
}

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Bytes taken from a socket at once: four of the largest frames. One buffer a thread.
const READ_BYTES: usize = 16 * 1024;

/// How long a refused device may take to close its side.
const LINGER: Duration = Duration::from_secs(1);
