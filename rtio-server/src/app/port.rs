//! A port of the hub: a listening socket and the edge that serves it.

use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::BuildError;
use crate::net::{self, Listener, Liveness, PortMetrics};
use crate::shutdown::Shutdown;

/// Listening sockets that somebody else has bound, each instead of the address in the configuration.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Where devices connect.
    pub devices: Option<TcpListener>,
    /// Where devices with MQTT connect, if there is `mqtt-addr`.
    pub mqtt: Option<TcpListener>,
    /// Where callers connect.
    pub callers: Option<TcpListener>,
    /// Where operators connect, unless `admin-addr` is off.
    pub admin: Option<TcpListener>,
}

/// A socket that listens.
#[derive(Debug)]
pub(super) struct Socket {
    flag: &'static str,
    listener: Listener,
    /// As it was really bound.
    pub(super) addr: SocketAddr,
}

/// A socket, and who serves its connections.
#[derive(Debug)]
pub(super) struct Port<T> {
    socket: Socket,
    pub(super) edge: Arc<T>,
}

impl Socket {
    /// Takes the socket that is given, or binds `addr`, which `flag` sets.
    pub(super) fn open(
        given: Option<TcpListener>,
        metrics: PortMetrics,
        flag: &'static str,
        addr: SocketAddr,
        max_connections: usize,
    ) -> Result<Self, BuildError> {
        let failed = |source| BuildError::Bind { addr, flag, source };
        let listener = match given {
            Some(socket) => net::adopt(metrics, socket, max_connections),
            None => net::bind(metrics, addr, max_connections),
        };
        let listener = listener.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        Ok(Self { flag, listener, addr })
    }

    /// The same socket, whose connections are given up when their peer has vanished.
    pub(super) fn watched(self, liveness: Liveness) -> Result<Self, BuildError> {
        let failed = |source| BuildError::Bind { addr: self.addr, flag: self.flag, source };
        self.listener.watch(liveness).map_err(failed)?;
        Ok(self)
    }

    pub(super) const fn served_by<T>(self, edge: Arc<T>) -> Port<T> {
        Port { socket: self, edge }
    }
}

impl<T> Port<T> {
    /// The address that was really bound.
    pub(super) const fn addr(&self) -> SocketAddr {
        self.socket.addr
    }
}

impl<T: Send + Sync + 'static> Port<T> {
    /// Accepts until the `end`, in a task of its own, so that a storm at one port does not hold back the others. Connections are
    /// served in tasks that `tasks` counts.
    pub(super) fn accept<F>(
        self,
        end: Shutdown,
        tasks: &TaskTracker,
        serve: impl Fn(Arc<T>, TcpStream, SocketAddr, OwnedSemaphorePermit) -> F + Send + Sync + 'static,
    ) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = tasks.clone();
        tokio::spawn(self.socket.listener.run(end, move |stream, peer, permit| {
            tasks.spawn(serve(Arc::clone(&self.edge), stream, peer, permit));
        }))
    }
}
