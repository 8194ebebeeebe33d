//! The map from URIs to device services: the table of the configuration file, the operator's configurer, and both together
//! (docs/backends.md §3).

mod configurer;
mod file;
mod kept;
mod listed;
mod program;

use std::time::Duration;

use rtio_proto::UriDigest;
use rtio_server::backend::{BackendUrl, ConfigurerConfig};
use rtio_server::config::Config;

use crate::support::configurer::FakeConfigurer;
use crate::support::{Device, TestHub, eventually, hub};

/// A hub that asks the configurer all the time.
async fn hub_asking(configurer: &FakeConfigurer) -> TestHub {
    hub().with_ports_of(|config| asks(config, configurer, OFTEN)).start().await
}

fn asks(config: &mut Config, configurer: &FakeConfigurer, interval: Duration) {
    let url = BackendUrl::parse(&configurer.url()).expect("a URL");
    config.backend.service_map.configurer = Some(ConfigurerConfig { url, interval });
}

impl TestHub {
    async fn has_polled(&self, outcome: &str, times: u64) {
        let name = format!("configurer_polls_total{{outcome=\"{outcome}\"}}");
        eventually(outcome, || self.counts(&name) >= times).await;
    }

    /// Waits for one more question with this outcome, so that everything before counts.
    async fn polls_again(&self, outcome: &str) {
        let name = format!("configurer_polls_total{{outcome=\"{outcome}\"}}");
        self.has_polled(outcome, self.counts(&name) + 1).await;
    }

    /// URIs of the file and of the configurer.
    fn mapped(&self) -> (u64, u64) {
        let of = |source: &str| self.counts(&format!("service_map_uris{{source=\"{source}\"}}"));
        (of("file"), of("configurer"))
    }
}

impl Device {
    /// What the device gets for a message to `uri`: status and data.
    async fn asks(&mut self, uri: &str) -> Vec<u8> {
        self.reports(&copost(uri)).await;
        self.receives().await.body
    }
}

fn copost(uri: &str) -> Vec<u8> {
    [&[0x20], &UriDigest::of(uri).to_wire()[..], b"hi"].concat()
}

/// Nobody serves the URI.
const NOT_FOUND: &[u8] = b"\x25";

/// Far more often than the flag allows, so that tests do not wait.
const OFTEN: Duration = Duration::from_millis(10);

/// Once, and then at reloads only.
const ONCE: Duration = Duration::from_secs(3600);
