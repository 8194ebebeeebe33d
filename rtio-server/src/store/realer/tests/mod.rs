//! The runtime's port without sockets: what each operation does, what it refuses, what survives.

mod accept;
mod catalog;
mod desired;
mod full;
mod model;
mod retention;
mod tokens;

use std::time::Duration;

use super::*;
use crate::data_dir::DataDir;
use crate::hub::DeviceSecret;
use crate::realer::ports::Store as _;
use crate::realer::{
    Adoption, Answer, Command, CommandId, DeviceSettings, MessageId, Plan, Protocols, ReportStatus, Sensor, SensorId,
    SourceId, Subscription, Text, Warnings,
};
use crate::store::Metrics;

/// A store in a folder of its own, with one control device that has a relay and a thermistor.
struct Greenhouse {
    folder: tempfile::TempDir,
    store: Store,
    device: DeviceId,
}

impl Greenhouse {
    async fn new() -> Self {
        Self::with_adoption(Adoption::Off).await
    }

    async fn with_adoption(adoption: Adoption) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder);
        let this = Self { folder, store, device: device('a') };
        let device = this.device.clone();
        let changes = vec![
            CatalogChange::AddDevice { id: device.clone(), secret: secret('s'), settings: settings("greenhouse") },
            CatalogChange::PutCommand { device: device.clone(), command: Command { adoption, ..relay() } },
            CatalogChange::PutSensor { device, sensor: thermistor() },
        ];
        this.change(changes).await.unwrap();
        this
    }

    async fn change(&self, changes: Vec<CatalogChange>) -> Result<Vec<DeviceId>, CatalogError> {
        self.store.change_catalog(changes, 1_000).await
    }

    /// What a restart knows.
    fn reopened(self) -> Self {
        let Self { folder, store, device } = self;
        drop(store);
        let store = open(&folder);
        Self { folder, store, device }
    }

    async fn accept(&self, item: Item, now_ms: i64) -> Result<Accepted, Refusal> {
        let mut accepted = self.store.accept(&self.device, vec![item], now(now_ms)).await.unwrap();
        accepted.remove(0)
    }

    async fn wish(&self, letter: char, value: &str, issued_ms: i64) -> Result<DesiredState, Refusal> {
        self.store.set_desired(&self.device, wish(letter, value, issued_ms)).await.unwrap()
    }

    async fn state(&self, after: u64) -> State {
        self.store.state(&self.device, after).await.unwrap().unwrap()
    }

    async fn revisions(&self) -> (u64, u64) {
        let device = self.store.control_device(&self.device).await.unwrap().unwrap();
        (device.revisions.catalog, device.revisions.runtime)
    }
}

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(&DataDir::open(folder.path()).unwrap(), Metrics::default()).unwrap()
}

fn body(letter: char) -> String {
    letter.to_string().repeat(26)
}

fn device(letter: char) -> DeviceId {
    DeviceId::parse(&format!("cdv_{}", body(letter))).unwrap()
}

fn command_id(letter: char) -> CommandId {
    CommandId::parse(&format!("cmd_{}", body(letter))).unwrap()
}

fn sensor_id(letter: char) -> SensorId {
    SensorId::parse(&format!("sns_{}", body(letter))).unwrap()
}

fn resource_id(letter: char) -> ResourceId {
    ResourceId::parse(&format!("res_{}", body(letter))).unwrap()
}

fn desired_id(letter: char) -> DesiredId {
    DesiredId::parse(&format!("des_{}", body(letter))).unwrap()
}

fn secret(letter: char) -> DeviceSecret {
    DeviceSecret::parse(&letter.to_string().repeat(30)).unwrap()
}

fn settings(label: &str) -> DeviceSettings {
    DeviceSettings {
        label: label.to_owned(),
        subscription: Subscription::Active,
        protocols: Protocols::default(),
        plan: Plan::default(),
    }
}

fn relay() -> Command {
    Command {
        id: command_id('r'),
        label: "vent".to_owned(),
        value: "0".to_owned(),
        value_type: "NumericRange".to_owned(),
        kind: "relay".to_owned(),
        pin_port: "6".to_owned(),
        min: Some(0.0),
        max: Some(100.0),
        adoption: Adoption::Off,
        resources: Vec::new(),
    }
}

fn thermistor() -> Sensor {
    Sensor {
        id: sensor_id('t'),
        label: "air".to_owned(),
        kind: "thermistor".to_owned(),
        qc: "celsius_temperature".to_owned(),
        mu: "degree_celsius:0".to_owned(),
        pin_port: "5".to_owned(),
        resources: Vec::new(),
    }
}

fn item(source: SourceId, message: &str, value: &str, observed_ms: i64) -> Item {
    Item {
        source,
        route: None,
        message_id: MessageId::parse(message).unwrap(),
        value: Text::parse(value).unwrap(),
        observed_ms,
        answer: None,
        sequence: None,
        warnings: Warnings::default(),
    }
}

fn reading(message: &str, value: &str, observed_ms: i64) -> Item {
    item(SourceId::Sensor(sensor_id('t')), message, value, observed_ms)
}

fn report(message: &str, value: &str, observed_ms: i64) -> Item {
    item(SourceId::Command(command_id('r')), message, value, observed_ms)
}

fn answer(message: &str, letter: char, status: ReportStatus) -> Item {
    let answer = Some(Answer { desired: desired_id(letter), status });
    Item { answer, ..report(message, "1", 2_000) }
}

fn wish(letter: char, value: &str, issued_ms: i64) -> NewDesired {
    NewDesired {
        id: desired_id(letter),
        command: command_id('r'),
        resource: None,
        value: value.to_owned(),
        issued_ms,
        expires_ms: Some(issued_ms + 900_000),
    }
}

const fn now(ms: i64) -> Now {
    Now { ms, future_tolerance_ms: 300_000 }
}

fn created(accepted: &Result<Accepted, Refusal>) -> u64 {
    match accepted {
        Ok(Accepted::Created { feed_data, .. }) => *feed_data,
        other => panic!("{other:?}"),
    }
}

const DAY: Duration = Duration::from_secs(24 * 3600);
