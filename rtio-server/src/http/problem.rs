//! Failures in words: problem+json (RFC 9457) for the direct form, plain text for the compatible one.

use bytes::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::body::ReplyBody;
use super::outcome::{Code, code_of, delivery_name};
use super::router::Form;
use crate::hub::{CallError, Delivery};

/// A failure, before it has a form.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: Code,
    delivery: Delivery,
    detail: String,
    missing: Option<&'static str>,
}

/// What goes over the wire.
#[derive(Serialize)]
struct ProblemJson<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    code: &'static str,
    delivery: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<&'static str>,
}

impl Problem {
    /// A failure before anything was sent to a device.
    pub(super) const fn new(status: StatusCode, code: Code, detail: String) -> Self {
        Self { status, code, delivery: Delivery::NotSent, detail, missing: None }
    }

    /// The same for lack of a right to `what`.
    pub(super) fn lacking(self, what: &'static str) -> Self {
        Self { missing: Some(what), ..self }
    }

    /// A call or observation that failed.
    pub(super) fn of(error: &CallError) -> Self {
        let code = code_of(error);
        let status = match error {
            CallError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            // No device has failed.
            CallError::ShadowRefused(_) if code == Code::InternalServerError => StatusCode::SERVICE_UNAVAILABLE,
            CallError::ShadowRefused(_)
            | CallError::DeviceOffline
            | CallError::NotListening
            | CallError::DeviceGone { .. }
            | CallError::DeviceVanished { .. }
            | CallError::DeviceSilent { .. }
            | CallError::DeviceRefused(_)
            | CallError::DeviceMalformed
            | CallError::DeviceOverran
            | CallError::CallerStalled
            | CallError::Busy(_) => code.http_status(),
        };
        Self { status, code, delivery: error.delivery(), detail: error.to_string(), missing: None }
    }

    /// The answer in `form`.
    pub(super) fn into_response(self, form: Form) -> Response<ReplyBody> {
        let (content_type, body) = match form {
            Form::Compatible => ("text/plain; charset=utf-8", self.detail.clone().into_bytes()),
            Form::Direct => ("application/problem+json", self.json()),
        };
        let mut response = Response::new(ReplyBody::Whole(Bytes::from(body)));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        if is_over_soon(self.status) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response
    }

    fn json(&self) -> Vec<u8> {
        let problem = ProblemJson {
            r#type: "about:blank",
            // RFC 9457 §4.2.1: a problem without a type of its own has its status' title.
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code.as_str(),
            delivery: delivery_name(self.delivery),
            detail: &self.detail,
            missing: self.missing,
        };
        serde_json::to_vec(&problem).expect("strings and numbers always serialize")
    }
}

/// The answer to a method that a path does not have.
pub(super) fn wrong_method(form: Form, allow: &'static str) -> Response<ReplyBody> {
    let detail = format!("allowed here: {allow}");
    let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, Code::MethodNotAllowed, detail).into_response(form);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

/// Whether doing it again soon makes sense.
pub(super) fn is_over_soon(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
}

/// A device that lost its connection is back within a second or so if it is still there; a full one frees a place as soon.
pub(super) const RETRY_AFTER_SECONDS: &str = "1";
