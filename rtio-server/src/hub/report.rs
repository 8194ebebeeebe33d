//! Device → service → device: one CoPOST of a device, answered within a time limit.

use std::sync::Arc;
use std::time::Duration;

use super::ports::DeviceService;
use super::{DeviceId, DeviceLink, Hub, StatusCode, UriDigest};

/// One CoPOST of a device.
#[derive(Debug)]
pub struct Report<'a> {
    /// Who sends it.
    pub device: &'a DeviceId,
    /// The session that it came by.
    pub link: &'a dyn DeviceLink,
    /// What it says: what fits the agreed capacity.
    pub data: Vec<u8>,
}

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
        self.services.find(digest)
    }
}

/// Hands a device's CoPOST, which came by `link`, to its service.
///
/// # Cancel safety
///
/// Dropping the future gives the answer up; the service may have acted.
pub async fn post(
    service: Arc<dyn DeviceService>,
    device: &DeviceId,
    link: &dyn DeviceLink,
    data: Vec<u8>,
) -> ReportAnswer {
    let report = Report { device, link, data };
    let answer = tokio::time::timeout(SERVICE_TIMEOUT, service.post(report)).await;
    answer.unwrap_or(ReportAnswer::empty(StatusCode::InternalError))
}

/// A backend's answer to a device's CoPOST (docs/protocol.md §5).
const SERVICE_TIMEOUT: Duration = Duration::from_secs(5);
