//! A control device: what is agreed with it beside its catalog. (Contract §3.)

use super::config::{Cadence, Config, Limits};
use crate::hub::{Access, DeviceId};

/// A device of the registry that has a runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlDevice {
    /// Its name, which is also its OAuth client id.
    pub id: DeviceId,
    /// Whether it may connect at all, as the registry says.
    pub access: Access,
    /// When it was added, in milliseconds since 1970.
    pub created_ms: i64,
    /// What an operator may change.
    pub settings: DeviceSettings,
    /// What its cached descriptor is compared with.
    pub revisions: Revisions,
}

/// What an operator may change about a control device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSettings {
    /// What operators call it, unique.
    pub label: String,
    /// Whether it is served.
    pub subscription: Subscription,
    /// How it may exchange data.
    pub protocols: Protocols,
    /// What differs from the hub's own numbers.
    pub plan: Plan,
}

/// Whether a device is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Subscription {
    /// It is.
    #[default]
    Active,
    /// Protected calls are refused with `subscription_inactive`.
    Inactive,
}

/// The ways in which a device may exchange data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protocols {
    /// By polling over HTTPS.
    pub https: bool,
    /// By a broker connection.
    pub mqtt: bool,
    /// By device URIs over the session.
    pub rtio: bool,
}

/// What a device may do and shall do, where that differs from the hub's own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Plan {
    /// Shortest spacing of its requests, in milliseconds.
    pub minimum_interval_ms: Option<u32>,
    /// Bytes of one request.
    pub max_request_bytes: Option<u32>,
    /// Items of one batch.
    pub max_batch_items: Option<u32>,
}

/// Numbers that grow with each change, and are the second of it at least, so that none comes again after a restored backup or for a
/// device that was added again. What goes over the wire is made of them ([`Revisions::runtime`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revisions {
    /// Of commands and sensors.
    pub catalog: u64,
    /// Of protocols and plan.
    pub runtime: u64,
}

impl Plan {
    /// The numbers that count for the device.
    pub fn limits(&self, config: &Config) -> Limits {
        let or = |own: Option<u32>, default: usize| own.map_or(default, |own| own as usize);
        Limits {
            max_request_bytes: or(self.max_request_bytes, config.limits.max_request_bytes),
            max_batch_items: or(self.max_batch_items, config.limits.max_batch_items),
        }
    }

    /// The spacing that counts for the device.
    pub fn cadence(&self, config: &Config) -> Cadence {
        self.minimum_interval_ms.map_or(config.cadence, |minimum| config.cadence.with_minimum_ms(minimum))
    }
}

impl Revisions {
    /// `catalog_revision`.
    pub fn catalog(&self) -> String {
        format!("cat-{}", self.catalog)
    }

    /// `runtime_revision`: the device's number, and a digest of the hub's own numbers, so that a changed configuration shows as well.
    pub fn runtime(&self, config: &Config) -> String {
        format!("run-{}-{:04x}", self.runtime, config.fingerprint())
    }
}

impl Default for Protocols {
    /// What needs no listener of its own.
    fn default() -> Self {
        Self { https: true, mqtt: false, rtio: true }
    }
}

impl Protocols {
    /// Their names, as `available_protocols` has them.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [(self.https, "https"), (self.mqtt, "mqtt"), (self.rtio, "rtio")]
            .into_iter()
            .filter_map(|(is, name)| is.then_some(name))
    }
}
