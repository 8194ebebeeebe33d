//! The task of one client's connection: it owns the socket, reads and writes it, and ends with it. What is to be said decides the session;
//! who else has something to say changes that and wakes this task.
//!
//! An idle connection owns no buffer: it waits for the socket, then reads into one that its thread lends to all.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, timeout};

use super::link::Link;
use super::session::{End, Request, Session};
use super::work::work;
use crate::hub::Presence;
use crate::net::peers::Seat;
use crate::net::{Backlog, Stream, is_vanished};

/// A connection whose client was let in. It holds what lasts, and nothing that only the beginning needed: there may be very many.
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) link: Arc<Link>,
    pub(super) presence: Presence,
    /// Counts the connection among those of its peer.
    pub(super) _seat: Option<Seat>,
    pub(super) unsent: Unsent,
    /// What the client waits for. While there is any, nothing of it is read.
    pub(super) work: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// What has left the session, and not for the socket.
#[derive(Debug, Default)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    written: usize,
    /// Under TLS, what is written may still have to leave.
    needs_flush: bool,
}

/// What the task has to do next.
struct Situation {
    is_over: bool,
    requests: Vec<Request>,
    wants_bytes: bool,
}

impl Connection {
    /// Serves the client until its session is over.
    pub(super) async fn serve(&mut self) {
        poll_fn(|cx| self.poll_serve(cx)).await;
    }

    fn poll_serve(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..MAX_ROUNDS {
            if self.link.register(cx) {
                self.look_for_peer();
            }
            let written = self.poll_write(cx);
            if let Poll::Ready(Err(error)) = &written {
                self.link.end(of_broken(error));
            }
            let Situation { is_over, requests, wants_bytes } = self.situation();
            if is_over {
                return Poll::Ready(());
            }
            match &mut self.work {
                Some(work) => {
                    ready!(work.as_mut().poll(cx));
                    self.work = None;
                }
                None if !requests.is_empty() => self.work = Some(self.begin(requests)),
                // Who does not read is not read: what it sends would make more that it does not read.
                None if wants_bytes && written.is_ready() => ready!(self.poll_read(cx)),
                // Woken by the socket when it has room, or by who changes the session.
                None => return Poll::Pending,
            }
        }
        // A client that always has something to say leaves room to the others of its thread.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn situation(&self) -> Situation {
        let may_take = self.work.is_none();
        self.link.with(|session| Situation {
            is_over: session.end().is_some(),
            requests: if may_take { session.take_requests() } else { Vec::new() },
            wants_bytes: session.wants_bytes(),
        })
    }

    fn begin(&self, requests: Vec<Request>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(work(Arc::clone(&self.link), requests))
    }

    /// Writes what there is. Ready: all of it has left.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Unsent { bytes, written, needs_flush } = &mut self.unsent;
        loop {
            if *written == bytes.len() {
                let next = self.link.with(Session::poll_transmit);
                (*bytes, *written) = (next.unwrap_or_default(), 0);
            }
            if bytes.is_empty() {
                break;
            }
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => (*written, *needs_flush) = (*written + more, true),
            }
        }
        if *needs_flush {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            *needs_flush = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once and feeds what came.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut read = ReadBuf::new(buffer);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read)) {
                Err(error) => self.link.end(of_broken(&error)),
                Ok(()) if read.filled().is_empty() => self.link.end(End::Broke),
                Ok(()) => self.link.with(|session| session.handle_bytes(Instant::now(), read.filled())),
            }
            Poll::Ready(())
        })
    }

    /// Somebody waits in vain for the client: whether its system is there at all.
    fn look_for_peer(&self) {
        match Backlog::of(self.stream.socket()) {
            Ok(backlog) if backlog.is_unanswered() => self.link.end(End::Vanished),
            Ok(_) => {}
            Err(error) => {
                tracing::debug!(device = %self.presence.device(), %error, "cannot ask the system about a silent client")
            }
        }
    }

    /// The end: the device is offline, what outlives the connection is kept, and the last words leave if they can.
    pub(super) async fn finish(self) {
        let Self { mut stream, link, presence, unsent, work, .. } = self;
        drop(presence);
        if let Some(work) = work {
            // What the store was given it keeps, and who waits for it shall hear of that. A store that hangs is not waited for.
            let _ = timeout(LAST_WORK, work).await;
        }
        let Some(end) = link.with(|session| session.end()) else { return };
        link.edge().metrics.ended(end.name());
        log(&link, end);
        keep_what_lasts(&link);
        let last_words = link.with(|session| session.poll_transmit()).unwrap_or_default();
        let farewell = async {
            stream.write_all(&unsent.bytes[unsent.written..]).await?;
            stream.write_all(&last_words).await?;
            stream.shutdown().await?;
            if last_words.is_empty() {
                return io::Result::Ok(());
            }
            // A socket that is closed with unread bytes in it is reset, and the reset may overtake the last words.
            let mut sink = [0; 64];
            while stream.read(&mut sink).await? > 0 {}
            Ok(())
        };
        // The connection ends in any case.
        let _ = timeout(LAST_WORDS, farewell).await;
    }
}

fn keep_what_lasts(link: &Arc<Link>) {
    let edge = link.edge();
    let _turn = edge.sessions.turn(link.device());
    match link.with(Session::take_lasting) {
        Some((lasting, keep)) => {
            let lost = edge.sessions.park(link.device(), lasting, (Instant::now(), keep));
            edge.metrics.parked_dropped.inc_by(lost);
        }
        None => edge.sessions.release(link.device(), link),
    }
}

fn log(link: &Link, end: End) {
    let (device, peer) = (link.device(), crate::hub::DeviceLink::peer(link));
    match end {
        End::Misbehaved(reason) => tracing::warn!(%device, %peer, ?reason, "MQTT client broke the rules"),
        End::Left | End::Broke | End::Vanished | End::Silent | End::Expired | End::Wanted(_) => {
            tracing::debug!(%device, %peer, reason = end.name(), "MQTT session ended")
        }
    }
}

/// Why a session ends whose socket failed.
fn of_broken(error: &io::Error) -> End {
    if is_vanished(error) { End::Vanished } else { End::Broke }
}

thread_local! {
    static READ_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Bytes taken from a socket at once: some fifty publishes. One buffer a thread.
const READ_BYTES: usize = 16 * 1024;

/// Reads, and runs of requests, before others have their turn.
const MAX_ROUNDS: usize = 8;

/// How long what a client had begun may go on without it: less than the end of the hub waits for devices.
const LAST_WORK: Duration = Duration::from_secs(3);

/// How long a client may take for the last that it is told.
const LAST_WORDS: Duration = Duration::from_secs(1);
