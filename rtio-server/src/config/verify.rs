//! From flags to who decides whether a device is what it says it is.

use super::raw::{RawConfig, RawVerifier};
use super::{ConfigError, VerifierChoice};
use crate::backend::VerifierConfig;

/// What is said explicitly counts, then what implies a verifier.
pub(super) fn choice(config: &RawConfig) -> Result<VerifierChoice, ConfigError> {
    let raw = &config.verify;
    let default = match (&raw.verifier_url, config.dev, &config.data_dir) {
        (Some(_), _, _) => Some(RawVerifier::Http),
        // Whoever says `--dev` has said "any device", and may want a data folder for other things.
        (None, true, _) => Some(RawVerifier::Any),
        (None, false, Some(_)) => Some(RawVerifier::Registry),
        (None, false, None) => None,
    };
    match raw.verifier.or(default).ok_or(ConfigError::NoVerifier)? {
        RawVerifier::Any => Ok(VerifierChoice::Any),
        RawVerifier::Registry if config.data_dir.is_some() => Ok(VerifierChoice::Registry),
        RawVerifier::Registry => Err(ConfigError::RegistryWithoutDataDir),
        RawVerifier::Http => {
            let url = raw.verifier_url.clone().ok_or(ConfigError::HttpWithoutUrl)?;
            let (max_in_flight, cache_ttl) = (raw.verifier_max_in_flight, raw.verifier_cache_ttl);
            Ok(VerifierChoice::Http(VerifierConfig { url, max_in_flight, cache_ttl }))
        }
    }
}
