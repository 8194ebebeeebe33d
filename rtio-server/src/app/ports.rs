//! What stands behind the hub's ports: who verifies devices, who serves them, and the store.

use std::fmt;
use std::sync::Arc;

use prometheus_client::registry::Registry;

use super::{BuildError, METRICS_PREFIX};
use crate::backend::{self, AcceptAny, HttpVerifier, MapKeeper, MapMetrics, Signer, Surroundings};
use crate::builtin;
use crate::config::{Config, VerifierChoice};
use crate::data_dir::DataDir;
use crate::hub::Services;
use crate::hub::ports::{DeviceRegistry, Verifier};
use crate::hub_lock::HubLock;
use crate::readiness::Readiness;
use crate::realer::{self, ControlDeviceVerifier, Realer, SteadyClock};
use crate::store::{self, Store};

/// What stands behind the hub's ports.
pub struct Ports {
    /// Says whether a device may connect.
    pub verifier: Arc<dyn Verifier>,
    /// Answer what devices send.
    pub services: Services,
    /// Keeps those of them up to date that are the operator's.
    pub map: MapKeeper,
    /// Asks the operator's services.
    pub client: backend::Client,
    /// What that counts.
    pub asked: backend::Metrics,
    /// Keeps who may connect, where there is a data folder.
    pub devices: Option<Arc<dyn DeviceRegistry>>,
    /// What both of them keep, where there is a data folder.
    pub store: Option<Arc<Store>>,
    /// The control-device runtime, where there is a data folder.
    pub realer: Option<Arc<Realer>>,
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
        let data_dir = config.data_dir.as_deref().map(DataDir::open).transpose()?;
        let lock = data_dir.as_ref().map(HubLock::take).transpose()?;
        let client = client(&config.backend, data_dir.as_ref())?;
        let shown = metrics.sub_registry_with_prefix(METRICS_PREFIX);
        let (asked, stored) = (backend::Metrics::register(shown), store::Metrics::register(shown));
        let open = |dir| Store::open(dir, stored).map(Arc::new);
        let store = data_dir.as_ref().map(open).transpose()?;
        let realer = store.as_ref().map(|store| runtime(Arc::clone(store), config));
        let runtime = realer.iter().flat_map(realer::services);
        let services = Services::new(builtin::services().into_iter().chain(runtime));
        let around = Surroundings {
            client: client.clone(),
            services: services.clone(),
            data_dir,
            readiness: readiness.clone(),
            metrics: asked.clone(),
            map_metrics: MapMetrics::register(shown),
        };
        let map = MapKeeper::open(&config.backend.service_map, around)?;
        let configured: Arc<dyn Verifier> = match (&config.verifier, &store) {
            (VerifierChoice::Any, _) => Arc::new(AcceptAny),
            (VerifierChoice::Registry, Some(store)) => Arc::clone(store) as _,
            (VerifierChoice::Registry, None) => return Err(BuildError::NoDataDir),
            (VerifierChoice::Http(config), _) => {
                Arc::new(HttpVerifier::new(config, client.clone(), readiness.clone(), asked.clone())?)
            }
        };
        let verifier = match (&realer, &store) {
            (Some(realer), Some(store)) => {
                let (registry, realer) = (Arc::clone(store) as _, Arc::clone(realer));
                Arc::new(ControlDeviceVerifier { registry, realer, others: configured })
            }
            _ => configured,
        };
        let devices = store.clone().map(|store| store as Arc<dyn DeviceRegistry>);
        Ok(Self { verifier, services, map, client, asked, devices, store, realer, lock, readiness, metrics })
    }
}

fn runtime(store: Arc<Store>, config: &Config) -> Arc<Realer> {
    Arc::new(Realer::new(store, Arc::new(SteadyClock::new()), config.realer.clone()))
}

/// What asks backends. It signs with the operator's key, else with that of the data folder, else not.
fn client(config: &backend::Config, data_dir: Option<&DataDir>) -> Result<backend::Client, BuildError> {
    let client = backend::Client::new(config.trust.clone())?;
    let signer = match (&config.signing_key_file, data_dir) {
        (Some(path), _) => Signer::of_file(path)?,
        (None, Some(dir)) => Signer::of_data_dir(dir)?,
        (None, None) => return Ok(client),
    };
    Ok(client.signed_by(signer))
}

/// Without the metrics, of which there are many.
impl fmt::Debug for Ports {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = out.debug_struct("Ports");
        debug.field("verifier", &self.verifier).field("services", &self.services).finish_non_exhaustive()
    }
}
