//! The one place that wires the parts together. Building makes and binds everything; running starts it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;

use crate::backend::AcceptAny;
use crate::config::{Config, VerifierChoice};
use crate::device::Devices;
use crate::http::Callers;
use crate::hub::Hub;
use crate::hub::ports::{DeviceService, Verifier};
use crate::net::{self, Listener};
use crate::shutdown::{Shutdown, drain};

pub use crate::hub::UriDigest;

/// What stands behind the hub's ports.
#[derive(Debug)]
pub struct Ports {
    /// Says whether a device may connect.
    pub verifier: Arc<dyn Verifier>,
    /// Answers what devices send, by the digest of the URI.
    pub services: HashMap<UriDigest, Arc<dyn DeviceService>>,
}

impl Ports {
    /// The ports that the configuration asks for.
    pub fn configured(config: &Config) -> Self {
        let verifier = match config.verifier {
            VerifierChoice::Any => Arc::new(AcceptAny),
        };
        Self { verifier, services: HashMap::new() }
    }
}

/// A hub whose sockets are bound and that serves nobody yet.
#[derive(Debug)]
pub struct App {
    hub: Arc<Hub>,
    devices: Arc<Devices>,
    device_listener: Listener,
    device_addr: SocketAddr,
    callers: Arc<Callers>,
    http_listener: Listener,
    http_addr: SocketAddr,
    drain: Duration,
    shutdown: Shutdown,
}

/// Why a hub could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// An address cannot be bound.
    #[error("cannot bind {addr} (--{flag})")]
    Bind {
        /// The address.
        addr: SocketAddr,
        /// The flag that sets it.
        flag: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// The value is no HTTP header.
    #[error("--cors-origin is no header value")]
    CorsOrigin(#[source] hyper::header::InvalidHeaderValue),
}

impl App {
    /// Makes and binds everything.
    ///
    /// # Errors
    ///
    /// [`BuildError`].
    pub fn build(config: &Config, ports: Ports, shutdown: Shutdown) -> Result<Self, BuildError> {
        let (device_listener, device_addr) = bind("devices", &config.device.addr, config.device.max_connections)?;
        let (http_listener, http_addr) = bind("callers", &config.http.addr, config.http.max_connections)?;
        let hub = Arc::new(Hub::new(ports.verifier, ports.services));
        let devices = Devices::new(&config.device, Arc::clone(&hub), shutdown.clone());
        let callers = Callers::new(config.http.clone(), Arc::clone(&hub), shutdown.clone());
        let callers = callers.map_err(BuildError::CorsOrigin)?;
        let drain = config.drain;
        Ok(Self { hub, devices, device_listener, device_addr, callers, http_listener, http_addr, drain, shutdown })
    }

    /// Where devices connect.
    pub const fn device_addr(&self) -> SocketAddr {
        self.device_addr
    }

    /// Where callers connect.
    pub const fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// The core, for tests that look inside.
    pub fn hub(&self) -> Arc<Hub> {
        Arc::clone(&self.hub)
    }

    /// Serves until the shutdown begins, then lets the calls in flight end, then closes the devices' sessions.
    pub async fn run(self) {
        let (device_tasks, caller_tasks) = (TaskTracker::new(), TaskTracker::new());
        let sweep = {
            let hub = Arc::clone(&self.hub);
            tokio::spawn(async move { hub.sweep().await })
        };
        let accept_devices = self.device_listener.run(self.shutdown.clone(), |stream, peer, permit| {
            device_tasks.spawn(Arc::clone(&self.devices).serve(stream, peer, permit));
        });
        let accept_callers = self.http_listener.run(self.shutdown.clone(), |stream, peer, permit| {
            caller_tasks.spawn(Arc::clone(&self.callers).serve(stream, peer, permit));
        });
        tokio::join!(accept_devices, accept_callers);
        tracing::info!(devices = self.hub.devices_online(), callers = caller_tasks.len(), "draining");
        drain("callers", &caller_tasks, self.drain).await;
        self.hub.close_all();
        drain("devices", &device_tasks, CLOSE_GRACE).await;
        sweep.abort();
    }
}

fn bind(name: &'static str, addr: &SocketAddr, max: usize) -> Result<(Listener, SocketAddr), BuildError> {
    let flag = if name == "devices" { "device-addr" } else { "http-addr" };
    let failed = |source| BuildError::Bind { addr: *addr, flag, source };
    let listener = net::bind(name, *addr, max).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// How long the closing of sessions may take: nothing is awaited from devices, so it is the work of closing a million.
const CLOSE_GRACE: Duration = Duration::from_secs(5);
