//! What a file changes, for who applies it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// All that changes, in the order in which it stands in the file; what goes comes last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// One for each thing.
    pub changes: Vec<Change>,
}

/// One thing that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// How.
    pub action: Action,
    /// What sort of thing it is.
    pub kind: Kind,
    /// The label of the device that it is of, where it is a command or sensor.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device: Option<String>,
    /// What operators call it now.
    pub label: String,
    /// Its name; a thing that was not added, because nothing was changed, has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// What is another.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub fields: Vec<FieldChange>,
}

/// One field that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// What it was; null if it was not set.
    pub before: Value,
    /// What it is; null if it is not set.
    pub after: Value,
}

/// How a thing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It was not there.
    Add,
    /// It was there.
    Change,
    /// It is there no more.
    Remove,
}

/// A sort of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Resource,
    Device,
    Command,
    Sensor,
}

impl Report {
    /// The same of changes that were not made: what would be added has no name yet.
    #[must_use]
    pub fn of_nothing_done(mut self) -> Self {
        self.changes.iter_mut().filter(|change| change.action == Action::Add).for_each(|change| change.id = None);
        self
    }
}

/// A line for each thing, and one below it for each field.
impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes.iter().try_for_each(|change| change.fmt(out))
    }
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, kind) = (self.action.sign(), self.kind.name());
        write!(out, "{sign} {kind} {}", self.label)?;
        if let Some(device) = &self.device {
            write!(out, " of {device}")?;
        }
        if let Some(id) = &self.id {
            write!(out, " ({id})")?;
        }
        writeln!(out)?;
        self.fields.iter().try_for_each(|FieldChange { field, before, after }| {
            if before.is_null() {
                writeln!(out, "    {field}: {after}")
            } else {
                writeln!(out, "    {field}: {before} -> {after}")
            }
        })
    }
}

impl Action {
    const fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Change => '~',
            Self::Remove => '-',
        }
    }
}

impl Kind {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Device => "device",
            Self::Command => "command",
            Self::Sensor => "sensor",
        }
    }
}
