//! The one accept loop. It only accepts: permit, spawn, next; whatever an edge does with a stream happens in its own task.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Liveness, Notice, PortMetrics};
use crate::shutdown::Shutdown;

/// A bound socket and the cap on the connections it may have open.
#[derive(Debug)]
pub struct Listener {
    metrics: PortMetrics,
    socket: TcpListener,
    permits: Arc<Semaphore>,
    full: Notice,
}

/// Binds `addr`; port 0 takes a free one.
///
/// # Errors
///
/// Whatever the system says, e.g. that the address is in use.
pub fn bind(metrics: PortMetrics, addr: SocketAddr, max_connections: usize) -> io::Result<Listener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(Listener::new(metrics, socket.listen(BACKLOG)?, max_connections))
}

/// Takes over a socket that listens already.
///
/// # Errors
///
/// Whatever the system says.
pub fn adopt(metrics: PortMetrics, socket: std::net::TcpListener, max_connections: usize) -> io::Result<Listener> {
    socket.set_nonblocking(true)?;
    Ok(Listener::new(metrics, TcpListener::from_std(socket)?, max_connections))
}

impl Listener {
    fn new(metrics: PortMetrics, socket: TcpListener, max_connections: usize) -> Self {
        let max = max_connections.min(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(max));
        metrics.watch(Arc::clone(&permits), max);
        Self { metrics, socket, permits, full: Notice::new() }
    }

    /// The address that was really bound.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sees to it that peers which vanish from accepted connections are noticed.
    ///
    /// # Errors
    ///
    /// Whatever the system says.
    pub fn watch(&self, liveness: Liveness) -> io::Result<()> {
        liveness.apply(&self.socket)
    }

    /// Accepts until the shutdown begins, and hands each stream to `serve`, which must only spawn. The permit counts the
    /// connection until it is dropped; at the cap, newcomers wait in the system's backlog.
    pub async fn run(self, shutdown: Shutdown, serve: impl Fn(TcpStream, SocketAddr, OwnedSemaphorePermit)) {
        tokio::select! {
            () = shutdown.triggered() => {}
            () = self.accept_for_ever(serve) => {}
        }
    }

    async fn accept_for_ever(&self, serve: impl Fn(TcpStream, SocketAddr, OwnedSemaphorePermit)) {
        for taken in 1_usize.. {
            // Whoever was accepted before has its turn, and so have those who are connected already: a storm at this port is
            // their delay by one burst, not by the storm.
            if taken.is_multiple_of(BURST) {
                tokio::task::yield_now().await;
            }
            self.room().await;
            match self.socket.accept().await {
                Ok((stream, peer)) => self.take(stream, peer, &serve),
                Err(error) if concerns_one_peer(&error) => {
                    tracing::debug!(listener = self.metrics.name(), %error, "connection ended before it was accepted");
                }
                Err(error) => {
                    tracing::error!(listener = self.metrics.name(), %error, "cannot accept, trying again");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr, serve: impl Fn(TcpStream, SocketAddr, OwnedSemaphorePermit)) {
        self.metrics.accepted();
        // Frames and answers are small and each is awaited: none may sit in the kernel for company. Where it fails the peer is
        // gone already, and its task will see that.
        let _ = stream.set_nodelay(true);
        // Nobody else takes permits, so there still is room.
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            serve(stream, peer, permit);
        }
    }

    /// Waits until one more connection may be open. The permit is taken with the connection, so that those that are taken are
    /// the connections that are open.
    async fn room(&self) {
        if self.permits.available_permits() == 0
            && let Some(left_out) = self.full.due()
        {
            let listener = self.metrics.name();
            tracing::warn!(listener, left_out, "as many connections as are allowed, newcomers wait");
        }
        drop(self.permits.acquire().await.expect("the semaphore is never closed"));
    }
}

/// Errors of `accept` that are the affair of one peer; the rest means that we are out of descriptors or memory.
fn concerns_one_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied, TimedOut};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied | TimedOut)
}

/// Connections that the system completes before we take them. It cuts this to `net.core.somaxconn`, so that the number is the
/// operator's: after a restart a whole fleet knocks at once, and who finds no room tries again a second later.
const BACKLOG: u32 = 65_535;

/// Connections that are taken in a row. To take one and spawn its task costs some 10 µs, so everybody else waits for a fraction
/// of a millisecond.
const BURST: usize = 16;

/// Pause when the system has no descriptor or memory for a connection: long enough not to spin, short enough not to be seen.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);
