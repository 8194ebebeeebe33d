//! The callers' port as an OpenAPI document, for programs and for people with a viewer. A test compares it with what the port answers.

use bytes::Bytes;
use hyper::Response;

use super::body::ReplyBody;
use super::service::success;

/// `GET /openapi.json`. It needs no token: it names no device, and who has the program has it anyway.
pub(super) fn describe() -> Response<ReplyBody> {
    success("application/json", ReplyBody::Whole(Bytes::from_static(DOCUMENT)))
}

const DOCUMENT: &[u8] = include_bytes!("../../openapi/caller.json");
