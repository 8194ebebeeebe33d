//! What a device is told about itself, typed. Members that are not known are passed over, those that are not there have the contract's
//! own numbers. (Contract §3, §4.)

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::error::RealerError;

/// What a device is told about itself.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Descriptor {
    /// The device's id.
    pub device_id: String,
    /// The ways in which it may exchange data: `rtio` for a session, `https`, `mqtt`.
    pub available_protocols: Vec<String>,
    /// Changes when a command or sensor does.
    pub catalog_revision: String,
    /// Changes when anything else here does.
    pub runtime_revision: String,
    /// What it can be told to be. Those that the contract cannot express are left out.
    pub commands: Vec<Command>,
    /// What it measures. Those that the contract cannot express are left out.
    pub sensors: Vec<Sensor>,
    /// How often desired states are asked for, by a device that polls.
    pub desired_states: Interval,
    /// How often feed data is sent.
    pub feed_data: Interval,
    /// How much one request bears.
    pub limits: Limits,
    /// How to wait after failures.
    pub backoff: Backoff,
}

/// Something that a device can be told to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Command {
    /// Its name.
    pub id: String,
    /// The value that is configured now: context for a first start, no instruction.
    pub value: String,
    /// How values are read, such as `NumericRange`; an unknown type is text.
    pub value_type: String,
    /// The kind of actuator, such as `relay`.
    pub kind: String,
    /// Pin or port on the device.
    pub pin_port: String,
}

/// Something that a device measures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Sensor {
    /// Its name.
    pub id: String,
    /// Such as `thermistor`.
    pub kind: String,
    /// Quantity, such as `celsius_temperature`.
    pub qc: String,
    /// Unit, such as `degree_celsius:0`.
    pub mu: String,
    /// Pin or port on the device.
    pub pin_port: String,
}

/// How often one thing happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interval {
    /// How often contact is expected.
    pub expected: Duration,
    /// The shortest spacing that is allowed.
    pub minimum: Duration,
}

/// How much one request bears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of its body.
    pub max_request_bytes: usize,
    /// Items of a batch.
    pub max_batch_items: usize,
}

/// How to wait after failures: each wait is drawn evenly from zero up to a ceiling that grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The first ceiling.
    pub initial: Duration,
    /// What it is multiplied by.
    pub multiplier: u32,
    /// The highest.
    pub max: Duration,
}

impl Descriptor {
    /// Reads a whole bootstrap document.
    pub(super) fn of(document: &Value) -> Result<Self, RealerError> {
        let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let revision = |pointer: &str| match text(pointer) {
            revision if revision.is_empty() => Err(RealerError::Malformed { what: "a revision is missing" }),
            revision => Ok(revision),
        };
        let items = |name: &str| document.get(name).and_then(Value::as_array).into_iter().flatten();
        let protocols = items("available_protocols").filter_map(Value::as_str);
        Ok(Self {
            device_id: text("/device/id"),
            available_protocols: protocols.map(str::to_owned).collect(),
            catalog_revision: revision("/catalog_revision")?,
            runtime_revision: revision("/runtime_revision")?,
            commands: items("commands").filter_map(|item| Command::deserialize(item).ok()).collect(),
            sensors: items("sensors").filter_map(|item| Sensor::deserialize(item).ok()).collect(),
            desired_states: interval(document, "desired_states", EXPECT_DESIRED_STATES),
            feed_data: interval(document, "feed_data", EXPECT_FEED_DATA),
            limits: Limits {
                max_request_bytes: count(document, "/limits/max_request_bytes", MAX_REQUEST_BYTES),
                max_batch_items: count(document, "/limits/max_batch_items", MAX_BATCH_ITEMS),
            },
            backoff: backoff(document),
        })
    }

    /// The command of this kind on this pin or port.
    pub fn command(&self, kind: &str, pin_port: &str) -> Option<&Command> {
        self.commands.iter().find(|command| command.kind == kind && command.pin_port == pin_port)
    }

    /// The sensor of this kind on this pin or port.
    pub fn sensor(&self, kind: &str, pin_port: &str) -> Option<&Sensor> {
        self.sensors.iter().find(|sensor| sensor.kind == kind && sensor.pin_port == pin_port)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_request_bytes: MAX_REQUEST_BYTES, max_batch_items: MAX_BATCH_ITEMS }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: BACKOFF_INITIAL, multiplier: BACKOFF_MULTIPLIER, max: BACKOFF_MAX }
    }
}

fn interval(document: &Value, name: &str, expected: Duration) -> Interval {
    let of = |member: &str, default| seconds(document, &format!("/cadence/{name}/{member}"), default);
    Interval { expected: of("expected_interval", expected), minimum: of("minimum_interval", MINIMUM_INTERVAL) }
}

fn backoff(document: &Value) -> Backoff {
    let multiplier = document.pointer("/backoff/multiplier").and_then(Value::as_u64);
    let multiplier = multiplier.and_then(|factor| u32::try_from(factor).ok()).unwrap_or(BACKOFF_MULTIPLIER);
    Backoff {
        initial: seconds(document, "/backoff/initial", BACKOFF_INITIAL),
        multiplier: multiplier.max(1),
        max: seconds(document, "/backoff/max", BACKOFF_MAX),
    }
}

/// Seconds, which may have a fraction; what is none, or makes no sense, is as if it were not there.
fn seconds(document: &Value, pointer: &str, default: Duration) -> Duration {
    let told = document.pointer(pointer).and_then(Value::as_f64);
    told.and_then(|told| Duration::try_from_secs_f64(told).ok()).map_or(default, |told| told.min(LONGEST))
}

fn count(document: &Value, pointer: &str, default: usize) -> usize {
    let told = document.pointer(pointer).and_then(Value::as_u64).and_then(|told| usize::try_from(told).ok());
    told.filter(|told| *told > 0).unwrap_or(default)
}

// Contract §3, the example's numbers; §11 for the waits.
const EXPECT_DESIRED_STATES: Duration = Duration::from_secs(30);
const EXPECT_FEED_DATA: Duration = Duration::from_secs(60);
const MINIMUM_INTERVAL: Duration = Duration::from_secs(5);
const MAX_REQUEST_BYTES: usize = 5120;
const MAX_BATCH_ITEMS: usize = 100;
const BACKOFF_INITIAL: Duration = Duration::from_secs(2);
const BACKOFF_MULTIPLIER: u32 = 2;
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// A hub may name any time; nobody waits longer than a day.
const LONGEST: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// §3, §4: what is not known is passed over, and an item in the error form is none.
    #[test]
    fn a_document_is_read_as_far_as_it_is_understood() {
        let document = json!({
            "code": 2000, "device": {"id": "cdv_1", "colour": "red"}, "available_protocols": ["https", "rtio", 7],
            "catalog_revision": "cat-17", "runtime_revision": "run-5", "news": [],
            "commands": [
                {"id": "cmd_1", "value": "0.0", "value_type": "NumericRange", "kind": "relay", "pin_port": "6", "new": 1},
                {"id": "cmd_2", "error": {"type": "unsupported_definition", "message": "no"}},
                {"id": "cmd_3", "error": "no"}, 5],
            "sensors": [{"id": "sns_1", "kind": "thermistor", "qc": "q", "mu": "m:0", "pin_port": "5"}],
            "cadence": {"feed_data": {"expected_interval": 10, "minimum_interval": 0.5}},
            "limits": {"max_request_bytes": 0, "max_batch_items": 7},
            "backoff": {"initial": 1, "multiplier": 0, "max": 1e300}
        });
        let descriptor = Descriptor::of(&document).unwrap();
        assert_eq!(descriptor.device_id, "cdv_1");
        assert_eq!(descriptor.available_protocols, ["https", "rtio"]);
        assert_eq!(descriptor.command("relay", "6").map(|command| &*command.id), Some("cmd_1"));
        assert_eq!((descriptor.commands.len(), descriptor.sensor("thermistor", "6")), (1, None));
        let ms = Duration::from_millis;
        assert_eq!(descriptor.feed_data, Interval { expected: ms(10_000), minimum: ms(500) });
        assert_eq!(descriptor.desired_states, Interval { expected: ms(30_000), minimum: ms(5_000) });
        assert_eq!(descriptor.limits, Limits { max_request_bytes: 5120, max_batch_items: 7 });
        assert_eq!(descriptor.backoff, Backoff { initial: ms(1000), multiplier: 1, max: BACKOFF_MAX });
        assert!(Descriptor::of(&json!({"catalog_revision": "a", "runtime_revision": 7})).is_err());
    }
}
