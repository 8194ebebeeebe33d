//! The body of a stream of events: made piece by piece, when its socket has room for one.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::time::{Instant, sleep, sleep_until};

use super::asked::Asked;
use super::readers::Place;
use super::text;
use crate::hub::{EventFilter, EventId, Hub, Page};
use crate::shutdown::Shutdown;

/// One reader, and its place among the events.
pub(super) struct Reader {
    hub: Arc<Hub>,
    filter: EventFilter,
    seen: EventId,
    /// What is to be said next, whatever happens.
    unsaid: Vec<u8>,
    /// When to say that the hub is there.
    keep_alive: Instant,
    /// From then on nothing happens any more.
    end: Shutdown,
    place: Place,
}

impl Reader {
    /// Begins where `asked` says, or with what is new. The stream ends with the last event before `end`.
    pub(super) fn new(hub: Arc<Hub>, asked: Asked, end: Shutdown, place: Place) -> Self {
        let seen = asked.after.unwrap_or_else(|| hub.events().newest());
        let (unsaid, keep_alive) = (text::begin(seen), Instant::now() + KEEP_ALIVE);
        Self { hub, filter: asked.filter, seen, unsaid, keep_alive, end, place }
    }

    /// The next piece; `None` after the last.
    async fn next(&mut self) -> Option<Vec<u8>> {
        let mut piece = std::mem::take(&mut self.unsaid);
        loop {
            // Asked before the look: what happens until the end is seen.
            let is_over = self.end.is_triggered();
            let page = self.hub.events().after(self.seen, PAGE);
            let is_last = page.events.len() < PAGE;
            self.take(page, &mut piece);
            if !piece.is_empty() {
                self.keep_alive = Instant::now() + KEEP_ALIVE;
                return Some(piece);
            }
            match (is_last, is_over) {
                // Many that the filter leaves out: others get their turn.
                (false, _) => tokio::task::yield_now().await,
                (true, true) => return None,
                (true, false) => self.wait(&mut piece).await,
            }
        }
    }

    fn take(&mut self, page: Page, piece: &mut Vec<u8>) {
        if let Some(gap) = page.gap {
            self.place.count_reset();
            let before = page.seen.before(page.events.len());
            text::write_reset(piece, gap, before);
        }
        page.events.iter().filter(|event| self.filter.takes(event)).for_each(|event| text::write_event(piece, event));
        self.seen = page.seen;
    }

    /// Waits for something to read, or to say.
    async fn wait(&self, piece: &mut Vec<u8>) {
        tokio::select! {
            () = self.end.triggered() => {}
            () = self.something_new() => {}
            () = sleep_until(self.keep_alive) => text::write_keep_alive(piece, self.seen),
        }
    }

    async fn something_new(&self) {
        self.hub.events().grown_beyond(self.seen).await;
        sleep(GATHER).await;
    }
}

type NextPiece = Pin<Box<dyn Future<Output = Option<(Reader, Vec<u8>)>> + Send>>;

/// The pieces of one reader. Dropping it, which is what happens when the reader goes away, frees its place.
pub(super) struct EventStream {
    /// `None` after the last one.
    next: Option<NextPiece>,
}

impl EventStream {
    pub(super) fn of(reader: Reader) -> Self {
        Self { next: Some(Box::pin(advance(reader))) }
    }
}

async fn advance(mut reader: Reader) -> Option<(Reader, Vec<u8>)> {
    let piece = reader.next().await?;
    Some((reader, piece))
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
        let Some(next) = &mut self.next else { return Poll::Ready(None) };
        let advanced = ready!(next.as_mut().poll(cx));
        let (next, piece) = advanced.map(|(reader, piece)| (Box::pin(advance(reader)) as NextPiece, piece)).unzip();
        self.next = next;
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.into()))))
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("EventStream").field("is_over", &self.next.is_none()).finish()
    }
}

/// Events taken at once, some 15 KB of text: short under the lock of the events, and little to hold for a reader that is slow.
const PAGE: usize = 64;

/// How often a stream without events shows that it is there: below the half minute after which proxies and routers give up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long events are gathered before a reader that waits is told. In a storm of thousands in a second it bounds how often 32
/// readers are woken; nobody notices it else.
const GATHER: Duration = Duration::from_millis(10);
