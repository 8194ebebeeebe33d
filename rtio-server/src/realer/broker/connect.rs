//! Who may connect, with what rights and until when. (Contract §7.2.)

use crate::hub::{Credential, DeviceId, Protocol};
use crate::realer::ports::TokenHolder;
use crate::realer::{Realer, Refusal, Scope, Scopes};

/// What a device that connects may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MqttGrant {
    /// The secret of the registry that stands behind the credential it connects with: the session ends when that counts no more.
    pub credential: Credential,
    /// The rights of the token that asked for the credential, whatever tokens came after it.
    pub scopes: Scopes,
    /// From when on the credential counts no more, in milliseconds since 1970: the session ends then.
    pub expires_ms: i64,
    /// Bytes of a payload that its plan allows.
    pub max_payload_bytes: usize,
}

impl Realer {
    /// What an MQTT credential gives the device whose name comes with it.
    ///
    /// # Errors
    ///
    /// [`Refusal::BadToken`]: it is none, is over, or is another device's; [`Refusal::LacksScope`], [`Refusal::Forbidden`],
    /// [`Refusal::SubscriptionInactive`]: it counts, and the device may not connect now; [`Refusal::NotFound`] of the device,
    /// [`Refusal::Unavailable`].
    pub async fn connect_mqtt(&self, device: &DeviceId, password: &str) -> Result<MqttGrant, Refusal> {
        let holder = self.store.mqtt_credential(device, password, self.now_ms()).await;
        let holder = self.stored(device, holder)?.ok_or(Refusal::BadToken)?;
        let TokenHolder::Device { device, credential, scopes, expires_ms } = holder else {
            return Err(Refusal::NotFound("device"));
        };
        if !scopes.has(Scope::MqttConnect) {
            return Err(Refusal::LacksScope(Scope::MqttConnect));
        }
        self.config.may_serve(&device, Protocol::Mqtt)?;
        let max_payload_bytes = device.settings.plan.limits(&self.config).max_request_bytes;
        Ok(MqttGrant { credential, scopes, expires_ms, max_payload_bytes })
    }
}
