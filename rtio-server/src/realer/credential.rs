//! Credentials for MQTT: a password for some minutes, with the rights of the token that asked for it. (Contract §7.2.)

use super::document::CredentialDocument;
use super::runtime::unavailable;
use super::{Admitted, Realer, Refusal, read};
use crate::hub::DeviceSecret;

impl Realer {
    /// Gives a device that was admitted a new credential. Those that it has go on to count.
    ///
    /// # Errors
    ///
    /// [`Refusal`]: it has none.
    pub async fn issue_mqtt_credential(&self, admitted: Admitted, body: &[u8]) -> Result<CredentialDocument, Refusal> {
        let Admitted { device, credential, scopes, .. } = admitted;
        let named = read::credential_request(body)?;
        if named.is_some_and(|named| named != device.id.as_str()) {
            return Err(Refusal::Forbidden("the token is another device's"));
        }
        let random = DeviceSecret::random().map_err(|error| unavailable(&device.id, &error))?;
        let password = format!("{PREFIX}{}", random.reveal());
        let password = DeviceSecret::parse(&password).map_err(|_| Refusal::Bug)?;
        let document = CredentialDocument::of(&device.id, password.clone(), &self.config);
        let lifetime = self.config.mqtt_credential_lifetime;
        let kept = self.new_token(device.id.clone(), credential, (password, scopes), lifetime);
        self.stored(&device.id, self.store.add_mqtt_credential(kept).await)?;
        Ok(document)
    }
}

/// Tells a credential from a token, for who finds one where none should be.
const PREFIX: &str = "mqc_";
