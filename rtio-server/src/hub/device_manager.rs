//! Changes who may connect, and ends the sessions of those who may not any more. Operators come here, through a port or a command.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::ports::{DeviceRegistry, Verification};
use super::{
    Access, DeviceId, DeviceLink, DeviceRecord, DeviceSecret, Ending, Hub, NewDevice, OldSecret, RegistryError,
    SecretRecord,
};

/// The registry, together with the hub whose sessions depend on it.
#[derive(Debug, Clone)]
pub struct DeviceManager {
    registry: Arc<dyn DeviceRegistry>,
    /// `None` where no hub runs, so that there are no sessions.
    hub: Option<Arc<Hub>>,
}

impl DeviceManager {
    /// Changes a registry that no hub uses now.
    pub fn without_hub(registry: Arc<dyn DeviceRegistry>) -> Self {
        Self { registry, hub: None }
    }

    /// The registry to look at.
    pub fn registry(&self) -> &dyn DeviceRegistry {
        &*self.registry
    }

    /// Adds devices, all or none.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub async fn add(&self, devices: Vec<NewDevice>) -> Result<(), RegistryError> {
        self.registry.add(devices).await
    }

    /// Lets a device connect or not. The session of one that may not ends at once.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub async fn set_access(&self, device: &DeviceId, access: Access) -> Result<DeviceRecord, RegistryError> {
        let record = self.registry.set_access(device, access).await?;
        if access == Access::Disabled {
            self.end_session(device, &[]);
        }
        Ok(record)
    }

    /// Gives a device a further secret. A session that began with one that counts no more ends at once.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub async fn rotate(
        &self,
        device: &DeviceId,
        secret: DeviceSecret,
        old: OldSecret,
    ) -> Result<DeviceRecord, RegistryError> {
        let record = self.registry.rotate(device, secret, old).await?;
        self.end_session(device, &record.secrets);
        Ok(record)
    }

    /// Forgets a device. Its session ends at once, and so do observations that the hub answers on its behalf.
    ///
    /// # Errors
    ///
    /// [`RegistryError`].
    pub async fn remove(&self, device: &DeviceId) -> Result<(), RegistryError> {
        self.registry.remove(device).await?;
        self.is_removed(device);
        Ok(())
    }

    /// The registry has forgotten a device together with other things. Its session ends at once.
    pub fn is_removed(&self, device: &DeviceId) {
        self.end_session(device, &[]);
        if let Some(shadow) = self.hub.as_ref().and_then(|hub| hub.shadow.as_ref()) {
            shadow.is_removed(device);
        }
    }

    fn end_session(&self, device: &DeviceId, live: &[SecretRecord]) {
        if let Some(hub) = &self.hub {
            hub.end_unless_live(device, live);
        }
    }
}

impl Hub {
    /// Who changes this hub's registry of devices; `None` if it has none.
    pub fn device_manager(self: &Arc<Self>) -> Option<DeviceManager> {
        self.devices.clone().map(|registry| DeviceManager { registry, hub: Some(Arc::clone(self)) })
    }

    /// A number that is another one after each time that a device lost its right to connect.
    pub fn revocations(&self) -> u64 {
        self.revocations.load(Ordering::SeqCst)
    }

    /// Whether a session that has just begun may go on: a device may have lost its right after the verifier was asked, and before
    /// there was a session to end. `revocations` is the number from before. Where nobody can say, it may not: the device comes back.
    ///
    /// # Cancel safety
    ///
    /// As the verifier's.
    pub async fn still_accepts(&self, revocations: u64, device: &DeviceId, secret: &[u8]) -> bool {
        self.revocations() == revocations
            || matches!(
                self.verifier.verify(device, secret).await,
                Verification::Accepted | Verification::AcceptedBy(_)
            )
    }

    /// Ends the device's session, unless it began with one of the `live` secrets, or with none of the registry's.
    fn end_unless_live(&self, device: &DeviceId, live: &[SecretRecord]) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        let began_with_another = |link: &Arc<dyn DeviceLink>| {
            link.credential().is_some_and(|credential| live.iter().all(|secret| secret.credential != credential))
        };
        if let Some(link) = self.registry.get(device).filter(began_with_another) {
            tracing::info!(%device, "session ended: the device may not connect any more, or not with this secret");
            link.close(Ending::Revoked);
        }
    }
}
