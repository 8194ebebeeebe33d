//! The key with which secrets are digested. It lies in the data folder beside the database, so that a copy of the database alone
//! is of no use for guessing secrets.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::StoreError;
use crate::data_dir::DataDir;
use crate::hub::DeviceId;

/// Digests secrets. Never printed.
pub(super) struct SecretKey(Zeroizing<Vec<u8>>);

/// A secret and whose it is, digested: HMAC-SHA256.
pub(super) type Digest = [u8; 32];

impl SecretKey {
    /// Reads the key from the data folder; makes one where there is none.
    pub(super) fn read_or_make(dir: &DataDir) -> Result<Self, StoreError> {
        if let Some(bytes) = dir.read(KEY_FILE)? {
            let bytes = Zeroizing::new(bytes);
            return Self::of(&bytes).ok_or_else(|| StoreError::Key(dir.file(KEY_FILE)));
        }
        let mut bytes = Zeroizing::new(vec![0; KEY_BYTES]);
        getrandom::fill(&mut bytes).map_err(StoreError::Random)?;
        dir.write(KEY_FILE, &bytes)?;
        Ok(Self(bytes))
    }

    /// The key in the bytes of its file.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == KEY_BYTES).then(|| Self(Zeroizing::new(bytes.to_owned())))
    }

    /// What is kept of a secret. The colon cannot be part of an id, so that no two pairs read the same.
    pub(super) fn digest(&self, device: &DeviceId, secret: &[u8]) -> Digest {
        self.mac(&[device.as_str().as_bytes(), b":", secret])
    }

    /// What is kept of an access token. No pair reads like it, because no id is empty.
    pub(super) fn token_digest(&self, token: &str) -> Digest {
        self.mac(&[b":token:", token.as_bytes()])
    }

    /// What is kept of a device's MQTT credential.
    pub(super) fn mqtt_digest(&self, device: &DeviceId, credential: &str) -> Digest {
        self.mac(&[b":mqtt:", device.as_str().as_bytes(), b":", credential.as_bytes()])
    }

    /// What tells whether a database was written with this key. No pair reads like it, because no id is empty.
    pub(super) fn fingerprint(&self) -> Digest {
        self.mac(&[b":fingerprint"])
    }

    fn mac(&self, parts: &[&[u8]]) -> Digest {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any key is long enough");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MASKED")
    }
}

/// The key's name in the data folder.
pub(super) const KEY_FILE: &str = "device-secrets.key";

const KEY_BYTES: usize = 32;
