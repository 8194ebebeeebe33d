//! Who says whether a control device may hold a session: always the registry, in which its secret is. All other devices are asked about
//! as the operator configured, so that a hub with a verifier of its own, or with none, serves control devices, too.

use std::sync::Arc;

use super::{Realer, is_control_device};
use crate::hub::DeviceId;
use crate::hub::ports::{BoxFuture, Verification, Verifier};

/// Asks the registry about control devices, and the configured verifier about the others.
#[derive(Debug)]
pub struct ControlDeviceVerifier {
    /// Knows the secrets of control devices.
    pub registry: Arc<dyn Verifier>,
    /// Knows what is agreed with them.
    pub realer: Arc<Realer>,
    /// Knows all other devices.
    pub others: Arc<dyn Verifier>,
}

impl Verifier for ControlDeviceVerifier {
    fn verify<'a>(&'a self, device: &'a DeviceId, secret: &'a [u8]) -> BoxFuture<'a, Verification> {
        if is_control_device(device) {
            Box::pin(self.verify_control_device(device, secret))
        } else {
            self.others.verify(device, secret)
        }
    }
}

impl ControlDeviceVerifier {
    /// One that may not use rtio is refused, whatever its secret: else it would hold a session that serves it nothing.
    async fn verify_control_device(&self, device: &DeviceId, secret: &[u8]) -> Verification {
        let verdict = self.registry.verify(device, secret).await;
        if !matches!(verdict, Verification::Accepted | Verification::AcceptedBy(_)) {
            return verdict;
        }
        match self.realer.store().control_device(device).await {
            Ok(Some(control)) if !control.settings.protocols.rtio => {
                tracing::debug!(%device, "control device refused: rtio is not among its protocols");
                Verification::Refused
            }
            // A device of the registry that merely has such a name is let in, and has no runtime.
            Ok(_) => verdict,
            Err(error) => {
                tracing::error!(%device, %error, "the registry cannot be read");
                Verification::Unavailable
            }
        }
    }
}
