//! The MQTT edge: one accepted stream becomes one client's session, and one task that owns its socket and its life.
//!
//! Called by `app` for each accepted connection. Who may connect, which topics there are and what becomes of a message says `realer`;
//! who is online says `hub`. The bytes are known by `codec/` alone.

mod beginning;
mod calls;
mod codec;
mod connection;
mod link;
mod metrics;
mod packet;
mod session;
mod sessions;
mod work;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::hub::Hub;
use crate::net::{Gate, Liveness, Unverified};
use crate::realer::Realer;
use crate::shutdown::Shutdown;

use calls::CallLimits;
use connection::Connection;
use sessions::Sessions;

pub use metrics::Metrics;

/// What an operator may change about MQTT.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients connect.
    pub addr: SocketAddr,
    /// Most connections; newcomers wait in the system's backlog.
    pub max_connections: usize,
    /// Most connections of one peer address; one more is closed at once.
    pub max_connections_per_peer: u32,
    /// Most connections that have not said who they are; one more is closed at once.
    pub max_unverified: usize,
    /// When a client that acknowledges nothing counts as gone.
    pub liveness: Liveness,
    /// Calls and observation requests of one device in flight.
    pub max_calls: u16,
    /// Observations of one device.
    pub max_observations: u16,
}

/// What this edge works with.
#[derive(Debug)]
pub struct Surroundings {
    /// Where clients are online.
    pub hub: Arc<Hub>,
    /// Who they are, and what they say.
    pub realer: Arc<Realer>,
    /// What is counted.
    pub metrics: Metrics,
    /// When all of it ends.
    pub shutdown: Shutdown,
}

/// What all connections of this edge share.
#[derive(Debug)]
pub struct Mqtt {
    gate: Gate,
    hub: Arc<Hub>,
    realer: Arc<Realer>,
    calls: CallLimits,
    /// What outlives a connection.
    sessions: Sessions,
    unverified: Unverified,
    metrics: Metrics,
    shutdown: Shutdown,
}

impl Mqtt {
    /// An edge for devices of `around`, behind `gate`.
    pub fn new(config: &Config, gate: Gate, around: Surroundings) -> Arc<Self> {
        let Surroundings { hub, realer, metrics, shutdown } = around;
        Arc::new(Self {
            gate,
            hub,
            realer,
            calls: CallLimits { max_calls: config.max_calls, max_observations: config.max_observations },
            sessions: Sessions::default(),
            unverified: Unverified::new("mqtt", config.max_unverified),
            metrics,
            shutdown,
        })
    }

    /// Serves one accepted connection until it ends. `permit` counts it among the connections.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection and the device is offline; its calls end at their deadline at the latest.
    pub fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
    ) -> impl Future<Output = ()> + Send {
        // Boxed, so that a session that goes on keeps only what lasts. A plain function, because the arguments of an async one are
        // kept to its end.
        let beginning = Box::pin(self.begin(stream, peer));
        async move {
            let Some(mut connection) = beginning.await else { return };
            connection.serve().await;
            Box::pin(connection.finish()).await;
            drop(permit);
        }
    }

    async fn begin(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) -> Option<Connection> {
        let Some(unverified) = self.unverified.enter(peer) else {
            self.metrics.unverified_refused.inc();
            return None;
        };
        // Where it does not let the connection in, the gate has counted and said it.
        let admitted = self.gate.admit(stream, peer).await.ok()?;
        beginning::begin(self, admitted, unverified).await
    }
}
