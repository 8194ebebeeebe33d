//! What an operator gets when the runtime does not do something: one mapping for each kind of error.

use axum::http::StatusCode;

use super::super::problem::Problem;
use crate::hub::RegistryError;
use crate::realer::Refusal;
use crate::realer::apply::{FileError, PlanError};
use crate::realer::fields::FieldError;
use crate::realer::ports::{CatalogError, StoreError};
use crate::telemetry::chain;

/// What a handler gives.
pub(super) type Answer<T> = Result<T, Problem>;

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::bad_request(&error.to_string()).with_field(error.field)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %chain(&error), "an operator's wish was not fulfilled");
        unavailable()
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        let status = match error {
            CatalogError::UnknownDevice(_) | CatalogError::UnknownSource { .. } | CatalogError::UnknownResource(_) => {
                StatusCode::NOT_FOUND
            }
            CatalogError::Exists { .. } | CatalogError::Full { .. } => StatusCode::CONFLICT,
            CatalogError::Store(error) => return error.into(),
        };
        Self::new(status, error.to_string())
    }
}

impl From<RegistryError> for Problem {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Unknown(_) => Self::not_found(&error.to_string()),
            RegistryError::Exists(_) => Self::new(StatusCode::CONFLICT, error.to_string()),
            RegistryError::Failed(source) => StoreError(source).into(),
        }
    }
}

impl From<FileError> for Problem {
    fn from(error: FileError) -> Self {
        Self::bad_request(&error.to_string())
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::Field(error) => error.into(),
            PlanError::Random(error) => error.into(),
        }
    }
}

impl From<getrandom::Error> for Problem {
    fn from(error: getrandom::Error) -> Self {
        tracing::error!(%error, "no id or secret can be made");
        unavailable()
    }
}

/// What the runtime refuses is told with the words that devices get. What makes no sense is 400 on this port, however it does not.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        if let Refusal::Invalid(details) = &refusal {
            let told: Vec<_> = details.iter().map(|detail| format!("{}: {}", detail.field, detail.problem)).collect();
            let first = details.first().map(|detail| detail.field.to_string()).unwrap_or_default();
            return Self::bad_request(&told.join("; ")).with_field(first);
        }
        match StatusCode::from_u16(refusal.error_type().http_status()) {
            Ok(StatusCode::BAD_REQUEST) => Self::bad_request(&refusal.message()),
            Ok(StatusCode::SERVICE_UNAVAILABLE) | Err(_) => unavailable(),
            Ok(status) => Self::new(status, refusal.message()),
        }
    }
}

fn unavailable() -> Problem {
    Problem::unavailable("the hub cannot read or write its store now; its log says why")
}
