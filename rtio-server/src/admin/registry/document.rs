//! The registry's devices as JSON, for operators' programs and for `rtio device`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hub::{Access, DeviceRecord, DeviceSecret};

/// A device that the registry knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceDocument {
    /// Its name.
    pub id: String,
    /// Whether it may connect.
    pub enabled: bool,
    /// When it was added (RFC 3339).
    pub created: String,
    /// Its live secrets, the newest first.
    pub secrets: Vec<SecretDocument>,
}

/// A live secret, but not the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretDocument {
    /// Which of all that the device ever had.
    pub number: u32,
    /// When it was made or brought (RFC 3339).
    pub created: String,
}

/// Some of the devices, in the order of their ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageDocument {
    /// The devices.
    pub devices: Vec<DeviceDocument>,
    /// What to give as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// A secret that was made: shown this once, and never again.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedDocument {
    /// Whose it is.
    pub id: String,
    /// The secret.
    pub secret: String,
}

/// What came of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedDocument {
    /// How many devices were added.
    pub added: usize,
    /// The secrets of those that brought none.
    pub issued: Vec<IssuedDocument>,
}

impl IssuedDocument {
    /// Shows a secret to whom it is for.
    pub fn new(id: &impl ToString, secret: &DeviceSecret) -> Self {
        Self { id: id.to_string(), secret: secret.reveal().to_owned() }
    }
}

impl fmt::Debug for IssuedDocument {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("IssuedDocument").field("id", &self.id).field("secret", &"MASKED").finish()
    }
}

impl From<DeviceRecord> for DeviceDocument {
    fn from(record: DeviceRecord) -> Self {
        let secrets = record
            .secrets
            .iter()
            .map(|secret| SecretDocument { number: secret.credential.0.get(), created: rfc3339(secret.created_ms) });
        Self {
            id: record.id.to_string(),
            enabled: record.access == Access::Enabled,
            created: rfc3339(record.created_ms),
            secrets: secrets.collect(),
        }
    }
}

/// A number that is no time of this calendar is shown as it is.
fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}
