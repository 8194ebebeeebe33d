//! What may be said about a control device.

use serde::{Deserialize, Serialize};

use super::{FieldError, SubscriptionName, check};
use crate::realer::{DeviceSettings, Plan, Protocols};

/// What is to be another about a device, or what a new one begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceFields {
    /// What operators call it.
    #[serde(default, deserialize_with = "super::said")]
    pub label: Option<String>,
    /// Whether it is served.
    #[serde(default, deserialize_with = "super::said")]
    pub subscription: Option<SubscriptionName>,
    /// How it may exchange data.
    #[serde(default, deserialize_with = "super::said")]
    pub protocols: Option<Vec<Protocol>>,
    /// Shortest spacing of its requests; `null`: the hub's own.
    #[serde(default, deserialize_with = "super::given")]
    pub minimum_interval_ms: Option<Option<u32>>,
    /// Bytes of one request; `null`: the hub's own.
    #[serde(default, deserialize_with = "super::given")]
    pub max_request_bytes: Option<Option<u32>>,
    /// Items of one batch; `null`: the hub's own.
    #[serde(default, deserialize_with = "super::given")]
    pub max_batch_items: Option<Option<u32>>,
}

/// A way in which a device may exchange data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// By polling.
    Https,
    /// By a broker connection.
    Mqtt,
    /// By device URIs over the session.
    Rtio,
}

impl Protocol {
    /// Those of a device, in the order in which they are announced.
    pub fn of(protocols: Protocols) -> Vec<Self> {
        let all = [(protocols.https, Self::Https), (protocols.mqtt, Self::Mqtt), (protocols.rtio, Self::Rtio)];
        all.into_iter().filter_map(|(is, protocol)| is.then_some(protocol)).collect()
    }

    fn all_of(list: &[Self]) -> Result<Protocols, FieldError> {
        let has = |protocol| list.contains(&protocol);
        let all = Protocols { https: has(Self::Https), mqtt: has(Self::Mqtt), rtio: has(Self::Rtio) };
        let is_sound = !list.is_empty() && Self::of(all).len() == list.len();
        is_sound
            .then_some(all)
            .ok_or_else(|| FieldError::new("protocols", "one or more of https, mqtt and rtio, each once"))
    }
}

impl DeviceFields {
    /// The settings `before` with what is said here.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn changed(&self, before: DeviceSettings) -> Result<DeviceSettings, FieldError> {
        let label = self.label.as_deref().map(|label| check::label("label", label)).transpose()?;
        let protocols = self.protocols.as_deref().map(Protocol::all_of).transpose()?;
        let plan = Plan {
            minimum_interval_ms: self.minimum_interval_ms.unwrap_or(before.plan.minimum_interval_ms),
            max_request_bytes: self.max_request_bytes.unwrap_or(before.plan.max_request_bytes),
            max_batch_items: self.max_batch_items.unwrap_or(before.plan.max_batch_items),
        };
        check::number("minimum_interval_ms", plan.minimum_interval_ms, INTERVAL_MS)?;
        check::number("max_request_bytes", plan.max_request_bytes, REQUEST_BYTES)?;
        check::number("max_batch_items", plan.max_batch_items, BATCH_ITEMS)?;
        Ok(DeviceSettings {
            label: label.unwrap_or(before.label),
            subscription: self.subscription.map_or(before.subscription, Into::into),
            protocols: protocols.unwrap_or(before.protocols),
            plan,
        })
    }

    /// The settings of a new device.
    ///
    /// # Errors
    ///
    /// [`FieldError`], also where it has no label.
    pub fn new_settings(&self) -> Result<DeviceSettings, FieldError> {
        let label = self.label.clone().unwrap_or_default();
        let fields = Self { label: Some(label), ..self.clone() };
        fields.changed(DeviceSettings {
            label: String::new(),
            subscription: crate::realer::Subscription::default(),
            protocols: Protocols::default(),
            plan: Plan::default(),
        })
    }
}

/// Up to a day.
const INTERVAL_MS: (u32, u32) = (0, 24 * 3600 * 1000);

/// From the longest item to a megabyte.
const REQUEST_BYTES: (u32, u32) = (1024, 1024 * 1024);

/// The largest batch is a page.
const BATCH_ITEMS: (u32, u32) = (1, 1000);

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> DeviceFields {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn only_what_is_said_changes_and_null_takes_away() {
        let new = read(r#"{"label":"a","max_batch_items":10,"protocols":["rtio"]}"#).new_settings().unwrap();
        assert_eq!((new.plan.max_batch_items, new.protocols.https, new.protocols.rtio), (Some(10), false, true));
        assert_eq!(read("{}").changed(new.clone()).unwrap(), new);
        let changed = read(r#"{"subscription":"inactive","max_batch_items":null}"#).changed(new.clone()).unwrap();
        assert_eq!(changed.plan.max_batch_items, None);
        assert_eq!((changed.label, changed.protocols), (new.label, new.protocols));
    }

    #[test]
    fn null_is_refused_where_it_could_take_nothing_away() {
        for field in ["label", "subscription", "protocols"] {
            assert!(serde_json::from_str::<DeviceFields>(&format!("{{\"{field}\":null}}")).is_err(), "{field}");
        }
        for field in ["label", "kind", "value_type", "pin_port", "value", "adoption", "resources"] {
            let json = format!("{{\"{field}\":null}}");
            assert!(serde_json::from_str::<crate::realer::fields::CommandFields>(&json).is_err(), "{field}");
        }
    }

    #[test]
    fn each_wrong_field_is_named() {
        for (json, field) in [
            (r"{}", "label"),
            (r#"{"label":"a","protocols":[]}"#, "protocols"),
            (r#"{"label":"a","protocols":["rtio","rtio"]}"#, "protocols"),
            (r#"{"label":"a","minimum_interval_ms":86400001}"#, "minimum_interval_ms"),
            (r#"{"label":"a","max_request_bytes":1023}"#, "max_request_bytes"),
            (r#"{"label":"a","max_batch_items":0}"#, "max_batch_items"),
            (r#"{"label":"a","max_batch_items":1001}"#, "max_batch_items"),
        ] {
            assert_eq!(read(json).new_settings().unwrap_err().field, field, "{json}");
        }
    }
}
