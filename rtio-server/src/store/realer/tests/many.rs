//! A hundred thousand devices. Run by hand, for benches/RESULTS.md: `cargo test --release --lib realer::tests::many -- --ignored --nocapture`

use tokio::time::Instant;

use super::*;

/// 4 commands and 4 sensors each.
async fn fill(store: &Store, devices: usize) {
    for first in (0..devices).step_by(500) {
        let changes = (first..devices.min(first + 500)).flat_map(device_with_sources);
        store.change_catalog(changes.collect(), 1_000).await.unwrap();
    }
}

fn device_with_sources(number: usize) -> Vec<CatalogChange> {
    let device = DeviceId::parse(&format!("cdv_{number:026}")).unwrap();
    let id = device.clone();
    let add = CatalogChange::AddDevice { settings: settings(id.as_str()), secret: secret('s'), id };
    let command = |of: usize| {
        let id = CommandId::parse(&format!("cmd_{number:025}{of}")).unwrap();
        let command = Command { id, label: format!("vent {of}"), ..relay() };
        CatalogChange::PutCommand { device: device.clone(), command }
    };
    let sensor = |of: usize| {
        let id = SensorId::parse(&format!("sns_{number:025}{of}")).unwrap();
        let sensor = Sensor { id, label: format!("air {of}"), ..thermistor() };
        CatalogChange::PutSensor { device: device.clone(), sensor }
    };
    std::iter::once(add).chain((0..4).map(command)).chain((0..4).map(sensor)).collect()
}

#[tokio::test]
#[ignore = "takes minutes without optimization; it is a measurement"]
async fn a_hub_of_many_devices_opens_its_store_quickly() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let begun = Instant::now();
    fill(&store, 100_000).await;
    println!("filled in {:?}", begun.elapsed());
    drop(store);
    let size = std::fs::metadata(folder.path().join("rtio.db")).unwrap().len();
    let begun = Instant::now();
    let store = open(&folder);
    println!("{} MB opened in {:?}", size / 1_000_000, begun.elapsed());
    let begun = Instant::now();
    for number in (0..100_000).step_by(100) {
        let device = DeviceId::parse(&format!("cdv_{number:026}")).unwrap();
        assert_eq!(store.catalog(&device).await.unwrap().unwrap().commands.len(), 4);
    }
    println!("a catalog in {:?}", begun.elapsed() / 1000);
    let (begun, mut steps) = (Instant::now(), 1);
    while store.forget(crate::realer::Config::default().retention, 2_000).await.unwrap() == Forgotten::Some {
        steps += 1;
    }
    println!("looked for what is old in {:?}, {steps} steps", begun.elapsed());
    let begun = Instant::now();
    let mut feeding = tokio::task::JoinSet::new();
    let store = Arc::new(store);
    for number in 0..1000 {
        let store = Arc::clone(&store);
        feeding.spawn(feed(store, number));
    }
    feeding.join_all().await;
    println!("a million items in {:?}", begun.elapsed());
    let begun = Instant::now();
    drop(store);
    println!("closed in {:?}", begun.elapsed());
    let more = std::fs::metadata(folder.path().join("rtio.db")).unwrap().len() - size;
    println!("{} bytes an item", more / 1_000_000);
}

/// Ten batches of a hundred.
async fn feed(store: Arc<Store>, number: usize) {
    let device = DeviceId::parse(&format!("cdv_{number:026}")).unwrap();
    let source = SourceId::Sensor(SensorId::parse(&format!("sns_{number:025}0")).unwrap());
    for round in 0..10 {
        let message = |of: i32| format!("boot7-temp-{round:03}{of:03}");
        let items = (0..100).map(|of| item(source.clone(), &message(of), "20.75", 1_000));
        store.accept(&device, items.collect(), now(1_000)).await.unwrap();
    }
}
