//! The operators' edge: health, metrics, and what is to be seen and done about devices.
//!
//! Called by `app` for each accepted connection. Nothing here is on the way of a call, so a framework serves it: axum.

mod access;
mod devices;
mod problem;
mod process;
pub mod registry;
mod router;
mod token;

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
use crate::readiness::Readiness;
use crate::reload::Reloads;
use crate::shutdown::Shutdown;

pub use access::{Access, Guard};
pub use process::show_process;
pub use token::{AdminToken, TOKEN_FILE, TokenError};

/// What an operator may change about this edge.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where operators connect.
    pub addr: SocketAddr,
    /// How they are told from others.
    pub guard: Guard,
}

/// What all operators' connections share.
pub struct Admin {
    hub: Arc<Hub>,
    registry: Arc<Registry>,
    access: Arc<Access>,
    readiness: Readiness,
    shutdown: Shutdown,
}

impl Admin {
    /// An edge for `hub` that shows what `registry` knows, and more to those who may have `access`. It answers during the shutdown, too.
    pub fn new(
        hub: Arc<Hub>,
        registry: Arc<Registry>,
        access: Access,
        readiness: Readiness,
        shutdown: Shutdown,
    ) -> Arc<Self> {
        Arc::new(Self { hub, registry, access: Arc::new(access), readiness, shutdown })
    }

    /// Reads again what came from files at each signal, for ever.
    pub async fn follow(&self, reloads: Reloads) {
        self.access.follow(reloads).await;
    }

    /// Serves one accepted connection until it ends. `permit` counts it among the connections.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let service = TowerToHyperService::new(router::router(self));
        let mut builder = http1::Builder::new();
        let connection = builder.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        if let Err(error) = connection.await {
            tracing::debug!(%peer, %error, "operator's connection ended");
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
