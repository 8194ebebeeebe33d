//! CoPOST in both forms: JSON to a device id, raw bytes to a device's URI.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use tracing::Instrument;

use super::activity::Busy;
use super::body::{self, BodyError, ReplyBody};
use super::json::{self, Unfit};
use super::observe::{self, InFlight};
use super::outcome::{Code, code_of};
use super::problem::Problem;
use super::router::Form;
use super::service::{Visit, success, whole};
use crate::hub::CallRequest;
use crate::token::Method;

/// `POST /{device_id}`.
pub(super) async fn compatible(visit: &Visit<'_>, body: &mut Incoming, busy: Busy) -> Response<ReplyBody> {
    let Visit { callers, device, asked, .. } = visit;
    let max_data = callers.config.max_payload;
    let body = match body::read(body, json::max_body_bytes(max_data), callers.config.body_timeout).await {
        Ok(body) => body,
        Err(error) => return bad_request(error.to_string(), Form::Compatible),
    };
    let request = match json::Request::from_json(&body, max_data) {
        Ok(request) => request,
        Err(Unfit::Unreadable(why)) => return bad_request(why, Form::Compatible),
        Err(Unfit::Refused { id, code }) => return answer(id, code, &[]),
    };
    let place = match visit.place(request.method, &request.uri) {
        Ok(place) => place,
        Err(denied) => return denied.into_response(Form::Compatible, request.id),
    };
    match request.method {
        Method::CoPost => {
            let wait = asked.wait.unwrap_or(callers.config.call_timeout);
            let call = CallRequest { uri: &request.uri, data: &request.data, wait };
            let doing = asked.trail.calls(device, &request.uri);
            let result = callers.hub.call(device, call).instrument(doing.span()).await;
            doing.ended(&result);
            match result {
                Ok(data) => answer(request.id, Code::Ok, &data),
                Err(error) => answer(request.id, code_of(&error), &[]),
            }
        }
        Method::ObGet => observe::compatible(visit, &request, InFlight::new(place, busy)).await,
    }
}

/// `POST /{device_id}/{uri…}`.
pub(super) async fn direct(visit: &Visit<'_>, uri: &str, body: &mut Incoming) -> Response<ReplyBody> {
    let Visit { callers, device, asked, .. } = visit;
    if let Some(refusal) = refuse_uri(uri) {
        return refusal;
    }
    let _place = match visit.place(Method::CoPost, uri) {
        Ok(place) => place,
        Err(denied) => return denied.into_response(Form::Direct, 0),
    };
    let data = match body::read(body, callers.config.max_payload, callers.config.body_timeout).await {
        Ok(data) => data,
        Err(error @ BodyError::TooLong { .. }) => {
            let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Code::BadRequest, error.to_string());
            return problem.into_response(Form::Direct);
        }
        Err(error @ (BodyError::TooSlow { .. } | BodyError::Broken)) => {
            return bad_request(error.to_string(), Form::Direct);
        }
    };
    let wait = asked.wait.unwrap_or(callers.config.call_timeout);
    let doing = asked.trail.calls(device, uri);
    let call = CallRequest { uri, data: &data, wait };
    let result = callers.hub.call(device, call).instrument(doing.span()).await;
    doing.ended(&result);
    match result {
        Ok(data) => success("application/octet-stream", ReplyBody::Whole(Bytes::from(data))),
        Err(error) => Problem::of(&error).into_response(Form::Direct),
    }
}

/// Refuses a URI whose length no device URI has.
pub(super) fn refuse_uri(uri: &str) -> Option<Response<ReplyBody>> {
    let allowed = json::URI_BYTES;
    if allowed.contains(&uri.len()) {
        return None;
    }
    let (min, max, len) = (allowed.start(), allowed.end(), uri.len());
    Some(bad_request(format!("a device URI has {min} to {max} bytes, this one {len}"), Form::Direct))
}

fn bad_request(detail: String, form: Form) -> Response<ReplyBody> {
    Problem::new(StatusCode::BAD_REQUEST, Code::BadRequest, detail).into_response(form)
}

/// One answer object of the compatible form.
fn answer(id: u32, code: Code, data: &[u8]) -> Response<ReplyBody> {
    let mut body = Vec::new();
    json::write_answer(&mut body, id, 0, code, data);
    success("application/json", whole(body))
}
