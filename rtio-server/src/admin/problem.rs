//! What an operator gets when something cannot be done (RFC 9457).

use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// A request that was not done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    code: Option<&'static str>,
    field: Option<String>,
    challenge: Option<&'static str>,
    retry_after: Option<&'static str>,
}

impl Problem {
    /// `detail` is for people.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), code: None, field: None, challenge: None, retry_after: None }
    }

    pub(super) fn unauthorized(detail: &str, challenge: &'static str) -> Self {
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, detail) }
    }

    pub(super) fn forbidden(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(super) fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// What the hub cannot read.
    pub(super) fn bad_request(detail: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail).with_code("BAD_REQUEST")
    }

    /// With the seconds after which it may work out.
    pub(super) fn with_retry_after(self, seconds: &'static str) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// What the hub cannot do now, such as on a full disk, and may do later. The code tells programs that it is no device's absence.
    pub(super) fn unavailable(detail: &str) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        problem.with_code("INTERNAL_SERVER_ERROR").with_retry_after("5")
    }

    /// With the name of the field that is at fault.
    pub(super) fn with_field(self, field: String) -> Self {
        Self { field: Some(field), ..self }
    }

    /// With a name for programs, one of those that callers get (docs/caller-http.md).
    pub(super) fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or_default();
        let mut body = json!({
            "type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail,
        });
        if let Some(code) = self.code {
            body["code"] = code.into();
        }
        if let Some(field) = self.field {
            body["field"] = field.into();
        }
        let head = [(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
        let mut response = (self.status, head, format!("{body}\n")).into_response();
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(seconds));
        }
        response
    }
}
