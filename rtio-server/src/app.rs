//! The one place that wires the parts together. Building makes and binds everything; running starts it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::admin::{Access, Admin, TokenError, show_process};
use crate::backend::AcceptAny;
use crate::config::{Config, VerifierChoice};
use crate::data_dir::{DataDir, DataDirError};
use crate::device::Devices;
use crate::http::Callers;
use crate::hub::ports::{DeviceService, Verifier};
use crate::hub::{Hub, Metrics};
use crate::net::{self, Gate, Listener};
use crate::readiness::Readiness;
use crate::reload::Reload;
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
    admin: Option<(Arc<Admin>, Listener, SocketAddr)>,
    drain: Duration,
    readiness: Readiness,
    reload: Reload,
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
    /// The data folder is of no use.
    #[error("the data folder is of no use (--data-dir)")]
    DataDir(#[from] DataDirError),
    /// Operators shall show a token, but there is none.
    #[error("operators cannot be told from others (--admin-token-file)")]
    AdminToken(#[from] TokenError),
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
    pub fn build(config: &Config, ports: Ports, reload: Reload, shutdown: Shutdown) -> Result<Self, BuildError> {
        let data_dir = config.data_dir.as_deref().map(DataDir::open).transpose()?;
        let mut all_metrics = Registry::default();
        show_process(&mut all_metrics);
        let registry = all_metrics.sub_registry_with_prefix("rtio");
        let readiness = Readiness::new();
        let (device_listener, device_addr) =
            bind("devices", "device-addr", config.device.addr, config.device.max_connections)?;
        let (http_listener, http_addr) = bind("callers", "http-addr", config.http.addr, config.http.max_connections)?;
        let hub = Arc::new(Hub::new(ports.verifier, ports.services, Metrics::register(registry)));
        let devices = Devices::new(&config.device, Gate::default(), Arc::clone(&hub), shutdown.clone());
        registry.register_collector(Box::new(Arc::clone(&hub)));
        registry.register_collector(Box::new(Arc::clone(&devices)));
        let callers = Callers::new(config.http.clone(), Gate::default(), Arc::clone(&hub), shutdown.clone());
        let callers = callers.map_err(BuildError::CorsOrigin)?;
        let admin = match &config.admin {
            None => None,
            Some(config) => {
                let (listener, addr) = bind("operators", "admin-addr", config.addr, MAX_ADMIN_CONNECTIONS)?;
                warn_if_open_to_the_network(addr);
                let access = Access::new(config.guard.clone(), data_dir)?;
                let admin = Admin::new(Arc::clone(&hub), all_metrics, access, readiness.clone(), shutdown.clone());
                Some((admin, listener, addr))
            }
        };
        let drain = config.drain;
        Ok(Self {
            hub,
            devices,
            device_listener,
            device_addr,
            callers,
            http_listener,
            http_addr,
            admin,
            drain,
            readiness,
            reload,
            shutdown,
        })
    }

    /// Where devices connect.
    pub const fn device_addr(&self) -> SocketAddr {
        self.device_addr
    }

    /// Where callers connect.
    pub const fn http_addr(&self) -> SocketAddr {
        self.http_addr
    }

    /// Where operators connect, unless they may not.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, _, addr)| *addr)
    }

    /// Where whatever the hub cannot do without says that it is missing.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
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
        let follow_admin = self.admin.as_ref().map(|(admin, ..)| {
            let (admin, reloads) = (Arc::clone(admin), self.reload.subscribe());
            tokio::spawn(async move { admin.follow(reloads).await })
        });
        let end = Shutdown::new();
        let operators = tokio::spawn(serve_admin(self.admin, end.clone()));
        tokio::join!(accept_devices, accept_callers);
        tracing::info!(devices = self.hub.devices_online(), callers = caller_tasks.len(), "draining");
        drain("callers", &caller_tasks, self.drain).await;
        self.hub.close_all();
        drain("devices", &device_tasks, CLOSE_GRACE).await;
        sweep.abort();
        follow_admin.inspect(JoinHandle::abort);
        end.trigger();
        // It panics only if the accept loop did, and then it is over as well.
        let _ = operators.await;
    }
}

/// Operators can look until the `end`, which is after the drain. Their connections are not waited for: nothing that they do takes long.
async fn serve_admin(admin: Option<(Arc<Admin>, Listener, SocketAddr)>, end: Shutdown) {
    let Some((admin, listener, _)) = admin else { return };
    let serve = |stream, peer, permit| {
        let (connection, end) = (Arc::clone(&admin).serve(stream, peer, permit), end.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = connection => {}
                () = end.triggered() => {}
            }
        });
    };
    listener.run(end.clone(), serve).await;
}

fn warn_if_open_to_the_network(addr: SocketAddr) {
    if !addr.ip().is_loopback() {
        tracing::warn!(
            %addr,
            "operators connect without TLS from the network: who listens there reads their token; use 127.0.0.1 and a tunnel"
        );
    }
}

fn bind(
    name: &'static str,
    flag: &'static str,
    addr: SocketAddr,
    max: usize,
) -> Result<(Listener, SocketAddr), BuildError> {
    let failed = |source| BuildError::Bind { addr, flag, source };
    let listener = net::bind(name, addr, max).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// An operator or two, a scraper, a script: one that leaks connections runs into this before it takes the callers' descriptors.
const MAX_ADMIN_CONNECTIONS: usize = 64;

/// How long the closing of sessions may take: nothing is awaited from devices, so it is the work of closing a million.
const CLOSE_GRACE: Duration = Duration::from_secs(5);
