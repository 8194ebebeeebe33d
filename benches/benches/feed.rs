//! Micro-benchmarks of the control-device runtime on the hub's own store on disk, without HTTP: items of feed data and batches of a hundred
//! until they are durable, from one device and from 64 at once; a bootstrap document; the check of an access token. Each measured round is
//! one request of each device.
//! Run with `cargo bench -p benches --bench feed`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use divan::{Bencher, black_box};
use rtio_server::data_dir::DataDir;
use rtio_server::hub::{Credential, DeviceId, DeviceSecret};
use rtio_server::realer::ports::{CatalogChange, NewToken};
use rtio_server::realer::{
    Adoption, Command, CommandId, Config, DeviceSettings, Plan, Protocols, Realer, Scopes, Sensor, SensorId,
    SteadyClock, Subscription,
};
use rtio_server::store::{Metrics, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

fn main() {
    divan::main();
}

/// A runtime with control devices, and its folder, which goes with it.
struct Plant {
    realer: Arc<Realer>,
    runtime: Runtime,
    next: AtomicU64,
    _folder: TempDir,
}

impl Plant {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room for a file");
        let dir = DataDir::open(folder.path()).expect("the folder is ours");
        let store = Store::open(&dir, Metrics::default()).expect("an empty folder is sound");
        let runtime = Runtime::new().expect("a runtime can be made");
        let realer = Realer::new(Arc::new(store), Arc::new(SteadyClock::new()), Config::default());
        let now_ms = realer.now_ms();
        let changes = (0..DEVICES).flat_map(changes).collect();
        runtime.block_on(realer.store().change_catalog(changes, now_ms)).expect("the changes make sense");
        let token = |index| NewToken {
            device: device(index),
            credential: Credential(std::num::NonZeroU32::MIN),
            token: secret(index),
            scopes: Scopes::default(),
            issued_ms: now_ms,
            expires_ms: i64::MAX,
        };
        for index in 0..DEVICES {
            runtime.block_on(realer.store().add_token(token(index))).expect("the store works");
        }
        Self { realer: Arc::new(realer), runtime, next: AtomicU64::new(0), _folder: folder }
    }

    /// One request of each of these devices, with `items` in it.
    fn feeds(&self, devices: u64, items: u64) {
        let request = |index| {
            let (realer, from) = (Arc::clone(&self.realer), self.next.fetch_add(items, Ordering::Relaxed));
            async move { feed(&realer, index, from, items).await }
        };
        self.runtime.block_on(async { (0..devices).map(request).collect::<JoinSet<_>>().join_all().await });
    }
}

async fn feed(realer: &Realer, index: u64, from: u64, items: u64) {
    let body: Vec<_> = (from..from + items).map(|number| item(index, number)).collect();
    if items == 1 {
        let result = realer.feed_item(&device(index), body[0].as_bytes()).await;
        assert!(result.is_ok_and(|result| result.is_created()));
    } else {
        let body = format!(r#"{{"items":[{}]}}"#, body.join(","));
        realer.feed_batch(&device(index), body.as_bytes()).await.expect("the batch is sound");
    }
}

#[divan::bench(args = [1, 64])]
fn items(bencher: Bencher<'_, '_>, devices: u64) {
    let plant = Plant::new();
    bencher.counter(devices).bench_local(|| plant.feeds(devices, 1));
}

#[divan::bench(args = [1, 64])]
fn batches(bencher: Bencher<'_, '_>, devices: u64) {
    let plant = Plant::new();
    bencher.counter(devices * BATCH_ITEMS).bench_local(|| plant.feeds(devices, BATCH_ITEMS));
}

#[divan::bench]
fn bootstrap(bencher: Bencher<'_, '_>) {
    let plant = Plant::new();
    bencher.bench_local(|| {
        let index = plant.next.fetch_add(1, Ordering::Relaxed) % DEVICES;
        plant.runtime.block_on(plant.realer.bootstrap(&device(index))).expect("the device is there")
    });
}

#[divan::bench]
fn token(bencher: Bencher<'_, '_>) {
    let plant = Plant::new();
    bencher.bench_local(|| {
        let token = secret(plant.next.fetch_add(1, Ordering::Relaxed) % DEVICES);
        let holder = plant.runtime.block_on(plant.realer.store().token(black_box(token.reveal()), 0));
        assert!(holder.is_ok_and(|holder| holder.is_some()));
    });
}

/// A device with four commands and four sensors.
fn changes(index: u64) -> Vec<CatalogChange> {
    let (device, label) = (device(index), format!("device {index}"));
    let settings = DeviceSettings {
        label,
        subscription: Subscription::Active,
        protocols: Protocols::default(),
        plan: Plan::default(),
    };
    let mut changes = vec![CatalogChange::AddDevice { id: device.clone(), secret: secret(index), settings }];
    for number in 0..SOURCES {
        let (command, sensor) = (command(index, number), sensor(index, number));
        changes.push(CatalogChange::PutCommand { device: device.clone(), command });
        changes.push(CatalogChange::PutSensor { device: device.clone(), sensor });
    }
    changes
}

fn device(index: u64) -> DeviceId {
    DeviceId::parse(&format!("cdv_{index:026}")).expect("the id is sound")
}

fn secret(index: u64) -> DeviceSecret {
    DeviceSecret::parse(&format!("{index:043}")).expect("the secret is long enough")
}

fn command(index: u64, number: u64) -> Command {
    Command {
        id: CommandId::parse(&format!("cmd_{:026}", index * SOURCES + number)).expect("the id is sound"),
        label: format!("relay {number}"),
        value: "0".to_owned(),
        value_type: "NumericRange".to_owned(),
        kind: "relay".to_owned(),
        pin_port: number.to_string(),
        min: None,
        max: None,
        adoption: Adoption::Off,
        resources: Vec::new(),
    }
}

fn sensor(index: u64, number: u64) -> Sensor {
    Sensor {
        id: SensorId::parse(&sensor_id(index, number)).expect("the id is sound"),
        label: format!("thermistor {number}"),
        kind: "thermistor".to_owned(),
        qc: "celsius_temperature".to_owned(),
        mu: "degree_celsius:0".to_owned(),
        pin_port: number.to_string(),
        resources: Vec::new(),
    }
}

fn sensor_id(index: u64, number: u64) -> String {
    format!("sns_{:026}", index * SOURCES + number % SOURCES)
}

/// As in the contract's example.
fn item(index: u64, number: u64) -> String {
    let sensor = sensor_id(index, number);
    format!(
        r#"{{"sensor_id":"{sensor}","message_id":"boot7-temp-{number:09}","value":"20.75","value_received_at":"2026-05-12T08:31:10Z"}}"#
    )
}

const DEVICES: u64 = 64;

/// Commands of each, and as many sensors.
const SOURCES: u64 = 4;

const BATCH_ITEMS: u64 = 100;
