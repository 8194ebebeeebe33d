//! A refusal as it is answered. (Contract §1.5, §1.6.)

use serde::Serialize;

use crate::realer::{Config, Detail, Refusal};

/// A refusal with its code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorDocument {
    /// The number that firmware branches on first.
    pub code: u16,
    /// Why.
    pub error: ErrorItem,
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorItem {
    /// The label.
    pub r#type: &'static str,
    /// What people read.
    pub message: String,
    /// What is wrong with which field; only of what can be read and makes no sense.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<DetailItem>,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DetailItem {
    /// Its name.
    pub field: String,
    /// What is wrong.
    pub problem: &'static str,
}

impl ErrorDocument {
    /// The document of a refusal.
    pub fn of(refusal: &Refusal, config: &Config) -> Self {
        Self { code: config.codes.of(refusal.error_type().code()), error: ErrorItem::of(refusal) }
    }
}

impl ErrorItem {
    /// The error of a refusal.
    pub fn of(refusal: &Refusal) -> Self {
        let details = if let Refusal::Invalid(details) = refusal { details.as_slice() } else { &[] };
        Self {
            r#type: refusal.error_type().name(),
            message: refusal.message(),
            details: details.iter().map(DetailItem::of).collect(),
        }
    }
}

impl DetailItem {
    fn of(detail: &Detail) -> Self {
        Self { field: detail.field.clone().into_owned(), problem: detail.problem }
    }
}
