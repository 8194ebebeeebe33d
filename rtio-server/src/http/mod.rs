//! The caller edge: HTTP/1.1 on hyper, in two forms — the compatible one (`POST /{device_id}` with JSON) and the direct one
//! (a device's URI is a URL). docs/caller-http.md is its contract.
//!
//! Called by `app` for each accepted connection. Knows the hub, and nothing of the device protocol or its sockets.

mod activity;
mod body;
mod call;
mod connection;
mod cors;
mod json;
mod observe;
mod outcome;
mod patience;
mod prefer;
mod problem;
mod router;
mod service;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderValue, InvalidHeaderValue};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::hub::Hub;
use crate::net::{Admitted, Gate, Liveness};
use crate::shutdown::Shutdown;

/// What an operator may change about callers.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where callers connect.
    pub addr: SocketAddr,
    /// Most connections; newcomers wait in the system's backlog.
    pub max_connections: usize,
    /// When a caller that acknowledges nothing counts as gone.
    pub liveness: Liveness,
    /// Most bytes of data to a device in one message.
    pub max_payload: usize,
    /// How long a connection may be kept without a request.
    pub idle_timeout: Duration,
    /// How long the head of a request may take, and its body.
    pub header_timeout: Duration,
    /// Longest time limit that a caller may ask for with `Prefer: wait=`.
    pub max_wait: Duration,
    /// Time limit of a call without that.
    pub call_timeout: Duration,
    /// Time limit of the establishment of an observation without that.
    pub establish_timeout: Duration,
    /// `Access-Control-Allow-Origin` of every answer.
    pub cors_origin: String,
}

/// What all caller connections share.
#[derive(Debug)]
pub struct Callers {
    gate: Gate,
    hub: Arc<Hub>,
    config: Config,
    cors_origin: HeaderValue,
    shutdown: Shutdown,
}

impl Callers {
    /// An edge for `hub`, behind `gate`.
    ///
    /// # Errors
    ///
    /// `cors_origin` is no header value.
    pub fn new(config: Config, gate: Gate, hub: Arc<Hub>, shutdown: Shutdown) -> Result<Arc<Self>, InvalidHeaderValue> {
        let cors_origin = HeaderValue::from_str(&config.cors_origin)?;
        Ok(Arc::new(Self { gate, hub, config, cors_origin, shutdown }))
    }

    /// Serves one accepted connection until it ends. `permit` counts it among the connections.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection; its calls and observations are given up.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        match self.gate.admit(stream, peer).await {
            Ok(Admitted { stream, peer }) => connection::run(self, stream, peer).await,
            Err(error) => tracing::debug!(%peer, %error, "caller's connection turned away"),
        }
        drop(permit);
    }
}
