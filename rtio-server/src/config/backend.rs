//! From flags to how the hub asks the backends.

use super::ConfigError;
use super::raw::RawBackend;
use crate::backend::{Config, Trust};

pub(super) fn config(raw: RawBackend) -> Result<Config, ConfigError> {
    let trust = match (raw.backend_ca, raw.backend_insecure) {
        (Some(_), true) => return Err(ConfigError::TrustAllAndSome),
        (Some(path), false) => Trust::CaFile(path),
        (None, true) => Trust::Anyone,
        (None, false) => Trust::System,
    };
    Ok(Config { trust, signing_key_file: raw.signing_key_file })
}
