//! What an operator may say about a control device, a command, a sensor or a resource, and what is acceptable of it. Pure.
//!
//! All of it is optional here: a change says only what is to be another, a new thing has the rest from its default. Each refusal names
//! the field and what was expected.

pub mod check;

mod command;
mod device;
mod resource;
mod sensor;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use super::{Adoption, Subscription};

pub use command::CommandFields;
pub use device::{DeviceFields, Protocol};
pub use resource::{ResourceFields, Resources};
pub use sensor::SensorFields;

/// A field with a value that it cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: expected {expected}")]
pub struct FieldError {
    /// Its name, with where it stands if that is not plain.
    pub field: String,
    /// What it could have.
    pub expected: String,
}

impl FieldError {
    /// The field of this name shall be something else.
    pub fn new(field: impl fmt::Display, expected: impl fmt::Display) -> Self {
        Self { field: field.to_string(), expected: expected.to_string() }
    }

    /// The same, of a field that stands in something.
    #[must_use]
    pub fn within(self, place: impl fmt::Display) -> Self {
        Self { field: format!("{place}.{}", self.field), ..self }
    }
}

/// [`Subscription`], as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionName {
    /// It is served.
    Active,
    /// It is not.
    Inactive,
}

/// [`Adoption`], as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdoptionName {
    /// What the device reports by itself only becomes the reported state.
    Off,
    /// It becomes the desired value as well.
    On,
}

impl From<SubscriptionName> for Subscription {
    fn from(name: SubscriptionName) -> Self {
        match name {
            SubscriptionName::Active => Self::Active,
            SubscriptionName::Inactive => Self::Inactive,
        }
    }
}

impl From<Subscription> for SubscriptionName {
    fn from(subscription: Subscription) -> Self {
        match subscription {
            Subscription::Active => Self::Active,
            Subscription::Inactive => Self::Inactive,
        }
    }
}

impl From<AdoptionName> for Adoption {
    fn from(name: AdoptionName) -> Self {
        match name {
            AdoptionName::Off => Self::Off,
            AdoptionName::On => Self::On,
        }
    }
}

impl From<Adoption> for AdoptionName {
    fn from(adoption: Adoption) -> Self {
        match adoption {
            Adoption::Off => Self::Off,
            Adoption::On => Self::On,
        }
    }
}

/// What may be taken away: absent says nothing, `null` that there shall be none.
pub(super) fn given<'de, T, D>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// What there always is: absent says nothing, and `null` is refused.
pub(super) fn said<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}
