//! The MQTT edge: one accepted stream becomes one client's session, and one task that owns its socket and its life.
//!
//! Called by `app` for each accepted connection. Who may connect, which topics there are and what becomes of a message says `realer`;
//! who is online says `hub`. The bytes are known by `codec/` alone.

#[allow(dead_code, unused_imports, reason = "the session that uses it is being built")]
mod calls;
#[allow(dead_code, reason = "the session that uses it is being built")]
mod codec;
#[allow(dead_code, reason = "the session that uses it is being built")]
mod metrics;
#[allow(dead_code, reason = "the session that uses it is being built")]
mod packet;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::hub::Hub;
use crate::net::{Admitted, Gate, Liveness, Notice};
use crate::realer::Realer;
use crate::shutdown::Shutdown;

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
#[allow(dead_code, reason = "the session that uses it is being built")]
pub struct Mqtt {
    gate: Gate,
    hub: Arc<Hub>,
    realer: Arc<Realer>,
    max_calls: u16,
    max_observations: u16,
    unverified: Arc<Semaphore>,
    max_unverified: usize,
    refusals: Notice,
    metrics: Metrics,
    shutdown: Shutdown,
}

/// A connection whose client was let in, or was not. It holds what lasts, and nothing that only the beginning needed.
#[derive(Debug)]
struct Begun {
    _admitted: Admitted,
    _unverified: OwnedSemaphorePermit,
}

impl Mqtt {
    /// An edge for devices of `around`, behind `gate`.
    pub fn new(config: &Config, gate: Gate, around: Surroundings) -> Arc<Self> {
        let Surroundings { hub, realer, metrics, shutdown } = around;
        let max_unverified = config.max_unverified.min(Semaphore::MAX_PERMITS);
        Arc::new(Self {
            gate,
            hub,
            realer,
            max_calls: config.max_calls,
            max_observations: config.max_observations,
            unverified: Arc::new(Semaphore::new(max_unverified)),
            max_unverified,
            refusals: Notice::new(),
            metrics,
            shutdown,
        })
    }

    /// Connections that have not said who they are yet.
    fn unverified_now(&self) -> u64 {
        self.max_unverified.saturating_sub(self.unverified.available_permits()) as u64
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
        // Boxed, so that a session that goes on keeps only what lasts. A plain function, because the arguments of an async one are
        // kept to its end.
        let beginning = Box::pin(self.begin(stream, peer));
        async move {
            let Some(begun) = beginning.await else { return };
            drop(begun);
            drop(permit);
        }
    }

    async fn begin(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) -> Option<Begun> {
        let Ok(unverified) = Arc::clone(&self.unverified).try_acquire_owned() else {
            self.metrics.unverified_refused.inc();
            if let Some(left_out) = self.refusals.due() {
                tracing::warn!(%peer, left_out, "MQTT connection refused: as many unverified ones as are allowed");
            }
            return None;
        };
        // Where it does not let the connection in, the gate has counted and said it.
        let mut admitted = self.gate.admit(stream, peer).await.ok()?;
        tokio::select! {
            () = self.shutdown.triggered() => return None,
            said = tokio::time::timeout(CONNECT_TIMEOUT, admitted.stream.read_u8()) => {
                said.inspect_err(|_| self.metrics.silent()).ok()?.ok()?;
            }
        }
        Some(Begun { _admitted: admitted, _unverified: unverified })
    }
}

/// Time that a client has to say who it is.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
