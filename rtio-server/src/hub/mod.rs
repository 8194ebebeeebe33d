//! The hub: who is online, and what callers, devices and backends want of each other.
//!
//! The edges (`device`, `http`) call it; `backend` implements the traits in [`ports`]. It knows no socket, no HTTP, no TLS and
//! no file, and of the device protocol only value types: a device is whatever implements [`DeviceLink`].

pub mod ports;

mod call;
mod call_metrics;
mod device_id;
mod device_link;
mod error;
mod feed;
mod id_pattern;
mod latency;
mod listing;
mod metrics;
mod observe;
mod outcome;
mod presence;
mod registry;
mod report;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

pub use call::CallRequest;
pub use device_id::{DeviceId, InvalidDeviceId};
pub use device_link::{CallReply, DeviceLink, Ending, LinkInfo, RequestParts};
pub use error::{CallError, Cap, Delivery, Fault, Stage};
pub use feed::{Feed, FeedEnd};
pub use id_pattern::{IdPattern, InvalidIdPattern};
pub use listing::ListRequest;
pub use metrics::Metrics;
pub use observe::{ObservationItem, Watch};
pub use presence::Presence;
pub use report::{ReportAnswer, post};
// The border to the device edge is crossed with the protocol's own value types.
pub use rtio_proto::session::{CallId, ObservationId};
pub use rtio_proto::{StatusCode, UriDigest};

use ports::{DeviceService, Verifier};
use registry::Registry;

/// The core of the process. One per hub, shared by all tasks.
pub struct Hub {
    registry: Registry,
    verifier: Arc<dyn Verifier>,
    services: HashMap<UriDigest, Arc<dyn DeviceService>>,
    metrics: Metrics,
}

impl Hub {
    /// A hub without devices that asks `verifier` whom to let in, and hands what devices send to a URI to the service of its
    /// digest.
    pub fn new(
        verifier: Arc<dyn Verifier>,
        services: HashMap<UriDigest, Arc<dyn DeviceService>>,
        metrics: Metrics,
    ) -> Self {
        Self { registry: Registry::new(), verifier, services, metrics }
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
