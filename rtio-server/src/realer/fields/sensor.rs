//! What may be said about a sensor.

use serde::Deserialize;

use super::{FieldError, Resources, check};
use crate::realer::{Sensor, SensorId};

/// What is to be another about a sensor, or what a new one begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorFields {
    /// What operators call it.
    #[serde(default, deserialize_with = "super::said")]
    pub label: Option<String>,
    /// What kind of sensor it is.
    #[serde(default, deserialize_with = "super::said")]
    pub kind: Option<String>,
    /// Quantity.
    #[serde(default, deserialize_with = "super::said")]
    pub qc: Option<String>,
    /// Unit.
    #[serde(default, deserialize_with = "super::said")]
    pub mu: Option<String>,
    /// Pin or port on the device.
    #[serde(default, deserialize_with = "super::said")]
    pub pin_port: Option<String>,
    /// What it belongs to, by id or label.
    #[serde(default, deserialize_with = "super::said")]
    pub resources: Option<Vec<String>>,
}

impl SensorFields {
    /// The sensor `before` with what is said here.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn changed(&self, before: Sensor, resources: &Resources) -> Result<Sensor, FieldError> {
        let text = |field, said: &Option<String>, before: String| match said {
            Some(said) => check::text(field, said),
            None => Ok(before),
        };
        let label = self.label.as_deref().map(|label| check::label("label", label)).transpose()?;
        Ok(Sensor {
            id: before.id,
            label: label.unwrap_or(before.label),
            kind: text("kind", &self.kind, before.kind)?,
            qc: text("qc", &self.qc, before.qc)?,
            mu: text("mu", &self.mu, before.mu)?,
            pin_port: text("pin_port", &self.pin_port, before.pin_port)?,
            resources: self.resources.as_deref().map_or(Ok(before.resources), |names| resources.find(names))?,
        })
    }

    /// A new sensor.
    ///
    /// # Errors
    ///
    /// [`FieldError`], also where it has no label.
    pub fn new_sensor(&self, id: SensorId, resources: &Resources) -> Result<Sensor, FieldError> {
        let fields = Self { label: Some(self.label.clone().unwrap_or_default()), ..self.clone() };
        let (label, kind, qc, mu) = (String::new(), String::new(), String::new(), String::new());
        fields.changed(Sensor { id, label, kind, qc, mu, pin_port: String::new(), resources: Vec::new() }, resources)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensor_is_made_and_changed_field_by_field() {
        let read = |json: &str| serde_json::from_str::<SensorFields>(json).unwrap();
        let (none, id) = (Resources::default(), SensorId::new(1).unwrap());
        let all =
            r#"{"label":"Air","kind":"thermistor","qc":"celsius_temperature","mu":"degree_celsius:0","pin_port":"5"}"#;
        let sensor = read(all).new_sensor(id.clone(), &none).unwrap();
        assert!(sensor.is_complete());
        let changed = read(r#"{"pin_port":""}"#).changed(sensor.clone(), &none).unwrap();
        assert_eq!(changed, Sensor { pin_port: String::new(), ..sensor });
        for (json, field) in
            [("{}", "label"), (r#"{"label":"a","qc":"\n"}"#, "qc"), (r#"{"label":"a","mu":"ü"}"#, "mu")]
        {
            assert_eq!(read(json).new_sensor(id.clone(), &none).unwrap_err().field, field, "{json}");
        }
    }
}
