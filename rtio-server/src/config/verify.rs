//! From flags to who decides whether a device is what it says it is.

use super::raw::{RawVerifier, RawVerify};
use super::{ConfigError, VerifierChoice};
use crate::backend::VerifierConfig;

/// What is said explicitly counts, then what implies a verifier.
pub(super) fn choice(raw: &RawVerify, dev: bool) -> Result<VerifierChoice, ConfigError> {
    let default = match (&raw.verifier_url, dev) {
        (Some(_), _) => Some(RawVerifier::Http),
        (None, true) => Some(RawVerifier::Any),
        (None, false) => None,
    };
    match raw.verifier.or(default).ok_or(ConfigError::NoVerifier)? {
        RawVerifier::Any => Ok(VerifierChoice::Any),
        RawVerifier::Registry => Err(ConfigError::RegistryWithoutDataDir),
        RawVerifier::Http => {
            let url = raw.verifier_url.clone().ok_or(ConfigError::HttpWithoutUrl)?;
            let (max_in_flight, cache_ttl) = (raw.verifier_max_in_flight, raw.verifier_cache_ttl);
            Ok(VerifierChoice::Http(VerifierConfig { url, max_in_flight, cache_ttl }))
        }
    }
}
