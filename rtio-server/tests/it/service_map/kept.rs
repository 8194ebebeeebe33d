//! The configurer's last good document in the data folder, for a hub that restarts while its configurer is down.

use std::path::Path;

use serde_json::json;

use super::{NOT_FOUND, OFTEN, asks};
use crate::support::configurer::{FakeConfigurer, Manner};
use crate::support::{TestHub, hub};

async fn start(configurer: &FakeConfigurer, data_dir: Option<&Path>) -> TestHub {
    let hub = hub().with_ports_of(|config| {
        config.data_dir = data_dir.map(Path::to_owned);
        asks(config, configurer, OFTEN);
    });
    hub.start().await
}

#[tokio::test]
async fn a_hub_that_restarts_without_its_configurer_has_its_map_where_it_has_a_data_folder() {
    let configurer = FakeConfigurer::start().await;
    let folder = tempfile::tempdir().unwrap();
    for data_dir in [None, Some(folder.path())] {
        configurer.becomes(Manner::Sound);
        configurer.maps(&json!({"/a": configurer.at("/one")}));
        let hub = start(&configurer, data_dir).await;
        hub.has_polled("changed", 1).await;
        hub.stops().await;
        configurer.becomes(Manner::Closes);
        let hub = start(&configurer, data_dir).await;
        hub.has_polled("broken", 1).await;
        let mut device = hub.device("dev").await;
        let (answer, missing) = (device.asks("/a").await, hub.readiness.missing());
        if data_dir.is_none() {
            assert_eq!((&answer[..], &missing[..]), (NOT_FOUND, &["configurer: no map yet".to_owned()][..]));
            continue;
        }
        assert_eq!((&answer[..], &missing[..]), (&b"\x22/one:hi"[..], &[][..]));
        configurer.becomes(Manner::Sound);
        hub.has_polled("same", 1).await;
        configurer.maps(&json!({}));
        hub.has_polled("changed", 1).await;
        assert_eq!(device.asks("/a").await, NOT_FOUND);
    }
}

#[tokio::test]
async fn a_kept_document_that_is_of_no_use_is_none() {
    let configurer = FakeConfigurer::start().await;
    for bad in [&b"\xff"[..], b"", b"{\"deviceservicemap\":{\"/a\":\"b\"}}"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("service-map.json"), bad).unwrap();
        configurer.becomes(Manner::Closes);
        let hub = start(&configurer, Some(folder.path())).await;
        assert_eq!(hub.readiness.missing(), ["configurer: no map yet"]);
        configurer.becomes(Manner::Sound);
        hub.has_polled("changed", 1).await;
        let kept = std::fs::read(folder.path().join("service-map.json")).unwrap();
        assert!(kept.starts_with(b"{\"deviceservicemap\":{}"), "{kept:?}");
        hub.stops().await;
    }
}
