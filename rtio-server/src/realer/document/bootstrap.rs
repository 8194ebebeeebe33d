//! What a device reads first. (Contract §3.)

use serde::Serialize;

use super::{CommandItem, OK, SensorItem};
use crate::hub::DeviceId;
use crate::realer::config::{Backoff, Cadence, Interval};
use crate::realer::{Catalog, Config, Limits, Protocols, whole_seconds};

/// All that a device needs to know of itself and of how the hub wants it to behave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BootstrapDocument {
    /// 2000.
    pub code: u16,
    /// Who it is.
    pub device: DeviceItem,
    /// The ways in which it may exchange data.
    pub available_protocols: Vec<&'static str>,
    /// Differs where a command or sensor differs.
    pub catalog_revision: String,
    /// Differs where anything else of this document differs.
    pub runtime_revision: String,
    /// In the order of their ids.
    pub commands: Vec<CommandItem>,
    /// In the order of their ids.
    pub sensors: Vec<SensorItem>,
    /// How often it comes.
    pub cadence: CadenceItem,
    /// How much it brings.
    pub limits: LimitsItem,
    /// How it waits after failures.
    pub backoff: BackoffItem,
    /// Where, by protocol.
    pub endpoints: Endpoints,
}

/// Which device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceItem {
    /// Its name.
    pub id: DeviceName,
}

/// How often a device comes, by endpoint family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CadenceItem {
    /// Desired states.
    pub desired_states: IntervalItem,
    /// Feed data.
    pub feed_data: IntervalItem,
    /// Bootstrap and catalogs.
    pub catalog: IntervalItem,
}

/// How often one thing happens, in whole seconds, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct IntervalItem {
    /// How often contact is expected.
    pub expected_interval: u64,
    /// The shortest spacing.
    pub minimum_interval: u64,
}

/// How much a device may bring at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LimitsItem {
    /// Of one body.
    pub max_request_bytes: usize,
    /// Of one batch.
    pub max_batch_items: usize,
}

/// How a device waits after failures, in whole seconds, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BackoffItem {
    /// The first wait.
    pub initial: u64,
    /// What each wait is multiplied by.
    pub multiplier: u32,
    /// The longest.
    pub max: u64,
    /// Whether the wait is drawn between nothing and that.
    pub jitter: bool,
}

/// Hints for the protocols that are available, and for no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Endpoints {
    /// Paths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub https: Option<HttpsEndpoints>,
    /// Paths over HTTPS of what a broker connection needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mqtt: Option<MqttEndpoints>,
    /// Device URIs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtio: Option<RtioEndpoints>,
}

/// Paths of the device over HTTPS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each is the path of what it is called")]
pub struct HttpsEndpoints {
    pub commands: String,
    pub sensors: String,
    pub desired_states: String,
    pub feed_data: String,
    pub feed_data_batches: String,
}

/// Paths over HTTPS of what a broker connection needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each is the path of what it is called")]
pub struct MqttEndpoints {
    pub catalog: String,
    pub credentials: &'static str,
}

/// URIs to which a device that holds a session sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "each is the URI of what it is called")]
pub struct RtioEndpoints {
    pub bootstrap: &'static str,
    pub commands: &'static str,
    pub sensors: &'static str,
    pub desired_states: &'static str,
    pub feed_data: &'static str,
}

impl BootstrapDocument {
    /// The document of a device and its catalog.
    pub fn of(catalog: &Catalog, config: &Config) -> Self {
        let device = &catalog.device;
        let (protocols, plan) = (config.protocols_of(device), device.settings.plan);
        Self {
            code: config.codes.of(OK),
            device: DeviceItem { id: DeviceName(device.id.clone()) },
            available_protocols: protocols.names().collect(),
            catalog_revision: device.revisions.catalog(),
            runtime_revision: device.revisions.runtime(config),
            commands: catalog.commands.iter().map(CommandItem::of).collect(),
            sensors: catalog.sensors.iter().map(SensorItem::of).collect(),
            cadence: CadenceItem::of(plan.cadence(config)),
            limits: LimitsItem::of(plan.limits(config)),
            backoff: BackoffItem::of(config.backoff),
            endpoints: Endpoints::of(&device.id, protocols),
        }
    }
}

impl CadenceItem {
    fn of(cadence: Cadence) -> Self {
        let item = |interval: Interval| IntervalItem {
            expected_interval: whole_seconds(interval.expected),
            minimum_interval: whole_seconds(interval.minimum),
        };
        Self {
            desired_states: item(cadence.desired_states),
            feed_data: item(cadence.feed_data),
            catalog: item(cadence.catalog),
        }
    }
}

impl LimitsItem {
    const fn of(limits: Limits) -> Self {
        Self { max_request_bytes: limits.max_request_bytes, max_batch_items: limits.max_batch_items }
    }
}

impl BackoffItem {
    fn of(backoff: Backoff) -> Self {
        Self {
            initial: whole_seconds(backoff.initial),
            multiplier: backoff.multiplier,
            max: whole_seconds(backoff.max),
            jitter: true,
        }
    }
}

impl Endpoints {
    fn of(device: &DeviceId, protocols: Protocols) -> Self {
        let path = |rest: &str| format!("/iot/v1/devices/{device}/{rest}");
        Self {
            https: protocols.https.then(|| HttpsEndpoints {
                commands: path("commands"),
                sensors: path("sensors"),
                desired_states: path("desired-states"),
                feed_data: path("feed-data"),
                feed_data_batches: path("feed-data/batches"),
            }),
            mqtt: protocols.mqtt.then(|| MqttEndpoints { catalog: path("mqtt"), credentials: CREDENTIALS }),
            rtio: protocols.rtio.then_some(RtioEndpoints {
                bootstrap: "/iot/v1/bootstrap",
                commands: "/iot/v1/commands",
                sensors: "/iot/v1/sensors",
                desired_states: "/iot/v1/desired-states",
                feed_data: "/iot/v1/feed-data",
            }),
        }
    }
}

/// Where a device gets an MQTT credential. (§7.2)
pub(super) const CREDENTIALS: &str = "/iot/v1/mqtt-credentials";

/// A device's name as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceName(pub DeviceId);

impl Serialize for DeviceName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}
