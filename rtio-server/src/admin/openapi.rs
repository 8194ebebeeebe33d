//! The operators' port as an OpenAPI document, for programs and for people with a viewer. A test compares it with what the port answers.

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

/// `GET /openapi.json`. Open: it names no device, and who has the program has it anyway.
pub(super) async fn describe() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT)
}

const DOCUMENT: &str = include_str!("../../openapi/admin.json");
