//! Cross-origin rules: every answer may be read by pages of the configured origin, and preflights get a real answer.

use bytes::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderValue,
};
use hyper::{Response, StatusCode};

use super::body::ReplyBody;

/// Lets pages of `origin` read the answer, and those of its fields that say what to do next.
pub(super) fn allow(response: &mut Response<ReplyBody>, origin: &HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    // Browsers look for it here, not in the answer to a preflight.
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

/// What a page may send.
pub(super) fn preflight() -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    let sent = "Authorization, Content-Type, Prefer, Last-Event-ID, Idempotency-Key";
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(sent));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_SECONDS));
    response
}

/// What a page could not read otherwise, though answers have it.
const EXPOSED: &str = "Retry-After, WWW-Authenticate, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, Preference-Applied, \
                       Idempotency-Replayed";

/// A day: what browsers cut it to anyway.
const MAX_AGE_SECONDS: &str = "86400";
