//! As whom a device connects to a broker.

use crate::realer::device_id;

/// The tuple that a device connects with: client id and user name are its id.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// Index of the device.
    pub(crate) device: u64,
    /// `None` at a broker that lets everybody in.
    pub(crate) password: Option<String>,
}

impl Account {
    /// At a broker that lets everybody in.
    pub(crate) const fn open(device: u64) -> Self {
        Self { device, password: None }
    }

    pub(super) fn id(&self) -> String {
        device_id(self.device)
    }
}
