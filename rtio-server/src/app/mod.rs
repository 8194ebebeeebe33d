//! The one place that wires the parts together. Building makes and binds everything; running starts it.
//!
//! Called by the executable, and by tests that want a hub in their own process. The only module that knows all others.

mod build;
mod error;
mod port;
mod ports;
mod run;
mod upkeep;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;

use crate::admin::Admin;
use crate::backend::Webhooks;
use crate::device::Devices;
use crate::http::Callers;
use crate::hub::Hub;
use crate::hub_lock::HubLock;
use crate::mqtt::Mqtt;
use crate::net::tls;
use crate::readiness::Readiness;
use crate::shutdown::Shutdown;

pub use error::BuildError;
pub use port::Sockets;
pub use ports::Ports;

use port::Port;
use upkeep::Upkeep;

/// A hub whose sockets are bound and that serves nobody yet.
#[derive(Debug)]
pub struct App {
    hub: Arc<Hub>,
    devices: Port<Devices>,
    mqtt: Option<Port<Mqtt>>,
    callers: Port<Callers>,
    operators: Option<Port<Admin>>,
    upkeep: Upkeep,
    webhooks: Webhooks,
    registry: Arc<Registry>,
    /// Held until the end, so that nobody else uses the data folder before.
    lock: Option<HubLock>,
    drain: Duration,
    readiness: Readiness,
    shutdown: Shutdown,
}

impl App {
    /// Where devices connect.
    pub const fn device_addr(&self) -> SocketAddr {
        self.devices.addr()
    }

    /// Where devices with MQTT connect, if they may.
    pub fn mqtt_addr(&self) -> Option<SocketAddr> {
        self.mqtt.as_ref().map(Port::addr)
    }

    /// Where callers connect.
    pub const fn http_addr(&self) -> SocketAddr {
        self.callers.addr()
    }

    /// Whether a port has TLS.
    pub fn has_tls(&self, port: tls::Port) -> bool {
        self.upkeep.tls.of(port).is_some()
    }

    /// Where operators connect, unless they may not.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.operators.as_ref().map(Port::addr)
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
}

/// What the name of every metric of ours begins with.
const METRICS_PREFIX: &str = "rtio";
