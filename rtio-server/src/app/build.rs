//! Building: everything is made and bound, nothing is served yet.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Weak};

use prometheus_client::registry::Registry;

use super::port::{Port, Socket, Sockets};
use super::upkeep::Upkeep;
use super::{App, BuildError, METRICS_PREFIX, Ports};
use crate::admin::{self, Access, Admin, EventReaders, Shown, show_process};
use crate::audit::AuditLog;
use crate::backend::{self, KeySets, Webhooks};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::device::Devices;
use crate::http::{self, Callers};
use crate::hub::ports::Shadow;
use crate::hub::{Audit, Hub, Metrics};
use crate::mqtt::{self, Mqtt};
use crate::net::tls;
use crate::net::{self, Gate};
use crate::realer::{self, Pusher, Realer};
use crate::reload::Reload;
use crate::shutdown::Shutdown;
use crate::token::{self, Keeper};

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
        let mut metrics = ports.metrics;
        show_process(&mut metrics);
        let shown = metrics.sub_registry_with_prefix(METRICS_PREFIX);
        let tls = tls::Ports::open(&config.tls, data_dir.as_ref(), reload.subscribe(), shown)?;
        let connections = net::Metrics::register(shown);
        let audit = config.audit.as_ref().map(|config| AuditLog::open(config, shown)).transpose()?.map(Arc::new);
        let hub = Hub::new(config.hub, ports.verifier, ports.services, Metrics::register(shown));
        let hub = hub.with_devices(ports.devices).with_audit(audit.clone().map(|audit| audit as Arc<dyn Audit>));
        let hub = Arc::new_cyclic(|hub_itself| hub.with_shadow(shadow(ports.realer.as_ref(), hub_itself)));
        shown.register_collector(Box::new(Arc::clone(&hub)));
        let keeper = keeper(config, &ports.client, shown)?;
        let (file, client) = (config.file.clone(), ports.client.clone());
        let webhooks = Webhooks::open(file, Arc::clone(&hub), client, reload.subscribe(), shown)?;

        let pusher = ports.realer.as_ref().map(|realer| Pusher::new(Arc::clone(realer), Arc::clone(&hub), shown));
        let parts =
            Parts { config, tls: &tls, connections, hub: &hub, realer: ports.realer.clone(), shutdown: &shutdown };
        let devices = parts.devices(sockets.devices, shown)?;
        let mqtt = parts.mqtt(sockets.mqtt, shown)?;
        let callers = parts.callers(sockets.callers, keeper.as_ref(), shown)?;
        let readers = EventReaders::register(shown);
        let registry = Arc::new(metrics);
        let operators = match &config.admin {
            Some(config) => {
                let socket = parts.operators(sockets.admin, config)?;
                let access = Access::new(config.guard.clone().at(socket.addr), data_dir)?;
                let (readiness, shutdown) = (ports.readiness.clone(), shutdown.clone());
                let shown = Shown { registry: Arc::clone(&registry), readers, realer: ports.realer.clone() };
                let admin = Admin::new(Arc::clone(&hub), shown, access, readiness, shutdown);
                Some(socket.served_by(admin))
            }
            None => None,
        };
        let mut lock = ports.lock;
        if let Some(lock) = &mut lock {
            lock.announce(operators.as_ref().map(Port::addr))?;
        }
        let (client, map, store, realer) = (ports.client, ports.map, ports.store, ports.realer);
        let upkeep = Upkeep { client, map, store, realer, pusher, tls, keeper, reloads: reload.subscribe(), audit };
        let (drain, readiness) = (config.drain, ports.readiness);
        Ok(Self {
            hub,
            devices,
            mqtt,
            callers,
            operators,
            upkeep,
            webhooks,
            registry,
            lock,
            drain,
            readiness,
            shutdown,
        })
    }
}

/// What the ports have in common.
struct Parts<'a> {
    config: &'a Config,
    tls: &'a tls::Ports,
    connections: net::Metrics,
    hub: &'a Arc<Hub>,
    realer: Option<Arc<Realer>>,
    shutdown: &'a Shutdown,
}

impl Parts<'_> {
    fn devices(&self, given: Option<TcpListener>, shown: &mut Registry) -> Result<Port<Devices>, BuildError> {
        let (config, counted) = (&self.config.device, self.connections.port("devices"));
        let gate = self.gate(tls::Port::Devices, counted.clone(), config.max_connections_per_peer);
        let socket = Socket::open(given, counted, "device-addr", config.addr, config.max_connections)?;
        let devices = Devices::new(config, gate, Arc::clone(self.hub), self.shutdown.clone());
        shown.register_collector(Box::new(Arc::clone(&devices)));
        Ok(socket.watched(config.liveness)?.served_by(devices))
    }

    /// The port for MQTT, if there shall be one. Where nobody said where devices find it, they are told its address.
    fn mqtt(&self, given: Option<TcpListener>, shown: &mut Registry) -> Result<Option<Port<Mqtt>>, BuildError> {
        let Some(config) = &self.config.mqtt else {
            if given.is_some() {
                tracing::warn!("a socket for MQTT was given, but there is no --mqtt-addr: nobody is served on it");
            }
            return Ok(None);
        };
        let realer = self.realer.clone().ok_or(BuildError::NoRuntime)?;
        let counted = self.connections.port("mqtt");
        let gate = self.gate(tls::Port::Mqtt, counted.clone(), config.max_connections_per_peer);
        let socket = Socket::open(given, counted, "mqtt-addr", config.addr, config.max_connections)?;
        let has_tls = self.tls.of(tls::Port::Mqtt).is_some();
        if !has_tls && !socket.addr.ip().is_loopback() {
            tracing::warn!(
                addr = %socket.addr,
                "INSECURE: devices with MQTT connect without TLS from the network: who listens there reads their credentials"
            );
        }
        realer.announce_broker(broker_url(socket.addr, has_tls));
        let around = mqtt::Surroundings {
            hub: Arc::clone(self.hub),
            realer,
            metrics: mqtt::Metrics::register(shown),
            shutdown: self.shutdown.clone(),
        };
        let mqtt = Mqtt::new(config, gate, around);
        shown.register_collector(Box::new(Arc::clone(&mqtt)));
        Ok(Some(socket.watched(config.liveness)?.served_by(mqtt)))
    }

    fn callers(
        &self,
        given: Option<TcpListener>,
        keeper: Option<&Keeper>,
        shown: &mut Registry,
    ) -> Result<Port<Callers>, BuildError> {
        let (config, counted) = (&self.config.http, self.connections.port("callers"));
        let gate = self.gate(tls::Port::Callers, counted.clone(), config.max_connections_per_peer);
        let socket = Socket::open(given, counted, "http-addr", config.addr, config.max_connections)?;
        let limits = http::Limits::new(config.limits, http::LimitMetrics::register(shown));
        let access = http::Access::new(gate, keeper.map(Keeper::tokens), limits);
        let (hub, metrics) = (Arc::clone(self.hub), http::Metrics::register(shown));
        let callers = Callers::new(config.clone(), access, hub, metrics, self.shutdown.clone());
        let callers = callers.map_err(BuildError::CorsOrigin)?.with_realer(self.realer.clone());
        Ok(socket.watched(config.liveness)?.served_by(Arc::new(callers)))
    }

    fn operators(&self, given: Option<TcpListener>, config: &admin::Config) -> Result<Socket, BuildError> {
        let counted = self.connections.port("operators");
        let socket = Socket::open(given, counted, "admin-addr", config.addr, MAX_ADMIN_CONNECTIONS)?;
        if !socket.addr.ip().is_loopback() {
            tracing::warn!(
                addr = %socket.addr,
                "operators connect without TLS from the network: who listens there reads their token; use 127.0.0.1 and a tunnel"
            );
        }
        Ok(socket)
    }

    fn gate(&self, port: tls::Port, counted: net::PortMetrics, max_per_peer: u32) -> Gate {
        Gate::new(self.tls.of(port)).counted(counted).behind(&self.config.proxies).with_max_per_peer(max_per_peer)
    }
}

/// Who answers callers on behalf of control devices, where there are any.
fn shadow(realer: Option<&Arc<Realer>>, hub: &Weak<Hub>) -> Option<Arc<dyn Shadow>> {
    let of = |realer| Arc::new(realer::Shadow::new(Arc::clone(realer), Weak::clone(hub))) as _;
    realer.map(of)
}

/// Where this machine's devices find a port for MQTT: all addresses stand for its own.
fn broker_url(mut addr: SocketAddr, has_tls: bool) -> String {
    if addr.ip().is_unspecified() {
        addr.set_ip(if addr.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    format!("{}://{addr}", if has_tls { "mqtts" } else { "mqtt" })
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

/// An operator or two, a scraper, a script: one that leaks connections runs into this before it takes the callers' descriptors.
const MAX_ADMIN_CONNECTIONS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_of_this_machine_find_its_broker() {
        for (addr, has_tls, expected) in [
            ("127.0.0.1:1883", false, "mqtt://127.0.0.1:1883"),
            ("192.0.2.1:8883", true, "mqtts://192.0.2.1:8883"),
            ("0.0.0.0:1883", false, "mqtt://127.0.0.1:1883"),
            ("[::]:8883", true, "mqtts://[::1]:8883"),
        ] {
            assert_eq!(broker_url(addr.parse().unwrap(), has_tls), expected);
        }
    }
}
