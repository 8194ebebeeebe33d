//! The task of one connection: stream ↔ session ↔ handlers. Reads the clock; knows no rule of the protocol.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rtio_proto::session::{CloseReason, DeviceConfig};
use rtio_proto::time::Instant;
use rtio_proto::verify::DeviceIdRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::client::Presence;
use crate::dial::log_failure;
use crate::handlers::Handlers;
use crate::link::{Link, Report, Session};
use crate::reply::Reply;
use crate::tables::Tables;

/// What all connections of a device share.
pub(crate) struct Context {
    pub(crate) id: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) config: DeviceConfig,
    pub(crate) handlers: Arc<Handlers>,
    /// One for each call whose handler may run, over all connections.
    pub(crate) call_permits: Arc<Semaphore>,
    pub(crate) presence: watch::Sender<Presence>,
    pub(crate) shutdown: CancellationToken,
}

/// Serves one connection to its end, and says why it ended.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite>(
    stream: S,
    context: &Context,
    reports: &mut mpsc::Receiver<Report>,
) -> CloseReason {
    let (reader, mut writer) = split(stream);
    let mut connection = Connection::new(context);
    let reason = connection.run(reader, &mut writer, reports).await;
    connection.link.apply(|session| session.close(reason));
    context.presence.send_replace(Presence::Offline);
    // What the session still wants to say is said, but a hub that does not listen is not waited for.
    let outbox = std::mem::take(&mut connection.link.outbox);
    let last_words = async {
        writer.write_all(&outbox).await?;
        writer.shutdown().await
    };
    if let Ok(Err(error)) = timeout(LAST_WORDS_TIMEOUT, last_words).await {
        tracing::debug!(%error, "connection failed while it was closed");
    }
    reason
}

struct Connection<'a> {
    context: &'a Context,
    link: Link,
    /// The stream has taken bytes that it may not have sent: one that encrypts keeps some of what it took.
    unflushed: bool,
    replies: mpsc::UnboundedReceiver<Reply>,
    /// The session's time starts with the connection.
    started_at: tokio::time::Instant,
    /// When calls in flight are not waited for any more, once a shutdown has begun.
    drain_until: Option<tokio::time::Instant>,
}

impl<'a> Connection<'a> {
    fn new(context: &'a Context) -> Self {
        // Bounded by what sends: one answer a call, of which permits limit the number, and one frame an observation.
        let (sender, replies) = mpsc::unbounded_channel();
        let tables = Tables::new(Arc::clone(&context.handlers), Arc::clone(&context.call_permits), sender);
        let session = Session::new(context.config, Instant::START);
        let link = Link::new(session, tables);
        Self { context, link, unflushed: false, replies, started_at: tokio::time::Instant::now(), drain_until: None }
    }

    async fn run<S: AsyncRead + AsyncWrite>(
        &mut self,
        mut reader: ReadHalf<S>,
        writer: &mut WriteHalf<S>,
        reports: &mut mpsc::Receiver<Report>,
    ) -> CloseReason {
        let mut buffer = vec![0; READ_BYTES];
        self.verify();
        loop {
            if let Some(reason) = self.link.close_reason() {
                return reason;
            }
            if self.is_drained() {
                return CloseReason::Shutdown;
            }
            let wake_at = self.wake_at();
            tokio::select! {
                biased;
                () = self.context.shutdown.cancelled(), if self.drain_until.is_none() => self.begin_shutdown(),
                Some(reply) = self.replies.recv() => self.link.handle_reply(self.now(), reply),
                () = sleep_until(wake_at) => self.link.apply(|session| session.handle_timeout(at(self.started_at))),
                sent = send(writer, &self.link.outbox), if self.unflushed || !self.link.outbox.is_empty() => match sent {
                    Ok(len) => self.handle_sent(len),
                    Err(error) => return gone(&error),
                },
                read = reader.read(&mut buffer), if self.link.outbox.len() < MAX_OUTBOX_BYTES => match read {
                    Ok(0) => return CloseReason::PeerGone,
                    Ok(len) => self.handle_bytes(&buffer[..len]),
                    Err(error) => return gone(&error),
                },
                Some(report) = reports.recv(), if self.link.verified && self.drain_until.is_none() => {
                    let deadline = self.moment(report.deadline);
                    self.link.handle_report(self.now(), deadline, report);
                }
            }
        }
    }

    fn verify(&mut self) {
        let now = self.now();
        let id = DeviceIdRef::parse(self.context.id.as_bytes()).expect("the builder has checked the id");
        let asked = self.link.apply(|session| session.verify(now, id, &self.context.secret));
        asked.expect("the builder has checked the secret, and the session is new");
    }

    fn handle_bytes(&mut self, bytes: &[u8]) {
        let was_verified = self.link.verified;
        if let Err(error) = self.link.handle_bytes(self.now(), bytes) {
            tracing::warn!(%error, "hub broke the protocol");
        }
        if self.link.verified && !was_verified {
            tracing::info!(device = self.context.id, "device is online");
            self.context.presence.send_replace(Presence::Online);
        }
    }

    /// The stream has taken so many bytes; none where it has sent all that it took.
    fn handle_sent(&mut self, len: usize) {
        self.unflushed = len > 0;
        self.link.outbox.drain(..len);
    }

    fn begin_shutdown(&mut self) {
        self.drain_until = Some(tokio::time::Instant::now() + DRAIN_TIMEOUT);
        self.link.begin_shutdown(self.now());
    }

    fn is_drained(&self) -> bool {
        self.drain_until.is_some_and(|until| !self.link.tables.has_calls() || until <= tokio::time::Instant::now())
    }

    fn wake_at(&self) -> tokio::time::Instant {
        let session = self.link.next_timeout().map(|at| self.started_at + at.since(Instant::START));
        let next = session.into_iter().chain(self.drain_until).min();
        next.unwrap_or_else(|| tokio::time::Instant::now() + FAR_AWAY)
    }

    fn now(&self) -> Instant {
        at(self.started_at)
    }

    fn moment(&self, at: tokio::time::Instant) -> Instant {
        Instant::START.after(at.saturating_duration_since(self.started_at))
    }
}

/// Now, for a session that started at `started_at`.
fn at(started_at: tokio::time::Instant) -> Instant {
    let millis = started_at.elapsed().as_millis();
    Instant::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Gives the stream some of what waits, and returns how much it took. Where nothing waits, makes it send all that it took.
///
/// # Cancel safety
///
/// Nothing is taken unless it completes.
async fn send(writer: &mut (impl AsyncWrite + Unpin), outbox: &[u8]) -> io::Result<usize> {
    if outbox.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    match writer.write(outbox).await {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        written => written,
    }
}

fn gone(error: &io::Error) -> CloseReason {
    log_failure(error, "connection failed");
    CloseReason::PeerGone
}

/// Bytes of one read: a frame of the largest capacity, nearly.
const READ_BYTES: usize = 4096;

/// Bytes that may wait for a hub that does not read; then nothing more is read from it, and its patience with a silent device
/// ends the connection. The same as the hub allows itself.
const MAX_OUTBOX_BYTES: usize = 64 * 1024;

/// Time that handlers of calls have left when the device is shut down. Half of what a caller waits by default (§5).
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Time to write what waits when a connection is closed.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);

/// Stands for no deadline. A day, because a timer needs some moment.
const FAR_AWAY: Duration = Duration::from_secs(86_400);
