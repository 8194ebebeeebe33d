//! The device edge: one accepted stream becomes one session, and one task that owns its reading side and its life.
//!
//! Called by `app` for each accepted connection. It reads sockets and the clock and knows the hub; the rules of the protocol are
//! in `rtio_proto::session`, and callers are unknown here.

mod clock;
mod connection;
mod link;
mod metrics;
mod outcome;
mod span;
mod transport;
mod verification;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use rtio_proto::session::SessionLimits;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::hub::Hub;
use crate::net::{Gate, Liveness, Unverified};
use crate::shutdown::Shutdown;

use clock::Clock;
use connection::Begun;

/// What an operator may change about devices.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where devices connect.
    pub addr: SocketAddr,
    /// Most connections; newcomers wait in the system's backlog.
    pub max_connections: usize,
    /// Most connections of one peer address; one more is closed at once.
    pub max_connections_per_peer: u32,
    /// Most connections that are not verified yet; one more is closed at once.
    pub max_unverified: usize,
    /// When a device that acknowledges nothing counts as gone.
    pub liveness: Liveness,
    /// Caps of one session.
    pub session: SessionLimits,
}

/// What all device connections share.
#[derive(Debug)]
pub struct Devices {
    gate: Gate,
    hub: Arc<Hub>,
    session_limits: SessionLimits,
    unverified: Unverified,
    clock: Clock,
    shutdown: Shutdown,
}

impl Devices {
    /// An edge for `hub`, behind `gate`.
    pub fn new(config: &Config, gate: Gate, hub: Arc<Hub>, shutdown: Shutdown) -> Arc<Self> {
        let unverified = Unverified::new("devices", config.max_unverified);
        let (session_limits, clock) = (config.session, Clock::start());
        Arc::new(Self { gate, hub, session_limits, unverified, clock, shutdown })
    }

    /// Serves one accepted connection until it ends. `permit` counts it among the connections.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection; the device's calls end as gone.
    pub fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send {
        // Beginning and end are boxed, so that a session that goes on keeps only what lasts. A plain function, because the
        // arguments of an async one are kept to its end.
        let beginning = Box::pin(self.begin(stream, peer));
        async move {
            let Some(mut begun) = beginning.await else { return };
            begun.serve().await;
            Box::pin(begun.finish()).await;
            drop(permit);
        }
    }

    async fn begin(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) -> Option<Begun> {
        let Some(unverified) = self.unverified.enter(peer) else {
            self.hub.metrics().unverified_refused.inc();
            return None;
        };
        // Where it does not let the connection in, the gate has counted and said it.
        let admitted = self.gate.admit(stream, peer).await.ok()?;
        Some(connection::begin(self, admitted, unverified).await)
    }
}
