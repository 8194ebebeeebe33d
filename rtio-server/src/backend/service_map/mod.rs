//! The map from the URIs that devices send to, to the services that answer (docs/backends.md §3): the table of the configuration
//! file and the document of the operator's configurer, joined, checked and handed to `hub::Services` as a whole.
//!
//! Opened and run by `app`. What is wrong with one source leaves the last good map in force. It knows no edge.

mod definition;
mod entries;

mod exchange;

mod changes;
mod merge;
mod targets;

mod causes;
mod configurer;
mod keeper;
mod metrics;
mod state;

use std::path::PathBuf;
use std::time::Duration;

use super::BackendUrl;

pub use keeper::{MapError, MapKeeper, Surroundings};
pub use metrics::MapMetrics;

/// Where the map comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapConfig {
    /// The configuration file, which may have a table `[device-services]`.
    pub file: Option<PathBuf>,
    /// Who else is asked.
    pub configurer: Option<ConfigurerConfig>,
}

/// The operator's configurer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurerConfig {
    /// Whom to ask.
    pub url: BackendUrl,
    /// Time between two questions; from 1 s to 1 h by the flag, tests take less.
    pub interval: Duration,
}
