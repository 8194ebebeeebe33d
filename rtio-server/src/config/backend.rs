//! From flags to how the hub asks the backends.

use std::path::PathBuf;

use super::ConfigError;
use super::raw::{RawBackend, RawConfigurer};
use crate::backend::{Config, ConfigurerConfig, MapConfig, Trust};

pub(super) fn config(raw: RawBackend, configurer: RawConfigurer, file: Option<PathBuf>) -> Result<Config, ConfigError> {
    let trust = match (raw.backend_ca, raw.backend_insecure) {
        (Some(_), true) => return Err(ConfigError::TrustAllAndSome),
        (Some(path), false) => Trust::CaFile(path),
        (None, true) => Trust::Anyone,
        (None, false) => Trust::System,
    };
    let interval = configurer.configurer_interval;
    let configurer = configurer.configurer_url.map(|url| ConfigurerConfig { url, interval });
    Ok(Config { trust, signing_key_file: raw.signing_key_file, service_map: MapConfig { file, configurer } })
}
