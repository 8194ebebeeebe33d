//! What MQTT devices get of the runtime, on a store in memory.

mod connect;
mod properties;
mod publish;
mod subscribe;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{AckOutcome, Published};
use crate::hub::{DeviceId, DeviceSecret};
use crate::realer::fake_store::greenhouse::{
    self, HEATER, NORTH, SOUTH, THERMOMETER, command, device, resource, sensor,
};
use crate::realer::fake_store::{FakeClock, FakeStore};
use crate::realer::ports::{CatalogChange, Store as _};
use crate::realer::{Config, DeviceSettings, Realer, Refusal, Route, Scopes, SourceId, Subscription, Topic};

/// A greenhouse that may use MQTT and come as often as it likes, at 2026-05-12T08:30:00Z.
struct Scene {
    realer: Realer,
    store: Arc<FakeStore>,
    clock: Arc<FakeClock>,
    settings: DeviceSettings,
}

const NOON_MS: i64 = 1_778_574_600_000;

impl Scene {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut DeviceSettings)) -> Self {
        let mut rows = greenhouse::rows();
        rows.device.settings.protocols.mqtt = true;
        rows.device.settings.plan.minimum_interval_ms = Some(0);
        change(&mut rows.device.settings);
        let settings = rows.device.settings.clone();
        let (store, clock) = (FakeStore::of([rows]), FakeClock::at(NOON_MS));
        let config = Config { broker_url: "mqtts://hub.example:8883".to_owned().into(), ..Config::default() };
        let realer = Realer::new(Arc::clone(&store) as _, Arc::clone(&clock) as _, config);
        Self { realer, store, clock, settings }
    }

    /// Something else is agreed from now on.
    async fn is_changed(&self, change: impl FnOnce(&mut DeviceSettings)) {
        let mut settings = self.settings.clone();
        change(&mut settings);
        self.realer.change_catalog(vec![CatalogChange::ChangeDevice { id: device(), settings }]).await.unwrap();
    }

    /// What becomes of messages that a device publishes.
    async fn publishes(&self, published: Vec<Published>) -> Vec<(AckOutcome, Value)> {
        let acks = self.realer.feed_published(&device(), published).await;
        acks.into_iter().map(|ack| (ack.outcome, serde_json::from_slice(&ack.payload).unwrap())).collect()
    }

    /// What becomes of one.
    async fn publishes_one(&self, route: Route, payload: &Value) -> Value {
        self.publishes(vec![message(route, payload)]).await.remove(0).1
    }
}

fn message(route: Route, payload: &Value) -> Published {
    Published { route, payload: payload.to_string().into_bytes(), retain: false }
}

fn thermometer() -> Route {
    Route { resource: resource(NORTH), source: SourceId::Sensor(sensor(THERMOMETER)) }
}

fn heater(of: &str) -> Route {
    Route { resource: resource(of), source: SourceId::Command(command(HEATER)) }
}

fn reading(message_id: &str, value: &str) -> Value {
    json!({ "message_id": message_id, "value": value, "value_received_at": "2026-05-12T08:29:10Z" })
}

fn scopes(names: &str) -> Scopes {
    Scopes::parse(names).unwrap()
}
