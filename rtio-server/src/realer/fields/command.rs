//! What may be said about a command.

use serde::Deserialize;

use super::{AdoptionName, FieldError, Resources, check};
use crate::realer::value::ValueType;
use crate::realer::{Adoption, Command, CommandId};

/// What is to be another about a command, or what a new one begins with.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandFields {
    /// What operators call it.
    #[serde(default, deserialize_with = "super::said")]
    pub label: Option<String>,
    /// The kind of actuator.
    #[serde(default, deserialize_with = "super::said")]
    pub kind: Option<String>,
    /// How values are read.
    #[serde(default, deserialize_with = "super::said")]
    pub value_type: Option<String>,
    /// Pin or port on the device.
    #[serde(default, deserialize_with = "super::said")]
    pub pin_port: Option<String>,
    /// The value of a new one before anything is desired; later that is what desired states are for.
    #[serde(default, deserialize_with = "super::said")]
    pub value: Option<String>,
    /// The least value that may be wished; `null`: any.
    #[serde(default, deserialize_with = "super::given")]
    pub min: Option<Option<f64>>,
    /// The greatest; `null`: any.
    #[serde(default, deserialize_with = "super::given")]
    pub max: Option<Option<f64>>,
    /// Whether what the device reports by itself becomes the desired value.
    #[serde(default, deserialize_with = "super::said")]
    pub adoption: Option<AdoptionName>,
    /// What it belongs to, by id or label.
    #[serde(default, deserialize_with = "super::said")]
    pub resources: Option<Vec<String>>,
}

impl CommandFields {
    /// The command `before` with what is said here.
    ///
    /// # Errors
    ///
    /// [`FieldError`].
    pub fn changed(&self, before: Command, resources: &Resources) -> Result<Command, FieldError> {
        if self.value.is_some() {
            return Err(FieldError::new("value", "no value of a command that is there: set a desired state"));
        }
        let text = |field, said: &Option<String>, before: String| match said {
            Some(said) => check::text(field, said),
            None => Ok(before),
        };
        let label = self.label.as_deref().map(|label| check::label("label", label)).transpose()?;
        let min = check::end("min", self.min.unwrap_or(before.min))?;
        let max = check::end("max", self.max.unwrap_or(before.max))?;
        if min.zip(max).is_some_and(|(min, max)| min > max) {
            return Err(FieldError::new("max", "a number that is not below min"));
        }
        Ok(Command {
            id: before.id,
            label: label.unwrap_or(before.label),
            value: before.value,
            value_type: text("value_type", &self.value_type, before.value_type)?,
            kind: text("kind", &self.kind, before.kind)?,
            pin_port: text("pin_port", &self.pin_port, before.pin_port)?,
            min,
            max,
            adoption: self.adoption.map_or(before.adoption, Into::into),
            resources: self.resources.as_deref().map_or(Ok(before.resources), |names| resources.find(names))?,
        })
    }

    /// A new command, with the value that it has before anything is desired.
    ///
    /// # Errors
    ///
    /// [`FieldError`], also where it has no label.
    pub fn new_command(&self, id: CommandId, resources: &Resources) -> Result<Command, FieldError> {
        let label = Some(self.label.clone().unwrap_or_default());
        let fields = Self { label, value: None, ..self.clone() };
        let command = fields.changed(blank(id), resources)?;
        let range = (command.min, command.max);
        let value = match &self.value {
            Some(value) => check::value(value, &command.value_type, range)?,
            None => first_value(&command),
        };
        Ok(Command { value, ..command })
    }
}

/// A command of which nothing is said.
fn blank(id: CommandId) -> Command {
    Command {
        id,
        label: String::new(),
        value: String::new(),
        value_type: "NumericRange".to_owned(),
        kind: String::new(),
        pin_port: String::new(),
        min: None,
        max: None,
        adoption: Adoption::Off,
        resources: Vec::new(),
    }
}

/// Off, or what comes next to it.
fn first_value(command: &Command) -> String {
    let nought = 0.0_f64.max(command.min.unwrap_or(f64::MIN)).min(command.max.unwrap_or(f64::MAX));
    match ValueType::of(&command.value_type) {
        ValueType::NumericRange | ValueType::Binary => nought.to_string(),
        ValueType::Opaque => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> CommandFields {
        serde_json::from_str(json).unwrap()
    }

    fn made(json: &str) -> Result<Command, FieldError> {
        read(json).new_command(CommandId::new(1).unwrap(), &Resources::default())
    }

    #[test]
    fn only_what_is_said_changes_and_null_takes_away() {
        let new = made(r#"{"label":"Heater","kind":"relay","pin_port":"6","min":0,"max":1,"value":"1.0"}"#).unwrap();
        assert!(new.is_complete());
        let none = Resources::default();
        assert_eq!(read("{}").changed(new.clone(), &none).unwrap(), new);
        let changed = read(r#"{"adoption":"on","max":null}"#).changed(new.clone(), &none).unwrap();
        assert_eq!(changed, Command { adoption: Adoption::On, max: None, ..new.clone() });
        assert_eq!(read(r#"{"value":"0"}"#).changed(new, &none).unwrap_err().field, "value");
    }

    #[test]
    fn a_first_value_is_off_or_next_to_it() {
        for (json, value) in [
            (r#"{"label":"a"}"#, "0"),
            (r#"{"label":"a","min":5.5}"#, "5.5"),
            (r#"{"label":"a","max":-1}"#, "-1"),
            (r#"{"label":"a","value_type":"Customary"}"#, ""),
        ] {
            assert_eq!(made(json).unwrap().value, value, "{json}");
        }
    }

    #[test]
    fn each_wrong_field_is_named() {
        for (json, field) in [
            ("{}", "label"),
            (r#"{"label":"a","kind":"ü"}"#, "kind"),
            (r#"{"label":"a","value_type":"\u0000"}"#, "value_type"),
            (r#"{"label":"a","pin_port":"\""}"#, "pin_port"),
            (r#"{"label":"a","min":2,"max":1}"#, "max"),
            (r#"{"label":"a","value":"on"}"#, "value"),
            (r#"{"label":"a","resources":["b"]}"#, "resources"),
        ] {
            assert_eq!(made(json).unwrap_err().field, field, "{json}");
        }
    }
}
