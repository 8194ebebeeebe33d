//! What a caller's connection has done so far, counted where it happens and looked at by its patience.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::patience::Progress;
use crate::net::Stream;

/// Counters of one connection.
#[derive(Debug, Default)]
pub(super) struct Activity {
    in_progress: AtomicUsize,
    requests: AtomicUsize,
    reads: AtomicUsize,
    begins_with_tls: AtomicBool,
}

impl Activity {
    /// A request was taken; it is in progress as long as the returned value lives.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.in_progress.fetch_add(1, Ordering::Relaxed);
        Busy { activity: Arc::clone(self) }
    }

    /// Whether the first byte that came was that of a TLS handshake.
    pub(super) fn begins_with_tls(&self) -> bool {
        self.begins_with_tls.load(Ordering::Relaxed)
    }

    fn count_read(&self, first: Option<u8>) {
        if self.reads.fetch_add(1, Ordering::Relaxed) == 0 && first == Some(TLS_HANDSHAKE) {
            self.begins_with_tls.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            in_progress: self.in_progress.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            reads: self.reads.load(Ordering::Relaxed),
        }
    }
}

/// A request in progress.
#[derive(Debug)]
pub(super) struct Busy {
    activity: Arc<Activity>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.activity.in_progress.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A caller's socket that counts what is read from it.
#[derive(Debug)]
pub(super) struct CountedStream {
    stream: Stream,
    activity: Arc<Activity>,
}

impl CountedStream {
    pub(super) const fn new(stream: Stream, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl AsyncRead for CountedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if result.is_ready() {
            this.activity.count_read(buffer.filled().get(before).copied());
        }
        result
    }
}

impl AsyncWrite for CountedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// Type of a TLS record with a handshake (RFC 8446 §5.1). No request begins with it.
const TLS_HANDSHAKE: u8 = 22;
