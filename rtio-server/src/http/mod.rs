//! The caller edge: HTTP/1.1 and HTTP/2 on hyper, in two forms — the compatible one (`POST /{device_id}` with JSON) and the direct one
//! (a device's URI is a URL). docs/caller-http.md is its contract.
//!
//! Called by `app` for each accepted connection. Knows the hub, and nothing of the device protocol or its sockets.

mod access;
mod activity;
mod body;
mod call;
mod caller_limits;
mod connection;
mod cors;
mod group;
mod h1;
mod h2;
mod idempotency;
mod json;
mod metrics;
mod observe;
mod openapi;
mod outcome;
mod patience;
mod plain;
mod prefer;
mod problem;
mod realer;
mod router;
mod service;
mod trace_parent;
mod trail;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderValue, InvalidHeaderValue};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;

use crate::hub::Hub;
use crate::net::{Admitted, Liveness, Notice, Turned};
use crate::realer::Realer;
use crate::shutdown::Shutdown;

pub use access::Access;
pub use caller_limits::{CallerLimits, CallerRate, LimitMetrics, Limits};
pub use idempotency::{KeyConfig, KeyMetrics};
pub use metrics::Metrics;

use idempotency::Keys;

/// What an operator may change about callers.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where callers connect.
    pub addr: SocketAddr,
    /// Most connections; newcomers wait in the system's backlog.
    pub max_connections: usize,
    /// Most connections of one peer address; one more is closed at once.
    pub max_connections_per_peer: u32,
    /// Most requests that are answered at once on a connection of HTTP/2; more wait at the caller.
    pub max_h2_streams: u32,
    /// Longest head of a request, in bytes; at least 8 KiB.
    pub max_header_bytes: u32,
    /// Most header fields of a request.
    pub max_headers: usize,
    /// When a caller that acknowledges nothing counts as gone.
    pub liveness: Liveness,
    /// Most bytes of data to a device in one message.
    pub max_payload: usize,
    /// How long a connection may be kept without a request.
    pub idle_timeout: Duration,
    /// How long the head of a request may take.
    pub header_timeout: Duration,
    /// How long its body may take.
    pub body_timeout: Duration,
    /// Longest time limit that a caller may ask for with `Prefer: wait=`.
    pub max_wait: Duration,
    /// Time limit of a call without that.
    pub call_timeout: Duration,
    /// Time limit of the establishment of an observation without that.
    pub establish_timeout: Duration,
    /// `Access-Control-Allow-Origin` of every answer.
    pub cors_origin: String,
    /// What one caller may do.
    pub limits: CallerLimits,
    /// What is remembered of calls with an `Idempotency-Key`.
    pub keys: KeyConfig,
    /// Most group calls at once; one more is refused.
    pub max_group_calls: usize,
}

/// What all caller connections share.
#[derive(Debug)]
pub struct Callers {
    access: Access,
    hub: Arc<Hub>,
    config: Config,
    metrics: Metrics,
    cors_origin: HeaderValue,
    /// `None` where nothing is kept.
    realer: Option<Arc<Realer>>,
    /// `None` where keys mean nothing.
    keys: Option<Arc<Keys>>,
    /// Connections, and calls that outlive theirs.
    tasks: TaskTracker,
    seats: group::Seats,
    /// Callers that take the plain port for one with TLS.
    tls_to_plain: Notice,
    shutdown: Shutdown,
}

impl Callers {
    /// An edge for `hub`, for those who have `access`.
    ///
    /// # Errors
    ///
    /// `cors_origin` is no header value.
    pub fn new(
        config: Config,
        access: Access,
        hub: Arc<Hub>,
        metrics: Metrics,
        shutdown: Shutdown,
    ) -> Result<Self, InvalidHeaderValue> {
        let cors_origin = HeaderValue::from_str(&config.cors_origin)?;
        let keys = Keys::new(config.keys, metrics.keys.clone());
        let seats = group::Seats::new(config.max_group_calls, metrics.group.clone());
        let (tasks, tls_to_plain) = (TaskTracker::new(), Notice::new());
        let realer = None;
        Ok(Self { access, hub, config, metrics, cors_origin, realer, keys, tasks, seats, tls_to_plain, shutdown })
    }

    /// The same edge, which serves control devices as well.
    #[must_use]
    pub fn with_realer(mut self, realer: Option<Arc<Realer>>) -> Self {
        self.realer = realer;
        self
    }

    /// What the end of the edge waits for: whoever runs it counts its connections here, and it adds the calls that outlive theirs.
    pub const fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Serves one accepted connection until it ends. `permit` counts it among the connections.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection; its calls and observations are given up.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        match self.access.gate().admit(stream, peer).await {
            Ok(Admitted { stream, peer, seat, .. }) => {
                connection::run(self, stream, peer).await;
                drop(seat);
            }
            Err(Turned::NotTls(stream)) => plain::refuse(*stream).await,
            // The gate has counted and said it.
            Err(Turned::Proxy(_) | Turned::PerPeer(_) | Turned::Handshake(_)) => {}
        }
        drop(permit);
    }
}
