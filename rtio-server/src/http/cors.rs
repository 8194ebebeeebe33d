//! Cross-origin rules: every answer may be read by pages of the configured origin, and preflights get a real answer.

use bytes::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderValue,
};
use hyper::{Response, StatusCode};

use super::body::ReplyBody;

/// Lets pages of `origin` read the answer.
pub(super) fn allow(response: &mut Response<ReplyBody>, origin: &HeaderValue) {
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
}

/// What a page may send.
pub(super) fn preflight() -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    let sent = "Authorization, Content-Type, Prefer, Last-Event-ID";
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(sent));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After, Preference-Applied"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_SECONDS));
    response
}

/// A day: what browsers cut it to anyway.
const MAX_AGE_SECONDS: &str = "86400";
