//! The hub: who is online, and what callers, devices and backends want of each other.
//!
//! The edges (`device`, `http`) call it; `backend` implements the traits in [`ports`]. It knows no socket, no HTTP, no TLS and
//! no file, and of the device protocol only value types: a device is whatever implements [`DeviceLink`].

pub mod ports;

mod audit;
mod backoff;
mod call;
mod call_metrics;
mod device_id;
mod device_link;
mod device_manager;
mod device_registry;
mod dispute;
mod error;
mod events;
#[cfg(test)]
pub(crate) mod fake_link;
mod feed;
mod group_call;
mod id_pattern;
mod latency;
mod listing;
mod metrics;
mod observe;
mod outcome;
mod pace;
mod presence;
mod recent;
mod registry;
mod report;
mod service_info;
mod service_map;
mod services;
mod shadow;
mod verify;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

pub use audit::{Audit, AuditEntry, AuditEvent};
pub use backoff::network_of;
pub use call::CallRequest;
pub use device_id::{DeviceId, InvalidDeviceId};
pub use device_link::{CallReply, DeviceLink, Ending, LinkInfo, Protocol, RequestParts};
pub use device_manager::DeviceManager;
pub use device_registry::{
    Access, Credential, DeviceRecord, DeviceSecret, MIN_SECRET_BYTES, NewDevice, OldSecret, RegistryError,
    SecretRecord, UnfitSecret,
};
pub use dispute::Slowed;
pub use error::{CallError, Cap, Delivery, Fault, Stage};
pub use events::{Change, Epoch, Event, EventFilter, EventId, EventKind, Events, Gap, OfflineCause, Page};
pub use feed::{Feed, FeedEnd};
pub use group_call::{Group, GroupCall, GroupCaller};
pub use id_pattern::{IdPattern, InvalidIdPattern};
pub use listing::ListRequest;
pub use metrics::Metrics;
pub use observe::{ObservationItem, Watch};
pub use presence::{Presence, TooManyDisputes};
pub use recent::Recent;
pub use report::{Report, ReportAnswer, post};
pub use service_info::{BackendInfo, ServiceInfo, ServiceSource};
pub use service_map::{MappedService, ServiceMap};
pub use services::Services;
pub use shadow::{Answered, AnsweredBy, ShadowRefusal};
// The border to the device edge is crossed with the protocol's own value types.
pub use rtio_proto::session::{CallId, ObservationId};
pub use rtio_proto::{StatusCode, UriDigest};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use dispute::Disputes;
use ports::{DeviceRegistry, Shadow, Verifier};
use registry::Registry;
use verify::Door;

/// What an operator may change about the core.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long a device that was asked may be silent before its transport is asked whether it is there.
    pub ack_timeout: Duration,
    /// Most observations of all devices; one more is refused.
    pub max_observations: usize,
    /// Most verifications that begin in a second; more wait for their turn, 10 s at most.
    pub max_verifications_per_second: u32,
    /// Events of devices' presence that are kept for who asks later; the oldest is forgotten.
    pub max_events: usize,
}

/// The core of the process. One per hub, shared by all tasks.
pub struct Hub {
    limits: Limits,
    observations: Arc<Semaphore>,
    registry: Registry,
    disputes: Mutex<Disputes>,
    /// Newcomers that a dispute slows.
    slowed: Arc<Semaphore>,
    audit: Option<Arc<dyn Audit>>,
    verifier: Arc<dyn Verifier>,
    devices: Option<Arc<dyn DeviceRegistry>>,
    shadow: Option<Arc<dyn Shadow>>,
    revocations: AtomicU64,
    door: Door,
    services: Services,
    events: Events,
    metrics: Metrics,
}

impl Hub {
    /// A hub without devices that asks `verifier` whom to let in, and hands what devices send to `services`.
    pub fn new(limits: Limits, verifier: Arc<dyn Verifier>, services: Services, metrics: Metrics) -> Self {
        let observations = Arc::new(Semaphore::new(limits.max_observations.min(Semaphore::MAX_PERMITS)));
        Self {
            limits,
            observations,
            registry: Registry::new(),
            disputes: Mutex::default(),
            slowed: Arc::new(Semaphore::new(MAX_SLOWED)),
            audit: None,
            verifier,
            devices: None,
            shadow: None,
            revocations: AtomicU64::new(0),
            door: Door::new(limits.max_verifications_per_second),
            services,
            events: Events::new(limits.max_events),
            metrics,
        }
    }

    /// The same hub, whose operators may change `devices`.
    #[must_use]
    pub fn with_devices(mut self, devices: Option<Arc<dyn DeviceRegistry>>) -> Self {
        self.devices = devices;
        self
    }

    /// The same hub, in which `shadow` answers callers on behalf of its devices.
    #[must_use]
    pub fn with_shadow(mut self, shadow: Option<Arc<dyn Shadow>>) -> Self {
        self.shadow = shadow;
        self
    }

    /// Who answers callers for this URI of this device, if not the device.
    fn shadow_of(&self, device: &DeviceId, uri: &str) -> Option<&dyn Shadow> {
        self.shadow.as_deref().filter(|shadow| shadow.has(device, uri))
    }

    /// From now on `audit` gets an entry for each call and observation.
    #[must_use]
    pub fn with_audit(mut self, audit: Option<Arc<dyn Audit>>) -> Self {
        self.audit = audit;
        self
    }

    /// Where entries about calls go, if anywhere.
    pub fn audit(&self) -> Option<&Arc<dyn Audit>> {
        self.audit.as_ref()
    }

    /// Who came and who went lately.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// Who answers what devices send.
    pub const fn services(&self) -> &Services {
        &self.services
    }

    /// What happened so far.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

/// Without the sessions: they refer to the hub, and there may be a million.
impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("devices_online", &self.devices_online())
            .field("verifier", &self.verifier)
            .field("services", &self.services)
            .field("metrics", &self.metrics)
            .finish()
    }
}

/// Newcomers that may wait at the same time because of a dispute; one more is sent away to come back later.
const MAX_SLOWED: usize = 1024;
