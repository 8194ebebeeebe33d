//! What a device reads of itself: bootstrap, and its catalogs. (Contract §3, §4, §7.1.)

use super::document::{BootstrapDocument, CommandsDocument, MqttDocument, SensorsDocument};
use super::{Catalog, Realer, Refusal};
use crate::hub::DeviceId;

impl Realer {
    /// All that a device needs to start.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] of the device, [`Refusal::Unavailable`].
    pub async fn bootstrap(&self, device: &DeviceId) -> Result<BootstrapDocument, Refusal> {
        Ok(BootstrapDocument::of(&self.catalog(device).await?, &self.config))
    }

    /// The device's commands.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] of the device, [`Refusal::Unavailable`].
    pub async fn commands(&self, device: &DeviceId) -> Result<CommandsDocument, Refusal> {
        Ok(CommandsDocument::of(&self.catalog(device).await?.commands, &self.config))
    }

    /// One of the device's commands, as a list of one.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] of the device or the command, which may be another's; [`Refusal::Unavailable`].
    pub async fn command(&self, device: &DeviceId, id: &str) -> Result<CommandsDocument, Refusal> {
        let catalog = self.catalog(device).await?;
        let command = catalog.commands.iter().find(|command| command.id.as_str() == id);
        Ok(CommandsDocument::of([command.ok_or(Refusal::NotFound("command"))?], &self.config))
    }

    /// The device's sensors.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] of the device, [`Refusal::Unavailable`].
    pub async fn sensors(&self, device: &DeviceId) -> Result<SensorsDocument, Refusal> {
        Ok(SensorsDocument::of(&self.catalog(device).await?.sensors, &self.config))
    }

    /// One of the device's sensors, as a list of one.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] of the device or the sensor, which may be another's; [`Refusal::Unavailable`].
    pub async fn sensor(&self, device: &DeviceId, id: &str) -> Result<SensorsDocument, Refusal> {
        let catalog = self.catalog(device).await?;
        let sensor = catalog.sensors.iter().find(|sensor| sensor.id.as_str() == id);
        Ok(SensorsDocument::of([sensor.ok_or(Refusal::NotFound("sensor"))?], &self.config))
    }

    /// What the device needs to know before it connects to a broker.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] of the device, [`Refusal::Unavailable`].
    pub async fn mqtt(&self, device: &DeviceId) -> Result<MqttDocument, Refusal> {
        Ok(MqttDocument::of(&self.catalog(device).await?, &self.config))
    }

    async fn catalog(&self, device: &DeviceId) -> Result<Catalog, Refusal> {
        self.there(device, self.store.catalog(device).await)
    }
}
