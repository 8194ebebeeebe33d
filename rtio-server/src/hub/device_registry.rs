//! Who may connect, as the hub's own registry of devices knows it. Values only; the port is in [`super::ports`], and who *is*
//! connected is in `registry.rs`.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;

use zeroize::Zeroizing;

use super::DeviceId;

/// Which secret of a device it was that let it in: the number of the secret among all that the device ever had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Credential(pub NonZeroU32);

/// A device that shall be able to connect.
#[derive(Debug)]
pub struct NewDevice {
    /// Its name.
    pub id: DeviceId,
    /// What proves that it is the one.
    pub secret: DeviceSecret,
}

/// A device that the registry knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRecord {
    /// Its name.
    pub id: DeviceId,
    /// Whether it may connect.
    pub access: Access,
    /// When it was added, in milliseconds since 1970.
    pub created_ms: i64,
    /// Its live secrets, the newest first; never the secrets themselves.
    pub secrets: Vec<SecretRecord>,
}

/// A secret that lets a device in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretRecord {
    /// Its number.
    pub credential: Credential,
    /// When it was made or brought, in milliseconds since 1970.
    pub created_ms: i64,
}

/// Whether a device may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// With one of its secrets.
    Enabled,
    /// Not at all.
    Disabled,
}

/// What becomes of the secret before the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldSecret {
    /// It lets the device in until the next rotation, so that the device can be told the new one at leisure.
    Keep,
    /// It counts no more from now on.
    Drop,
}

/// What proves a device's id. Never printed, and wiped from memory.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceSecret(Zeroizing<String>);

/// A secret that could be guessed, or that no device can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes")]
pub struct UnfitSecret;

impl DeviceSecret {
    /// A secret of our own: 256 random bits in base64url.
    ///
    /// # Errors
    ///
    /// The system gives no random bytes.
    pub fn random() -> Result<Self, getrandom::Error> {
        use base64::Engine;
        let mut bits = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bits)?;
        Ok(Self(Zeroizing::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(*bits))))
    }

    /// A secret that somebody brings.
    ///
    /// # Errors
    ///
    /// [`UnfitSecret`].
    pub fn parse(text: &str) -> Result<Self, UnfitSecret> {
        let fits = (MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&text.len());
        if fits { Ok(Self(Zeroizing::new(text.to_owned()))) } else { Err(UnfitSecret) }
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DeviceSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MASKED")
    }
}

/// The registry did not do it; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// There is no such device.
    #[error("there is no device {0}")]
    Unknown(DeviceId),
    /// There is one already.
    #[error("there is a device {0} already")]
    Exists(DeviceId),
    /// What keeps the registry failed, such as a full disk.
    #[error("the registry cannot be read or written")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// The published lower limit of RTIO secrets. A random secret of this length is beyond guessing even in base32; a shorter one is
/// not taken, because a keyed digest that costs a microsecond is no protection for a word that somebody thought out.
pub const MIN_SECRET_BYTES: usize = 24;

/// docs/protocol.md §2.
const MAX_SECRET_BYTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_secrets_fit_the_published_limits_and_differ() {
        let (one, other) = (DeviceSecret::random().unwrap(), DeviceSecret::random().unwrap());
        assert!((24..=64).contains(&one.reveal().len()), "{} characters", one.reveal().len());
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(format!("{one:?}"), "MASKED");
    }

    #[test]
    fn a_secret_that_is_brought_is_neither_short_nor_longer_than_the_wire_has_it() {
        for (len, fits) in [(0, false), (23, false), (24, true), (256, true), (257, false)] {
            assert_eq!(DeviceSecret::parse(&"x".repeat(len)).is_ok(), fits, "{len}");
        }
    }
}
