//! Device → service → device: one CoPOST of a device, answered within a time limit.

use std::sync::Arc;
use std::time::Duration;

use super::ports::{BoxFuture, DeviceService};
use super::{DeviceId, Hub, StatusCode, UriDigest};

/// What a device gets for its CoPOST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportAnswer {
    /// How it went.
    pub status: StatusCode,
    /// What came of it; what does not fit one message makes it an internal error.
    pub data: Vec<u8>,
}

impl ReportAnswer {
    /// An answer without data.
    pub const fn empty(status: StatusCode) -> Self {
        Self { status, data: Vec::new() }
    }
}

impl Hub {
    /// Who answers for this URI. `None`: nobody, and the device is to be told NotFound.
    pub fn service(&self, digest: UriDigest) -> Option<Arc<dyn DeviceService>> {
        self.services.get(&digest).cloned()
    }
}

/// Hands a device's CoPOST to its service.
pub fn post(service: Arc<dyn DeviceService>, device: DeviceId, data: Vec<u8>) -> BoxFuture<'static, ReportAnswer> {
    Box::pin(async move {
        let answer = tokio::time::timeout(SERVICE_TIMEOUT, service.post(&device, data)).await;
        answer.unwrap_or(ReportAnswer::empty(StatusCode::InternalError))
    })
}

/// A backend's answer to a device's CoPOST (docs/protocol.md §5).
const SERVICE_TIMEOUT: Duration = Duration::from_secs(5);
