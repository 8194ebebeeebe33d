//! Control devices with MQTT: what they cost the hub idle and at work, and how fast a wish reaches them. Mosquitto, where it is there, is
//! the comparison for what a broker does.

mod memory;
mod publish;
mod wishes;

use crate::error::RunError;
use crate::mqtt::{Account, Mosquitto};
use crate::options::{MqttPart, Settings};
use crate::port::Port;
use crate::realer::{Folder, fetch_mqtt_credentials};
use crate::report::Report;

/// Adds the figures of one part, or of all.
pub(super) async fn measure(part: Option<MqttPart>, settings: &Settings, report: &mut Report) -> Result<(), RunError> {
    match part {
        None => {
            memory::measure(settings, report).await?;
            publish::measure(settings, report).await?;
            wishes::measure(settings, report).await
        }
        Some(MqttPart::Memory) => memory::measure(settings, report).await,
        Some(MqttPart::Publish) => publish::measure(settings, report).await,
        Some(MqttPart::Wishes) => wishes::measure(settings, report).await,
        Some(MqttPart::Mosquitto) => {
            let Some(mosquitto) = Mosquitto::find(settings) else { return Ok(()) };
            memory::measure_mosquitto(&mosquitto, settings, report).await?;
            publish::measure_mosquitto(&mosquitto, settings, report).await
        }
    }
}

/// Accounts of the folder's devices at the hub whose port of callers this is.
async fn accounts(callers: &Port, folder: &Folder) -> Result<Vec<Account>, RunError> {
    let passwords = fetch_mqtt_credentials(callers, &folder.devices).await?;
    let devices = folder.devices.iter().zip(passwords);
    Ok(devices.map(|(device, password)| Account { device: device.index, password: Some(password) }).collect())
}
