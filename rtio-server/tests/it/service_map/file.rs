//! The table of the configuration file in a hub in this process: read again at each reload, and joined with the configurer's document.

use std::path::Path;

use serde_json::json;
use tempfile::NamedTempFile;

use super::{NOT_FOUND, ONCE, asks};
use crate::support::configurer::FakeConfigurer;
use crate::support::{TestHub, eventually, hub};

async fn hub_reading(file: &Path) -> TestHub {
    hub().with_ports_of(|config| config.backend.service_map.file = Some(file.to_owned())).start().await
}

/// A file with this table.
fn file(table: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a file");
    writes(&file, table);
    file
}

fn writes(file: &NamedTempFile, table: &str) {
    std::fs::write(file.path(), format!("[serve]\ndev = true\n[device-services]\n{table}"))
        .expect("the file can be written");
}

#[tokio::test]
async fn the_table_counts_from_the_start_and_again_at_each_reload() {
    let services = FakeConfigurer::start().await;
    let (one, two) = (services.at("/one"), services.at("/two"));
    let file = file(&format!("\"/a\" = \"{one}\"\n"));
    let hub = hub_reading(file.path()).await;
    let mut device = hub.device("dev").await;
    assert_eq!(hub.mapped(), (1, 0));
    assert_eq!(device.asks("/a").await, b"\x22/one:hi");
    writes(&file, &format!("\"/b\" = {{ url = \"{one}\", max-in-flight = 9 }}\n\"/c\" = \"{two}\"\n"));
    hub.reload.trigger();
    eventually("the table is read", || hub.mapped() == (2, 0)).await;
    assert_eq!(device.asks("/a").await, NOT_FOUND);
    assert_eq!(device.asks("/b").await, b"\x22/one:hi");
    assert_eq!(device.asks("/c").await, b"\x22/two:hi");
}

#[tokio::test]
async fn the_file_wins_over_the_configurer_and_gives_way_when_it_says_nothing() {
    let configurer = FakeConfigurer::start().await;
    configurer.maps(&json!({"/a": configurer.at("/configurer"), "/b": configurer.at("/configurer")}));
    let file = file(&format!("\"/a\" = \"{}\"\n", configurer.at("/file")));
    let hub = hub().with_ports_of(|config| {
        config.backend.service_map.file = Some(file.path().to_owned());
        asks(config, &configurer, ONCE);
    });
    let hub = hub.start().await;
    hub.has_polled("changed", 1).await;
    let mut device = hub.device("dev").await;
    assert_eq!(hub.mapped(), (1, 1));
    assert_eq!(device.asks("/a").await, b"\x22/file:hi");
    assert_eq!(device.asks("/b").await, b"\x22/configurer:hi");
    writes(&file, "");
    hub.reload.trigger();
    eventually("the configurer has both", || hub.mapped() == (0, 2)).await;
    assert_eq!(device.asks("/a").await, b"\x22/configurer:hi");
    // The document is the same, and still the table has changed.
    hub.has_polled("same", 1).await;
}

#[tokio::test]
async fn whoever_comes_second_with_a_digest_that_is_taken_is_refused() {
    let configurer = FakeConfigurer::start().await;
    configurer.maps(&json!({"/buckeroo": configurer.at("/configurer")}));
    let file = file(&format!("\"/plumless\" = \"{}\"\n", configurer.at("/file")));
    let hub = hub().with_ports_of(|config| {
        config.backend.service_map.file = Some(file.path().to_owned());
        asks(config, &configurer, ONCE);
    });
    let hub = hub.start().await;
    hub.has_polled("collision", 1).await;
    assert_eq!(hub.mapped(), (1, 0));
    writes(&file, "");
    hub.reload.trigger();
    eventually("the table is empty", || hub.mapped().0 == 0).await;
    hub.reload.trigger();
    hub.has_polled("changed", 1).await;
    let mut device = hub.device("dev").await;
    writes(&file, &format!("\"/plumless\" = \"{0}\"\n\"/b\" = \"{0}\"\n", configurer.at("/file")));
    hub.reload.trigger();
    hub.polls_again("same").await;
    assert_eq!(device.asks("/b").await, NOT_FOUND);
    assert_eq!(device.asks("/buckeroo").await, b"\x22/configurer:hi");
    assert_eq!(hub.mapped(), (0, 1));
}
