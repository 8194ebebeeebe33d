//! Control devices of a hub with a runtime (`hub().with_realer()`): `control_device(&hub).await`, and what such a device asks over HTTP.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rtio_server::hub::{DeviceId, DeviceSecret};
use rtio_server::realer::ports::CatalogChange;
use rtio_server::realer::{
    Adoption, Command, CommandId, DesiredId, DesiredState, DeviceSettings, NewDesired, Plan, Protocols, Resource,
    ResourceId, Sensor, SensorId, Subscription, new_control_device,
};
use serde_json::{Value, json};

use super::{Reply, TestHub};

/// A control device with a relay and a thermistor in one resource, that may come as often as it likes unless a test says otherwise.
#[derive(Debug)]
pub(crate) struct ControlDevice {
    pub(crate) id: DeviceId,
    pub(crate) secret: String,
    pub(crate) resource: ResourceId,
    pub(crate) relay: CommandId,
    pub(crate) thermistor: SensorId,
}

/// A new control device of the hub.
pub(crate) async fn control_device(hub: &TestHub) -> ControlDevice {
    control_device_with(hub, |_| {}).await
}

/// A new control device with which something else is agreed.
pub(crate) async fn control_device_with(hub: &TestHub, change: impl FnOnce(&mut DeviceSettings)) -> ControlDevice {
    let now = hub.realer().now_ms();
    let secret = DeviceSecret::random().expect("the system has random bytes");
    let device = ControlDevice {
        id: new_control_device(now).expect("the system has random bytes"),
        secret: secret.reveal().to_owned(),
        resource: ResourceId::new(now).expect("the system has random bytes"),
        relay: CommandId::new(now).expect("the system has random bytes"),
        thermistor: SensorId::new(now).expect("the system has random bytes"),
    };
    let mut settings = settings(&device);
    change(&mut settings);
    let changes = vec![
        CatalogChange::AddDevice { id: device.id.clone(), secret, settings },
        CatalogChange::PutResource(Resource {
            id: device.resource.clone(),
            label: format!("resource of {}", device.id),
        }),
        CatalogChange::PutCommand { device: device.id.clone(), command: device.command() },
        CatalogChange::PutSensor { device: device.id.clone(), sensor: device.sensor() },
    ];
    hub.changes_catalog(changes).await;
    device
}

/// What is agreed with a device unless a test says otherwise.
pub(crate) fn settings(device: &ControlDevice) -> DeviceSettings {
    DeviceSettings {
        label: format!("device {}", device.id),
        subscription: Subscription::Active,
        protocols: Protocols::default(),
        plan: Plan { minimum_interval_ms: Some(0), ..Plan::default() },
    }
}

impl TestHub {
    /// Makes all of these changes.
    pub(crate) async fn changes_catalog(&self, changes: Vec<CatalogChange>) {
        self.realer().change_catalog(changes).await.expect("the changes make sense");
    }
}

impl ControlDevice {
    /// Its relay, as it was made.
    pub(crate) fn command(&self) -> Command {
        Command {
            id: self.relay.clone(),
            label: "relay".to_owned(),
            value: "0.0".to_owned(),
            value_type: "NumericRange".to_owned(),
            kind: "relay".to_owned(),
            pin_port: "6".to_owned(),
            min: None,
            max: None,
            adoption: Adoption::Off,
            resources: vec![self.resource.clone()],
        }
    }

    /// Its thermistor, as it was made.
    pub(crate) fn sensor(&self) -> Sensor {
        Sensor {
            id: self.thermistor.clone(),
            label: "thermistor".to_owned(),
            kind: "thermistor".to_owned(),
            qc: "celsius_temperature".to_owned(),
            mu: "degree_celsius:0".to_owned(),
            pin_port: "5".to_owned(),
            resources: vec![self.resource.clone()],
        }
    }

    /// Changes what is agreed with it.
    pub(crate) async fn is_changed(&self, hub: &TestHub, change: impl FnOnce(&mut DeviceSettings)) {
        let mut settings = settings(self);
        change(&mut settings);
        hub.changes_catalog(vec![CatalogChange::ChangeDevice { id: self.id.clone(), settings }]).await;
    }

    /// Somebody wants the relay to be `value`, for 15 minutes.
    pub(crate) async fn is_wished(&self, hub: &TestHub, value: &str) -> DesiredState {
        let (realer, expiry) = (hub.realer(), Duration::from_secs(900));
        let now = realer.now_ms();
        let wish = NewDesired {
            id: DesiredId::new(now).expect("the system has random bytes"),
            command: self.relay.clone(),
            resource: None,
            value: value.to_owned(),
            issued_ms: now,
            expires_ms: Some(now + i64::try_from(expiry.as_millis()).expect("a short time")),
        };
        let set = realer.store().set_desired(&self.id, wish).await.expect("the store works");
        set.expect("the wish makes sense")
    }

    /// `Authorization` of its OAuth requests.
    pub(crate) fn basic(&self) -> String {
        basic(self.id.as_str(), &self.secret)
    }

    /// A path of its own, such as `/bootstrap`.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/iot/v1/devices/{}{rest}", self.id)
    }

    /// A new token with the default scopes.
    pub(crate) async fn token(&self, hub: &TestHub) -> String {
        self.token_for(hub, "").await
    }

    /// A new token with these scopes.
    pub(crate) async fn token_for(&self, hub: &TestHub, scopes: &str) -> String {
        let scope = if scopes.is_empty() { String::new() } else { format!("&scope={}", scopes.replace(' ', "%20")) };
        let reply = self.asks_for_token(hub, &format!("grant_type=client_credentials{scope}")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.field("access_token")
    }

    /// Posts a form to the token endpoint.
    pub(crate) async fn asks_for_token(&self, hub: &TestHub, form: &str) -> Reply {
        let headers = [("authorization", &*self.basic()), ("content-type", FORM)];
        hub.asks("POST", "/oauth/token", &headers, form.as_bytes()).await
    }

    /// `GET` of a path of its own.
    pub(crate) async fn gets(&self, hub: &TestHub, token: &str, rest: &str) -> Reply {
        hub.asks("GET", &self.path(rest), &[("authorization", &bearer(token))], b"").await
    }

    /// `POST` of JSON to a path of its own.
    pub(crate) async fn posts(&self, hub: &TestHub, token: &str, rest: &str, body: &Value) -> Reply {
        let headers = [("authorization", &*bearer(token)), ("content-type", "application/json")];
        hub.asks("POST", &self.path(rest), &headers, body.to_string().as_bytes()).await
    }

    /// A reading of its thermistor.
    pub(crate) fn reading(&self, message_id: &str, value: &str) -> Value {
        json!({
            "sensor_id": self.thermistor.as_str(),
            "message_id": message_id,
            "value": value,
            "value_received_at": "2026-05-12T08:31:10Z",
        })
    }
}

/// `Authorization` with a client's id and secret.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// `Authorization` with a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Content type of a form.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
