//! The operators' edge: health, metrics, and what is to be seen and done about devices.
//!
//! Called by `app` for each accepted connection. Nothing here is on the way of a call, so a framework serves it: axum.

mod router;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus_client::registry::Registry;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::hub::Hub;
use crate::shutdown::Shutdown;

/// What an operator may change about this edge.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where operators connect.
    pub addr: SocketAddr,
}

/// What all operators' connections share.
pub struct Admin {
    hub: Arc<Hub>,
    registry: Registry,
    shutdown: Shutdown,
}

impl Admin {
    /// An edge for `hub` that shows what `registry` knows.
    pub fn new(hub: Arc<Hub>, registry: Registry, shutdown: Shutdown) -> Arc<Self> {
        Arc::new(Self { hub, registry, shutdown })
    }

    /// Serves one accepted connection until it ends, or the hub does. `permit` counts it among the connections.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let shutdown = self.shutdown.clone();
        let service = TowerToHyperService::new(router::router(self));
        let mut builder = http1::Builder::new();
        let connection = builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            result = connection => if let Err(error) = result {
                tracing::debug!(%peer, %error, "operator's connection ended");
            },
            () = shutdown.triggered() => {}
        }
        drop(permit);
    }
}

/// Without the metrics, of which there are many.
impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("hub", &self.hub).finish_non_exhaustive()
    }
}
