//! A hub in this process: `hub().with_verifier(Secret(b"s3")).start().await`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Command, FromArgMatches};
use prometheus_client::registry::Registry;
use rtio_server::admin::{self, Guard};
use rtio_server::app::{App, Ports};
use rtio_server::backend::{BackendUrl, HttpDeviceService, ServiceDefinition, Target, Trust, VerifierConfig};
use rtio_server::config::{Config, RawConfig, VerifierChoice};
use rtio_server::hub::ports::{DeviceRegistry, DeviceService, Verifier};
use rtio_server::hub::{Hub, MappedService, ServiceSource};
use rtio_server::readiness::Readiness;
use rtio_server::realer::Realer;
use rtio_server::reload::Reload;
use rtio_server::shutdown::Shutdown;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::tls::{Ca, PortFiles, TlsClient};
use super::wait::{eventually, within};
use super::{Caller, Device, Peer, Reply};

/// A hub with all defaults of `rtio serve --dev`, on free ports.
pub(crate) fn hub() -> Builder {
    let config = config(&[]);
    let ports = Ports::configured(&config).expect("the ports can be made");
    Builder { config, ports, services: BTreeMap::new(), device_tls: None, mqtt_tls: None, http_tls: None, folder: None }
}

fn config(flags: &[&str]) -> Config {
    let command = RawConfig::augment_args(Command::new("serve"));
    let always =
        ["serve", "--dev", "--device-addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0", "--admin-addr", "off"];
    let matches = command.try_get_matches_from(always.iter().chain(flags)).expect("the flags exist");
    let raw = RawConfig::from_arg_matches(&matches).expect("the flags are sound");
    Config::try_from(raw).expect("--dev is enough")
}

/// A hub that is being described.
#[derive(Debug)]
pub(crate) struct Builder {
    config: Config,
    ports: Ports,
    services: BTreeMap<Arc<str>, Arc<dyn DeviceService>>,
    device_tls: Option<PortFiles>,
    mqtt_tls: Option<PortFiles>,
    http_tls: Option<PortFiles>,
    folder: Option<TempDir>,
}

/// A hub that serves.
#[derive(Debug)]
pub(crate) struct TestHub {
    pub(crate) device_addr: SocketAddr,
    pub(crate) http_addr: SocketAddr,
    admin_addr: Option<SocketAddr>,
    mqtt_addr: Option<SocketAddr>,
    pub(crate) readiness: Readiness,
    pub(crate) reload: Reload,
    pub(crate) core: Arc<Hub>,
    pub(crate) shutdown: Shutdown,
    /// Of the ports that have TLS; a test may write them anew.
    pub(crate) device_tls: Option<PortFiles>,
    pub(crate) mqtt_tls: Option<PortFiles>,
    pub(crate) http_tls: Option<PortFiles>,
    realer: Option<Arc<Realer>>,
    registry: Arc<Registry>,
    run: JoinHandle<()>,
    /// Its data folder, where nobody else has made one.
    _folder: Option<TempDir>,
}

impl Builder {
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// With these flags beside those that every test hub has; anything else that was changed before is lost.
    pub(crate) fn with_flags(mut self, flags: &[&str]) -> Self {
        self.config = config(flags);
        self
    }

    pub(crate) fn with_verifier(mut self, verifier: impl Verifier + 'static) -> Self {
        self.ports.verifier = Arc::new(verifier);
        self
    }

    /// Operators may change `registry`; the verifier is another matter.
    pub(crate) fn with_registry(mut self, registry: Arc<dyn DeviceRegistry>) -> Self {
        self.ports.devices = Some(registry);
        self
    }

    /// Asks the operator's service at `url`.
    pub(crate) fn with_verifier_at(mut self, url: &str, change: impl FnOnce(&mut VerifierConfig, &mut Trust)) -> Self {
        let url = BackendUrl::parse(url).expect("a URL");
        let mut verifier = VerifierConfig { url, max_in_flight: 256, cache_ttl: Duration::ZERO };
        change(&mut verifier, &mut self.config.backend.trust);
        self.config.verifier = VerifierChoice::Http(verifier);
        self.ports = Ports::configured(&self.config).expect("the ports can be made");
        self
    }

    /// What stands behind the ports, too, is as the changed configuration says.
    pub(crate) fn with_ports_of(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self.ports = Ports::configured(&self.config).expect("the ports can be made");
        self
    }

    pub(crate) fn with_service(mut self, uri: &str, service: impl DeviceService + 'static) -> Self {
        self.services.insert(uri.into(), Arc::new(service));
        let services = self.services.iter().map(|(uri, service)| MappedService {
            uri: Arc::clone(uri),
            source: ServiceSource::File,
            service: Arc::clone(service),
        });
        self.ports.services.replace(Arc::new(services.collect()));
        self
    }

    /// Posts what devices send to `uri` to the service behind `target`.
    pub(crate) fn with_target(self, uri: &str, target: &Arc<Target>) -> Self {
        let (client, metrics) = (self.ports.client.clone(), self.ports.asked.clone());
        let service = HttpDeviceService::new(uri, Arc::clone(target), client, metrics);
        self.with_service(uri, service)
    }

    /// Posts what devices send to `uri` to a service of its own.
    pub(crate) fn with_backend(self, uri: &str, definition: ServiceDefinition) -> Self {
        self.with_target(uri, &Arc::new(Target::new(definition)))
    }

    /// Keeps what must survive a restart; comes before services.
    pub(crate) fn with_data_dir(mut self, dir: &Path) -> Self {
        self.config.data_dir = Some(dir.to_owned());
        self.ports = Ports::configured(&self.config).expect("the ports can be made");
        self
    }

    /// Serves control devices, with a data folder of its own; comes before services.
    pub(crate) fn with_realer(mut self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        self = self.with_data_dir(folder.path());
        self.folder = Some(folder);
        self
    }

    /// Serves MQTT without TLS; comes after [`with_realer`](Self::with_realer).
    pub(crate) fn with_mqtt(mut self) -> Self {
        self.config.mqtt = config(&["--data-dir", "/not/used", "--mqtt-addr", "127.0.0.1:0"]).mqtt;
        self
    }

    /// Serves MQTT with TLS, with a certificate of `ca` for localhost and 127.0.0.1; comes after [`with_realer`](Self::with_realer).
    pub(crate) fn with_mqtt_tls(mut self, ca: &Ca) -> Self {
        let files = PortFiles::new(&ca.server());
        self.config.tls.mqtt = Some(files.config());
        self.mqtt_tls = Some(files);
        self.with_mqtt()
    }

    /// Signs what it posts with the keys in a file; comes before services.
    pub(crate) fn with_signing_keys(mut self, file: &Path) -> Self {
        self.config.backend.signing_key_file = Some(file.to_owned());
        self.ports = Ports::configured(&self.config).expect("the ports can be made");
        self
    }

    /// A port for operators, who are known as `guard` says.
    pub(crate) fn with_operators(self, guard: Guard) -> Self {
        self.with(|config| config.admin = Some(admin::Config { addr: ([127, 0, 0, 1], 0).into(), guard }))
    }

    /// The devices' port has TLS, with a certificate of `ca` for localhost and 127.0.0.1.
    pub(crate) fn with_device_tls(mut self, ca: &Ca) -> Self {
        let files = PortFiles::new(&ca.server());
        self.config.tls.device = Some(files.config());
        self.device_tls = Some(files);
        self
    }

    /// The devices' port has TLS and asks devices for a certificate of the same `ca`.
    pub(crate) fn with_device_client_certificates(mut self, ca: &Ca) -> Self {
        let files = PortFiles::new(&ca.server());
        self.config.tls.device = Some(files.config_with_client_ca(ca));
        self.device_tls = Some(files);
        self
    }

    /// The callers' port has TLS, with a certificate of `ca` for localhost and 127.0.0.1.
    pub(crate) fn with_http_tls(mut self, ca: &Ca) -> Self {
        let files = PortFiles::new(&ca.server());
        self.config.tls.http = Some(files.config());
        self.http_tls = Some(files);
        self
    }

    pub(crate) async fn start(self) -> TestHub {
        rtio_server::net::tls::install_provider();
        let (shutdown, reload, realer) = (Shutdown::new(), Reload::new(), self.ports.realer.clone());
        let app = App::build(&self.config, self.ports, reload.clone(), shutdown.clone()).expect("free ports exist");
        let (device_addr, http_addr, admin_addr, core) =
            (app.device_addr(), app.http_addr(), app.admin_addr(), app.hub());
        let (readiness, mqtt_addr) = (app.readiness(), app.mqtt_addr());
        let (device_tls, http_tls, registry) = (self.device_tls, self.http_tls, app.registry());
        let run = tokio::spawn(app.run());
        TestHub {
            device_addr,
            http_addr,
            admin_addr,
            mqtt_addr,
            readiness,
            reload,
            core,
            shutdown,
            device_tls,
            mqtt_tls: self.mqtt_tls,
            http_tls,
            realer,
            registry,
            run,
            _folder: self.folder,
        }
    }
}

impl TestHub {
    /// The runtime of control devices.
    pub(crate) fn realer(&self) -> &Realer {
        self.realer.as_deref().expect("the hub was made with a data folder")
    }

    /// A device that is connected and verified, at capacity level 0.
    pub(crate) async fn device(&self, id: &str) -> Device {
        self.device_at_level(id, 0).await
    }

    pub(crate) async fn device_at_level(&self, id: &str, level: u8) -> Device {
        Device::verify(self.peer().await, id, level).await
    }

    /// A connection to the device port that has said nothing.
    pub(crate) async fn peer(&self) -> Peer {
        Peer::connect(self.device_addr).await
    }

    /// A connection to the device port over TLS that has said nothing.
    pub(crate) async fn tls_peer(&self, client: &TlsClient) -> Peer {
        Peer::over(client.connects(self.device_addr).await)
    }

    /// A device over TLS that is connected and verified, at capacity level 0.
    pub(crate) async fn tls_device(&self, client: &TlsClient, id: &str) -> Device {
        self.tls_device_at_level(client, id, 0).await
    }

    pub(crate) async fn tls_device_at_level(&self, client: &TlsClient, id: &str, level: u8) -> Device {
        Device::verify(self.tls_peer(client).await, id, level).await
    }

    /// A caller over TLS, which speaks HTTP/1.1.
    pub(crate) async fn tls_caller(&self, client: &TlsClient) -> Caller {
        Caller::over(client.clone().with_alpn(&[b"http/1.1"]).connects(self.http_addr).await)
    }

    pub(crate) async fn caller(&self) -> Caller {
        Caller::connect(self.http_addr).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn asks(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.caller().await.asks(method, path, headers, body).await
    }

    /// One request of an operator, on a connection of its own.
    pub(crate) async fn is_operated(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.operator().await.asks(method, path, headers, b"").await
    }

    /// A connection to the operators' port.
    pub(crate) async fn operator(&self) -> Caller {
        Caller::connect(self.admin_addr()).await
    }

    /// Where operators connect.
    pub(crate) fn admin_addr(&self) -> SocketAddr {
        self.admin_addr.expect("the hub has a port for operators")
    }

    /// Where devices with MQTT connect.
    pub(crate) fn mqtt_addr(&self) -> SocketAddr {
        self.mqtt_addr.expect("the hub has a port for MQTT")
    }

    /// One call in the direct form, on a connection of its own.
    pub(crate) async fn calls(&self, path: &str, data: &[u8]) -> Reply {
        self.asks("POST", path, &[], data).await
    }

    /// One call in the direct form that goes on while the test does something else.
    pub(crate) fn is_called(&self, path: &str, data: &[u8]) -> JoinHandle<Reply> {
        self.is_asked("POST", path, &[], data)
    }

    pub(crate) fn is_asked(
        &self,
        method: &'static str,
        path: &str,
        headers: &'static [(&str, &str)],
        body: &[u8],
    ) -> JoinHandle<Reply> {
        let (addr, path, body) = (self.http_addr, path.to_owned(), body.to_vec());
        tokio::spawn(async move { Caller::connect(addr).await.asks(method, &path, headers, &body).await })
    }

    /// A caller that observes `uri` of the device, in the direct form, and the device's end of it.
    pub(crate) async fn observes(&self, device: &mut Device, path: &str) -> (Caller, u16) {
        let mut caller = self.caller().await;
        caller.sends(&super::caller::request("GET", path, &[], b"")).await;
        let observer = device.begins_observation().await;
        assert_eq!(caller.head().await.status, 200);
        (caller, observer)
    }

    /// The value of a counter, such as `token_cache_hits_total` or `calls_total{outcome="ok"}`.
    pub(crate) fn counts(&self, name: &str) -> u64 {
        let (metrics, name) = (self.metrics(), format!("rtio_{name} "));
        let value = metrics.lines().find_map(|line| line.strip_prefix(&name)).expect("the counter exists");
        value.parse().expect("a whole number")
    }

    /// What `/metrics` shows.
    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).expect("metrics are text");
        text
    }

    /// Sessions that ended for `reason`.
    pub(crate) fn sessions_ended(&self, reason: &'static str) -> u64 {
        self.core.metrics().sessions_ended(reason)
    }

    /// Waits until a session more than `before` has ended for `reason`.
    pub(crate) async fn ends_session(&self, reason: &'static str, before: u64) {
        eventually(reason, || self.sessions_ended(reason) > before).await;
    }

    pub(crate) async fn has_dropped_answers(&self, count: u64) {
        eventually("late answers are counted", || self.core.metrics().answers_dropped.get() == count).await;
    }

    /// Begins the shutdown and waits for its end.
    pub(crate) async fn stops(self) {
        self.shutdown.trigger();
        self.has_stopped().await;
    }

    /// Waits for the end of a shutdown that the test began.
    pub(crate) async fn has_stopped(self) {
        within("the hub stops", self.run).await.expect("the hub does not panic");
    }
}
