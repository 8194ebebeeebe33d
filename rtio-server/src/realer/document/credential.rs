//! A credential for MQTT, shown once. (Contract §7.2.)

use serde::{Serialize, Serializer};

use super::CREATED;
use super::bootstrap::DeviceName;
use crate::hub::{DeviceId, DeviceSecret};
use crate::realer::Config;

/// The three values that a device connects with, and for how long.
#[derive(Debug, Serialize)]
pub struct CredentialDocument {
    /// 2001.
    pub code: u16,
    /// As which it connects.
    pub mqtt_client_id: DeviceName,
    /// The same.
    pub mqtt_username: DeviceName,
    /// Its password.
    #[serde(serialize_with = "revealed")]
    pub mqtt_credential: DeviceSecret,
    /// Seconds after which it counts no more.
    pub expires_in: u64,
    /// Seconds after which the next is to be fetched.
    pub renew_after: u64,
}

impl CredentialDocument {
    /// The document of a new credential.
    pub fn of(device: &DeviceId, mqtt_credential: DeviceSecret, config: &Config) -> Self {
        let lifetime = config.mqtt_credential_lifetime;
        Self {
            code: config.codes.of(CREATED),
            mqtt_client_id: DeviceName(device.clone()),
            mqtt_username: DeviceName(device.clone()),
            mqtt_credential,
            expires_in: lifetime.as_secs(),
            renew_after: config.renew_after(lifetime).as_secs(),
        }
    }
}

/// A secret on its way to whom it belongs.
pub(in crate::realer) fn revealed<S: Serializer>(secret: &DeviceSecret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.reveal())
}
