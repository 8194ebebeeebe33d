//! The operators' edge: health, metrics, and what is to be seen and done about devices.
//!
//! Called by `app` for each accepted connection. Nothing here is on the way of a call, so a framework serves it: axum.

mod access;
mod devices;
mod events;
mod extract;
mod openapi;
mod problem;
mod process;
pub mod realer;
pub mod registry;
mod router;
mod services;
mod token;

use std::fmt;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus_client::registry::Registry;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use crate::hub::Hub;
use crate::readiness::Readiness;
use crate::realer::Realer;
use crate::reload::Reloads;
use crate::shutdown::Shutdown;

use realer::Control;

pub use access::{Access, Guard};
pub use events::EventReaders;
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
    /// Of the control-device runtime, where there is one.
    control: Option<Control>,
    registry: Arc<Registry>,
    access: Arc<Access>,
    readers: EventReaders,
    readiness: Readiness,
    /// From its trigger on the hub is not ready.
    shutdown: Shutdown,
    /// The end of the shutdown: nothing happens any more.
    end: Shutdown,
}

impl Admin {
    /// An edge for `hub` that shows what is in `shown`, and more to those who may have `access`. It answers during the shutdown, too.
    pub fn new(hub: Arc<Hub>, shown: Shown, access: Access, readiness: Readiness, shutdown: Shutdown) -> Arc<Self> {
        let (Shown { registry, readers, realer }, access) = (shown, Arc::new(access));
        let control = realer.zip(hub.device_manager()).map(|(realer, manager)| Control::new(realer, manager));
        Arc::new(Self { hub, control, registry, access, readers, readiness, shutdown, end: Shutdown::new() })
    }

    /// To be triggered once nothing happens any more: streams of events end with their last one, and connections after their
    /// requests.
    pub fn end(&self) -> Shutdown {
        self.end.clone()
    }

    /// Reads again what came from files at each signal, for ever.
    pub async fn follow(&self, reloads: Reloads) {
        self.access.follow(reloads).await;
    }

    /// Serves one accepted connection until it ends, which is [`LAST_WORDS`] after the [end](Self::end) at the latest. `permit` counts
    /// it among the connections.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, permit: OwnedSemaphorePermit) {
        let end = self.end();
        let service = TowerToHyperService::new(router::router(self));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).max_buf_size(MAX_BUFFER_BYTES);
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = end.triggered() => {
                connection.as_mut().graceful_shutdown();
                tokio::time::timeout(LAST_WORDS, connection).await.unwrap_or(Ok(()))
            }
        };
        if let Err(error) = result {
            tracing::debug!(%peer, %error, "operator's connection ended");
        }
        drop(permit);
    }
}

/// What operators see beside the devices.
#[derive(Debug)]
pub struct Shown {
    /// What is counted.
    pub registry: Arc<Registry>,
    /// Who reads events.
    pub readers: EventReaders,
    /// The control-device runtime, where there is one.
    pub realer: Option<Arc<Realer>>,
}

/// Without the metrics, of which there are many.
impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("hub", &self.hub).finish_non_exhaustive()
    }
}

/// How long connections may take after the end: what a program that reads takes to read the last events.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

/// What hyper may hold each way: of a request its head, of a stream of events what its reader has not taken. Without a limit of
/// ours it is 400 KB.
const MAX_BUFFER_BYTES: usize = 64 * 1024;
