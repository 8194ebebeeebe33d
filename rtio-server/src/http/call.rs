//! CoPOST in both forms: JSON to a device id, raw bytes to a device's URI.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tracing::Instrument;

use super::access::Denied;
use super::activity::Busy;
use super::body::{self, BodyError, ReplyBody};
use super::caller_limits::Place;
use super::idempotency::{Answer, IDEMPOTENCY_REPLAYED, Keyed, Source, Wish, once};
use super::json::{self, Unfit};
use super::observe::{self, InFlight};
use super::outcome::{Code, code_of};
use super::problem::{Problem, RETRY_AFTER_SECONDS, is_over_soon};
use super::router::Form;
use super::service::{Visit, success, whole};
use crate::hub::{Answered, AnsweredBy};
use crate::token::Method;

/// `POST /{device_id}`.
pub(super) async fn compatible(visit: &Visit<'_>, body: &mut Incoming, busy: Busy) -> Response<ReplyBody> {
    let callers = visit.callers;
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
            let wish = Wish { form: Form::Compatible, uri: &request.uri, data: &request.data };
            let called = match Keyed::read(visit, &request.uri) {
                Ok(key) => call(visit, key, wish, place).await,
                Err(denied) => Err(denied),
            };
            match called {
                Ok(Answer { outcome: Ok(answered), source }) => {
                    marked(source, answer(request.id, Code::Ok, &answered.data))
                }
                Ok(Answer { outcome: Err(error), source }) => marked(source, answer(request.id, code_of(&error), &[])),
                Err(denied) => denied.into_response(Form::Compatible, request.id),
            }
        }
        Method::ObGet => observe::compatible(visit, &request, InFlight::new(place, busy)).await,
    }
}

/// `POST /{device_id}/{uri…}`.
pub(super) async fn direct(visit: &Visit<'_>, uri: &str, body: &mut Incoming) -> Response<ReplyBody> {
    let callers = visit.callers;
    if let Some(refusal) = refuse_uri(uri) {
        return refusal;
    }
    let begun = visit.place(Method::CoPost, uri).and_then(|place| Ok((place, Keyed::read(visit, uri)?)));
    let (place, key) = match begun {
        Ok(begun) => begun,
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
    match call(visit, key, Wish { form: Form::Direct, uri, data: &data }, place).await {
        Ok(Answer { outcome: Ok(answered), source }) => marked(source, raw(answered)),
        Ok(Answer { outcome: Err(error), source }) => marked(source, Problem::of(&error).into_response(Form::Direct)),
        Err(denied) => denied.into_response(Form::Direct, 0),
    }
}

/// Calls the device, for each key once. `place` is the caller's as long as the call is in flight.
async fn call(visit: &Visit<'_>, key: Option<Keyed<'_>>, wish: Wish<'_>, place: Place) -> Result<Answer, Denied> {
    if let Some(key) = key {
        // Boxed, so that a call without a key is not as large as one with it.
        return Box::pin(once(visit, key, wish, place)).await;
    }
    let doing = visit.asked.trail.calls(visit.device, wish.uri);
    let request = visit.call(wish.uri, wish.data);
    let outcome = visit.callers.hub.call(visit.device, request).instrument(doing.span()).await;
    doing.ended(&outcome);
    drop(place);
    Ok(Answer { outcome, source: Source::Own })
}

/// The answer of the direct form: a device's bytes, or the hub's document on its behalf with the status that this has.
fn raw(Answered { data, by }: Answered) -> Response<ReplyBody> {
    match by {
        AnsweredBy::Device => success("application/octet-stream", ReplyBody::Whole(data)),
        AnsweredBy::Hub { status } => document(data, StatusCode::from_u16(status).unwrap_or(StatusCode::OK)),
    }
}

fn document(data: Bytes, status: StatusCode) -> Response<ReplyBody> {
    let mut response = success("application/json", ReplyBody::Whole(data));
    *response.status_mut() = status;
    if is_over_soon(status) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    }
    response
}

/// Says whose call the answer is of.
fn marked(source: Source, mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    match source {
        Source::Own => {}
        Source::Earlier => {
            response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
    }
    response
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
