//! `POST /v1/calls`: one call of many devices, answered by a line a device as answers come (docs/caller-http.md §7).
//!
//! Called by `service`. The walk is the hub's (`hub/group_call`); here are the request, the lines, and what one caller may: its rights, its
//! pace, and how many group calls there may be.

mod each;
mod line;
mod metrics;
mod request;
mod seats;
mod stream;
mod turn;

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Response, StatusCode};

use super::access::Denied;
use super::activity::Busy;
use super::body::{self, BodyError, ReplyBody};
use super::idempotency::IDEMPOTENCY_KEY;
use super::outcome::Code;
use super::prefer::Asked;
use super::problem::Problem;
use super::router::Form;
use super::service::success;
use super::{Callers, Config};
use crate::hub::GroupCall;
use crate::token::Caller;

use each::EachCall;
use request::{Bounds, Request, Unfit};
use seats::Seat;

pub(super) use metrics::Metrics;
pub(super) use seats::Seats;
pub(super) use stream::GroupBody;

/// Answers a request for a group call.
pub(super) async fn call(
    callers: &Arc<Callers>,
    peer: SocketAddr,
    asked: &Asked<'_>,
    body: &mut Incoming,
    busy: Busy,
) -> Response<ReplyBody> {
    let (caller, seat) = match admit(callers, peer, asked).await {
        Ok(admitted) => admitted,
        Err(denied) => {
            asked.trail.is_refused_a_group(denied);
            return denied.into_response(Form::Direct, 0);
        }
    };
    if asked.headers.contains_key(IDEMPOTENCY_KEY) {
        // Taken no notice of, it would call the devices twice for somebody who relies on it.
        let detail = "a group call has no Idempotency-Key: what came of it is not remembered".to_owned();
        return bad_request(detail).into_response(Form::Direct);
    }
    let request = match read(body, &callers.config).await {
        Ok(request) => request,
        Err(problem) => return problem.into_response(Form::Direct),
    };
    let Request { group, concurrency, what } = request;
    let until = caller.until();
    let each = EachCall::new(Arc::clone(callers), caller, asked.trail.clone(), what);
    let calls = GroupCall::new(Arc::clone(&callers.hub), group, concurrency, each);
    let body = GroupBody::new(calls, until, callers.shutdown.clone(), (seat, busy));
    let mut response = success("application/x-ndjson", ReplyBody::Group(Box::new(body)));
    // A stream that a proxy keeps to itself is none.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn admit(callers: &Callers, peer: SocketAddr, asked: &Asked<'_>) -> Result<(Caller, Seat), Denied> {
    let caller = callers.access.caller(asked.headers, peer.ip()).await?;
    if let Some(subject) = caller.subject() {
        asked.trail.is_of(subject);
    }
    let seat = callers.seats.take(&caller).map_err(Denied::Pace)?;
    Ok((caller, seat))
}

async fn read(body: &mut Incoming, config: &Config) -> Result<Request, Problem> {
    let bounds = Bounds { max_data: config.max_payload, max_wait: config.max_wait };
    let body = body::read(body, MAX_BODY_BYTES, config.body_timeout).await.map_err(|error| match error {
        BodyError::TooLong { .. } => too_large(error.to_string()),
        BodyError::TooSlow { .. } | BodyError::Broken => bad_request(error.to_string()),
    })?;
    Request::from_json(&body, &bounds).map_err(|unfit| match unfit {
        Unfit::TooMuchData { .. } => too_large(unfit.to_string()),
        Unfit::Malformed(why) => bad_request(why),
    })
}

const fn too_large(detail: String) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, Code::BadRequest, detail)
}

const fn bad_request(detail: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, Code::BadRequest, detail)
}

/// Room for [`request::MAX_ENTRIES`] ids of the longest kind, with their quotes and the rest.
const MAX_BODY_BYTES: usize = 1024 * 1024;

// An id has at most 64 characters; the rest of the request is data, in base64 at most.
const _: () = assert!(MAX_BODY_BYTES >= request::MAX_ENTRIES * (64 + 3) + 16 * 1024);
