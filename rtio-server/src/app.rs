//! The one place that wires the parts together. Building makes and binds everything; running starts it.

use std::collections::HashMap;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::admin::{Access, Admin, TokenError, show_process};
use crate::audit::{AuditError, AuditLog};
use crate::backend::{self, AcceptAny, HttpVerifier, KeySets, RandomError, TrustError};
use crate::config::{Config, VerifierChoice};
use crate::data_dir::{DataDir, DataDirError};
use crate::device::Devices;
use crate::http::{self, Callers};
use crate::hub::ports::{DeviceRegistry, DeviceService, Verifier};
use crate::hub::{Audit, Hub, Metrics};
use crate::hub_lock::{HubLock, LockError};
use crate::net::tls::{self, Port};
use crate::net::{self, Gate, Listener, Liveness, PortMetrics};
use crate::readiness::Readiness;
use crate::reload::{Reload, Reloads};
use crate::shutdown::{Shutdown, drain};
use crate::store::{self, Store, StoreError};
use crate::telemetry;
use crate::token::{self, Keeper, SourceError};

pub use crate::hub::UriDigest;

/// What stands behind the hub's ports.
pub struct Ports {
    /// Says whether a device may connect.
    pub verifier: Arc<dyn Verifier>,
    /// Answers what devices send, by the digest of the URI.
    pub services: HashMap<UriDigest, Arc<dyn DeviceService>>,
    /// Asks the operator's services.
    pub client: backend::Client,
    /// Keeps who may connect, where there is a data folder.
    pub devices: Option<Arc<dyn DeviceRegistry>>,
    /// Nobody else uses the data folder as long as this is held.
    pub lock: Option<HubLock>,
    /// Where they say what is missing.
    pub readiness: Readiness,
    /// What all of them count; the hub adds its own.
    pub metrics: Registry,
}

impl Ports {
    /// The ports that the configuration asks for.
    ///
    /// # Errors
    ///
    /// [`BuildError`].
    pub fn configured(config: &Config) -> Result<Self, BuildError> {
        let (mut metrics, readiness) = (Registry::default(), Readiness::new());
        let client = backend::Client::new(config.backend.trust.clone())?;
        let data_dir = config.data_dir.as_deref().map(DataDir::open).transpose()?;
        let lock = data_dir.as_ref().map(HubLock::take).transpose()?;
        let shown = metrics.sub_registry_with_prefix(METRICS_PREFIX);
        let (asked, stored) = (backend::Metrics::register(shown), store::Metrics::register(shown));
        let open = |dir| Store::open(dir, stored).map(Arc::new);
        let store = data_dir.as_ref().map(open).transpose()?;
        let verifier: Arc<dyn Verifier> = match (&config.verifier, &store) {
            (VerifierChoice::Any, _) => Arc::new(AcceptAny),
            (VerifierChoice::Registry, Some(store)) => Arc::clone(store) as _,
            (VerifierChoice::Registry, None) => return Err(BuildError::NoDataDir),
            (VerifierChoice::Http(config), _) => {
                Arc::new(HttpVerifier::new(config, client.clone(), readiness.clone(), asked)?)
            }
        };
        let devices = store.map(|store| store as Arc<dyn DeviceRegistry>);
        Ok(Self { verifier, services: HashMap::new(), client, devices, lock, readiness, metrics })
    }
}

/// Without the metrics, of which there are many.
impl fmt::Debug for Ports {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = out.debug_struct("Ports");
        debug.field("verifier", &self.verifier).field("services", &self.services).finish_non_exhaustive()
    }
}

/// Listening sockets that somebody else has bound, each instead of the address in the configuration.
#[derive(Debug, Default)]
pub struct Sockets {
    /// Where devices connect.
    pub devices: Option<TcpListener>,
    /// Where callers connect.
    pub callers: Option<TcpListener>,
    /// Where operators connect, unless `admin-addr` is off.
    pub admin: Option<TcpListener>,
}

/// A hub whose sockets are bound and that serves nobody yet.
#[derive(Debug)]
pub struct App {
    hub: Arc<Hub>,
    audit: Option<Arc<AuditLog>>,
    devices: Arc<Devices>,
    device_listener: Listener,
    device_addr: SocketAddr,
    callers: Arc<Callers>,
    http_listener: Listener,
    http_addr: SocketAddr,
    keeper: Option<Keeper>,
    admin: Option<(Arc<Admin>, Listener, SocketAddr)>,
    tls: tls::Ports,
    registry: Arc<Registry>,
    client: backend::Client,
    lock: Option<HubLock>,
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
    /// The audit log cannot be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A key of callers' tokens is of no use.
    #[error("callers' tokens cannot be verified")]
    Keys(#[from] SourceError),
    /// The value is no HTTP header.
    #[error("--cors-origin is no header value")]
    CorsOrigin(#[source] hyper::header::InvalidHeaderValue),
    /// TLS cannot begin.
    #[error(transparent)]
    Tls(#[from] tls::OpenError),
    /// Somebody else uses the data folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store is of no use.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The registry shall be asked, but there is no folder for it.
    #[error("the registry of devices needs --data-dir")]
    NoDataDir,
    /// It is not known whose certificates backends must show.
    #[error("--backend-ca is of no use")]
    Trust(#[from] TrustError),
    /// No random bytes from the system.
    #[error("no secret can be made")]
    Random(#[from] RandomError),
}

impl App {
    /// Makes and binds everything.
    ///
    /// # Errors
    ///
    /// [`BuildError`].
    pub fn build(config: &Config, ports: Ports, reload: Reload, shutdown: Shutdown) -> Result<Self, BuildError> {
        Self::build_on(Sockets::default(), config, ports, reload, shutdown)
    }

    /// Makes everything, and binds what is not among `sockets`.
    ///
    /// # Errors
    ///
    /// [`BuildError`].
    pub fn build_on(
        sockets: Sockets,
        config: &Config,
        ports: Ports,
        reload: Reload,
        shutdown: Shutdown,
    ) -> Result<Self, BuildError> {
        let data_dir = config.data_dir.as_deref().map(DataDir::open).transpose()?;
        let mut all_metrics = ports.metrics;
        show_process(&mut all_metrics);
        let registry = all_metrics.sub_registry_with_prefix(METRICS_PREFIX);
        let readiness = ports.readiness;
        let tls = tls::Ports::open(&config.tls, data_dir.as_ref(), reload.subscribe(), registry)?;
        let connections = net::Metrics::register(registry);
        let (device_port, http_port) = (connections.port("devices"), connections.port("callers"));
        let (device_listener, device_addr) = bind(
            sockets.devices,
            device_port.clone(),
            "device-addr",
            config.device.addr,
            config.device.max_connections,
        )?;
        let (http_listener, http_addr) =
            bind(sockets.callers, http_port.clone(), "http-addr", config.http.addr, config.http.max_connections)?;
        let gate = |port, tls, max| Gate::new(tls).counted(port).behind(&config.proxies).with_max_per_peer(max);
        let device_gate = gate(device_port, tls.of(Port::Devices), config.device.max_connections_per_peer);
        let http_gate = gate(http_port, tls.of(Port::Callers), config.http.max_connections_per_peer);
        let audit = config.audit.as_ref().map(|config| AuditLog::open(config, registry)).transpose()?.map(Arc::new);
        let hub = Hub::new(config.hub, ports.verifier, ports.services, Metrics::register(registry));
        let hub = hub.with_devices(ports.devices).with_audit(audit.clone().map(|audit| audit as Arc<dyn Audit>));
        let hub = Arc::new(hub);
        let devices = Devices::new(&config.device, device_gate, Arc::clone(&hub), shutdown.clone());
        registry.register_collector(Box::new(Arc::clone(&hub)));
        registry.register_collector(Box::new(Arc::clone(&devices)));
        let metrics = http::Metrics::register(registry);
        let keeper = keeper(config, &ports.client, registry)?;
        let limits = http::Limits::new(config.http.limits, http::LimitMetrics::register(registry));
        let callers_access = http::Access::new(http_gate, keeper.as_ref().map(Keeper::tokens), limits);
        let callers = Callers::new(config.http.clone(), callers_access, Arc::clone(&hub), metrics, shutdown.clone());
        watch("device-addr", &device_listener, device_addr, config.device.liveness)?;
        watch("http-addr", &http_listener, http_addr, config.http.liveness)?;
        let callers = callers.map_err(BuildError::CorsOrigin)?;
        let registry = Arc::new(all_metrics);
        let admin = match &config.admin {
            None => None,
            Some(config) => {
                let port = connections.port("operators");
                let (listener, addr) = bind(sockets.admin, port, "admin-addr", config.addr, MAX_ADMIN_CONNECTIONS)?;
                warn_if_open_to_the_network(addr);
                let access = Access::new(config.guard.clone().at(addr), data_dir)?;
                let admin =
                    Admin::new(Arc::clone(&hub), Arc::clone(&registry), access, readiness.clone(), shutdown.clone());
                Some((admin, listener, addr))
            }
        };
        let mut lock = ports.lock;
        if let Some(lock) = &mut lock {
            lock.announce(admin.as_ref().map(|(_, _, addr)| *addr))?;
        }
        let drain = config.drain;
        Ok(Self {
            hub,
            audit,
            devices,
            device_listener,
            device_addr,
            callers,
            http_listener,
            http_addr,
            keeper,
            admin,
            tls,
            registry,
            client: ports.client,
            lock,
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

    /// Whether a port has TLS.
    pub fn has_tls(&self, port: Port) -> bool {
        self.tls.of(port).is_some()
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

    /// What is counted, as `/metrics` shows it.
    pub fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.registry)
    }

    /// Serves until the shutdown begins, then lets the calls in flight end, then closes the devices' sessions.
    pub async fn run(self) {
        let (device_tasks, caller_tasks) = (TaskTracker::new(), TaskTracker::new());
        let reload_trust = tokio::spawn(reload_trust(self.client, self.reload.subscribe()));
        let sweep = {
            let hub = Arc::clone(&self.hub);
            tokio::spawn(async move { hub.sweep().await })
        };
        let follow_audit = self.audit.clone().map(|audit| {
            let reloads = self.reload.subscribe();
            tokio::spawn(async move { audit.follow(reloads).await })
        });
        let certificates = tokio::spawn(self.tls.keep_up_to_date());
        // Each port has a task of its own: a storm at one does not hold back the others.
        let (devices, tasks) = (self.devices, device_tasks.clone());
        let accept_devices =
            tokio::spawn(self.device_listener.run(self.shutdown.clone(), move |stream, peer, permit| {
                tasks.spawn(Arc::clone(&devices).serve(stream, peer, permit));
            }));
        let (callers, tasks) = (self.callers, caller_tasks.clone());
        let accept_callers =
            tokio::spawn(self.http_listener.run(self.shutdown.clone(), move |stream, peer, permit| {
                tasks.spawn(Arc::clone(&callers).serve(stream, peer, permit));
            }));
        let follow_admin = self.admin.as_ref().map(|(admin, ..)| {
            let (admin, reloads) = (Arc::clone(admin), self.reload.subscribe());
            tokio::spawn(async move { admin.follow(reloads).await })
        });
        let keeper =
            self.keeper.map(|keeper| tokio::spawn(keeper.run(self.reload.subscribe(), self.readiness.clone())));
        let end = Shutdown::new();
        let operators = tokio::spawn(serve_admin(self.admin, end.clone()));
        for accept in [accept_devices, accept_callers] {
            if let Err(error) = accept.await {
                tracing::error!(%error, "a port was given up");
            }
        }
        tracing::info!(devices = self.hub.devices_online(), callers = caller_tasks.len(), "draining");
        drain("callers", &caller_tasks, self.drain).await;
        self.hub.close_all();
        drain("devices", &device_tasks, CLOSE_GRACE).await;
        sweep.abort();
        certificates.abort();
        follow_audit.inspect(JoinHandle::abort);
        if let Some(audit) = &self.audit {
            audit.close().await;
        }
        reload_trust.abort();
        follow_admin.inspect(JoinHandle::abort);
        keeper.inspect(JoinHandle::abort);
        end.trigger();
        // It panics only if the accept loop did, and then it is over as well.
        let _ = operators.await;
        certificates.abort();
        drop(self.lock);
    }
}

/// Reads the authorities that backends' certificates come from again at each reload, for ever.
async fn reload_trust(client: backend::Client, mut reloads: Reloads) {
    loop {
        reloads.next().await;
        if let Err(error) = client.reload() {
            tracing::error!(error = %telemetry::chain(&error), "--backend-ca cannot be read again, the old authorities stay");
        }
    }
}

/// What checks the tokens of callers, unless they need none.
fn keeper(config: &Config, client: &backend::Client, registry: &mut Registry) -> Result<Option<Keeper>, BuildError> {
    let metrics = token::Metrics::register(registry);
    let Some(tokens) = &config.tokens else {
        if !config.http.addr.ip().is_loopback() {
            tracing::warn!("INSECURE: callers need no token: who reaches their port can call every device");
        }
        return Ok(None);
    };
    let key_sets = KeySets::new(client.clone());
    Ok(Some(token::Tokens::open(tokens, Arc::new(key_sets), metrics)?))
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
    given: Option<TcpListener>,
    port: PortMetrics,
    flag: &'static str,
    addr: SocketAddr,
    max: usize,
) -> Result<(Listener, SocketAddr), BuildError> {
    let failed = |source| BuildError::Bind { addr, flag, source };
    let listener = match given {
        Some(socket) => net::adopt(port, socket, max),
        None => net::bind(port, addr, max),
    };
    let listener = listener.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn watch(flag: &'static str, listener: &Listener, addr: SocketAddr, liveness: Liveness) -> Result<(), BuildError> {
    listener.watch(liveness).map_err(|source| BuildError::Bind { addr, flag, source })
}

/// An operator or two, a scraper, a script: one that leaks connections runs into this before it takes the callers' descriptors.
const MAX_ADMIN_CONNECTIONS: usize = 64;

/// What the name of every metric of ours begins with.
const METRICS_PREFIX: &str = "rtio";

/// How long the closing of sessions may take: nothing is awaited from devices, so it is the work of closing a million.
const CLOSE_GRACE: Duration = Duration::from_secs(5);
