//! What a device needs to know before it connects to a broker. (Contract §7.1.)

use serde::Serialize;

use super::OK;
use super::bootstrap::{CREDENTIALS, DeviceName};
use crate::hub::DeviceId;
use crate::realer::{Catalog, Command, Config, Route, Scope, Sensor, SourceId, Topic, whole_seconds};

/// Broker, topics and limits. Without `broker_url` and `credential_endpoint` there is no MQTT for the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MqttDocument {
    /// 2000.
    pub code: u16,
    /// Which device.
    pub device_id: DeviceName,
    /// So that a running device sees that it must read its bootstrap again.
    pub catalog_revision: String,
    /// The same.
    pub runtime_revision: String,
    /// Where the broker is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_url: Option<String>,
    /// Of MQTT.
    pub protocol_version: &'static str,
    /// As which the device connects.
    pub mqtt_client_id: DeviceName,
    /// Where it gets a credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_endpoint: Option<&'static str>,
    /// What it posts there.
    pub credential_request: CredentialRequest,
    /// What its token must be for.
    pub scopes: Vec<&'static str>,
    /// How it behaves at the broker.
    pub limits: MqttLimits,
    /// Where the hub answers what it publishes.
    pub feed_data_ack_topic: String,
    /// One for each source and resource that belong together.
    pub routes: Vec<MqttRoute>,
}

/// What a device posts for a credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CredentialRequest {
    /// Which device.
    pub device_id: DeviceName,
}

/// How a device behaves at the broker; times in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the others have MQTT's names")]
pub struct MqttLimits {
    /// Of one item; more is acknowledged as `payload_too_large`.
    pub max_payload_bytes: usize,
    /// From one item to the next, of the whole device. Who keeps to it is never acknowledged as `rate_limited`: what is enforced is a
    /// tenth of it, with 32 at once after a pause.
    pub minimum_publish_interval: u64,
    pub keep_alive: u16,
    /// Items without an acknowledgement; while there are more, the hub reads no further.
    pub max_inflight: u16,
    pub qos: u8,
    pub retain: bool,
}

/// Topics of one source for one of its resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MqttRoute {
    /// `command` or `sensor`.
    pub source_type: &'static str,
    /// Which command, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command_id: Option<String>,
    /// Which sensor, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensor_id: Option<String>,
    /// Of which resource.
    pub resource_id: String,
    /// Where the device publishes.
    pub feed_data_topic: String,
    /// Where the hub publishes, of a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_topic: Option<String>,
}

impl MqttDocument {
    /// The document of a device and its catalog.
    pub fn of(catalog: &Catalog, config: &Config) -> Self {
        let device = &catalog.device;
        let name = DeviceName(device.id.clone());
        let broker_url = config.broker_url.get().cloned().filter(|_| config.protocols_of(device).mqtt);
        let sensors = catalog.sensors.iter().filter(|sensor| sensor.is_complete());
        let commands = catalog.commands.iter().filter(|command| command.is_complete());
        Self {
            code: config.codes.of(OK),
            device_id: name.clone(),
            catalog_revision: device.revisions.catalog(),
            runtime_revision: device.revisions.runtime(config),
            credential_endpoint: broker_url.is_some().then_some(CREDENTIALS),
            broker_url,
            protocol_version: "3.1.1",
            mqtt_client_id: name.clone(),
            credential_request: CredentialRequest { device_id: name },
            scopes: MQTT_SCOPES.map(Scope::name).to_vec(),
            limits: MqttLimits {
                max_payload_bytes: device.settings.plan.limits(config).max_request_bytes,
                minimum_publish_interval: whole_seconds(device.settings.plan.cadence(config).feed_data.minimum),
                ..BROKER
            },
            feed_data_ack_topic: Topic::Acks.write(&device.id),
            routes: sensors
                .flat_map(|sensor| MqttRoute::of_sensor(&device.id, sensor))
                .chain(commands.flat_map(|command| MqttRoute::of_command(&device.id, command)))
                .collect(),
        }
    }
}

impl MqttRoute {
    /// The routes of a sensor: none where it belongs to nothing.
    pub fn of_sensor<'a>(device: &'a DeviceId, sensor: &'a Sensor) -> impl Iterator<Item = Self> + 'a {
        sensor.resources.iter().map(move |resource| {
            let route = Route { resource: resource.clone(), source: SourceId::Sensor(sensor.id.clone()) };
            Self {
                source_type: "sensor",
                command_id: None,
                sensor_id: Some(sensor.id.to_string()),
                resource_id: resource.to_string(),
                feed_data_topic: Topic::FeedData(route).write(device),
                desired_topic: None,
            }
        })
    }

    /// The routes of a command: none where it belongs to nothing.
    pub fn of_command<'a>(device: &'a DeviceId, command: &'a Command) -> impl Iterator<Item = Self> + 'a {
        command.resources.iter().map(move |resource| {
            let route = Route { resource: resource.clone(), source: SourceId::Command(command.id.clone()) };
            let desired = Topic::Desired { resource: resource.clone(), command: command.id.clone() };
            Self {
                source_type: "command",
                command_id: Some(command.id.to_string()),
                sensor_id: None,
                resource_id: resource.to_string(),
                feed_data_topic: Topic::FeedData(route).write(device),
                desired_topic: Some(desired.write(device)),
            }
        })
    }
}

/// Those of MQTT, in the contract's order.
const MQTT_SCOPES: [Scope; 4] =
    [Scope::MqttConnect, Scope::MqttAckRead, Scope::MqttFeedDataWrite, Scope::MqttDesiredRead];

/// What is the same for all devices.
const BROKER: MqttLimits = MqttLimits {
    max_payload_bytes: 0,
    minimum_publish_interval: 0,
    keep_alive: 60,
    max_inflight: 10,
    qos: 1,
    retain: false,
};
