//! Who says which services answer what devices send, beside the table `[device-services]` of the configuration file.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use super::super::value::time_within;
use crate::backend::BackendUrl;

/// Who says which services answer what devices send.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Device services (which answer what devices send)")]
pub struct RawConfigurer {
    /// Service that is asked for the map from URIs to services, beside [device-services] of the configuration file
    #[arg(long, value_name = "URL", value_parser = BackendUrl::parse)]
    pub configurer_url: Option<BackendUrl>,

    /// Time between two questions to it; from 1s to 1h
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time_within(INTERVAL))]
    pub configurer_interval: Duration,
}

/// A change counts after so long; SIGHUP asks at once.
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);
