//! One request: where it goes, and what every answer has in common.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

use super::access::{self, Denied};
use super::body::ReplyBody;
use super::caller_limits::Place;
use super::connection::Connection;
use super::outcome::Code;
use super::prefer::Asked;
use super::problem::{Problem, wrong_method};
use super::router::{Form, Route, route};
use super::trail::Trail;
use super::{Callers, call, cors, group, observe, openapi, realer};
use crate::hub::{CallRequest, DeviceId};
use crate::token::{Caller, Method};

/// Answers one request. Never fails: a failure is an answer.
///
/// # Cancel safety
///
/// Dropping the future, which is what happens when the caller goes away, ends its call.
pub(super) async fn handle(connection: &Connection, head: &Parts, body: &mut Incoming) -> Response<ReplyBody> {
    let Connection { callers, activity, peer, .. } = connection;
    let (busy, peer) = (activity.begin(), *peer);
    let trail = Trail::new(&callers.hub, peer, &head.headers);
    let asked = Asked::new(&head.headers, callers.config.max_wait).with_trail(trail);
    let route = route(&head.method, head.uri.path());
    // The time limit of a group call stands in its body, and a device that polls waits for nothing.
    let applied = asked.wait.filter(|_| !matches!(route, Route::GroupCall | Route::Realer));
    let mut response = match route {
        Route::Compatible(device) => match Visit::begin(callers, peer, (&device, None), &asked).await {
            Ok(visit) => call::compatible(&visit, body, busy).await,
            Err(denied) => denied.into_response(Form::Compatible, 0),
        },
        Route::DirectCall(device, uri) => {
            let what = Some((Method::CoPost, &*uri));
            match Visit::begin(callers, peer, (&device, what), &asked).await {
                Ok(visit) => call::direct(&visit, &uri, body).await,
                Err(denied) => denied.into_response(Form::Direct, 0),
            }
        }
        Route::DirectObserve(device, uri) => {
            let what = Some((Method::ObGet, &*uri));
            match Visit::begin(callers, peer, (&device, what), &asked).await {
                Ok(visit) => observe::direct(&visit, &uri, busy).await,
                Err(denied) => denied.into_response(Form::Direct, 0),
            }
        }
        Route::GroupCall => group::call(callers, peer, &asked, body, busy).await,
        // Boxed, so that a call's future is not as large as one of these.
        Route::Realer => Box::pin(realer::handle(connection, head, body)).await,
        Route::Describe => openapi::describe(),
        Route::Preflight => cors::preflight(),
        Route::InvalidUri => {
            let detail = "the device URI is no UTF-8 once it is percent-decoded".to_owned();
            Problem::new(StatusCode::BAD_REQUEST, Code::BadRequest, detail).into_response(Form::Direct)
        }
        Route::InvalidDevice(form) => {
            let detail = "no device can have this id: it is 1 to 64 characters of A-Z a-z 0-9 . _ ~ -";
            Problem::new(StatusCode::FORBIDDEN, Code::BadRequest, detail.to_owned()).into_response(form)
        }
        Route::WrongMethod(form, allow) => wrong_method(form, allow),
        Route::NotFound => {
            let detail = "nothing is here; call a device with POST /{device_id}/{uri}";
            Problem::new(StatusCode::NOT_FOUND, Code::NotFound, detail.to_owned()).into_response(Form::Compatible)
        }
    };
    cors::allow(&mut response, &callers.cors_origin);
    if let Some(wait) = applied {
        prefer_applied(wait, &mut response);
    }
    response
}

/// A caller that may do something on a device.
#[derive(Debug)]
pub(super) struct Visit<'a> {
    pub(super) callers: &'a Arc<Callers>,
    pub(super) caller: Caller,
    pub(super) device: &'a DeviceId,
    pub(super) asked: &'a Asked<'a>,
}

impl<'a> Visit<'a> {
    /// `what` is asked of `device`; `None` where only the body says it.
    async fn begin(
        callers: &'a Arc<Callers>,
        peer: SocketAddr,
        (device, what): (&'a DeviceId, Option<(Method, &str)>),
        asked: &'a Asked<'a>,
    ) -> Result<Self, Denied> {
        let admitted = Self::admit(callers, peer, device, asked).await;
        let caller = admitted.inspect_err(|&denied| asked.trail.is_refused(device, what, denied))?;
        Ok(Self { callers, caller, device, asked })
    }

    async fn admit(
        callers: &Callers,
        peer: SocketAddr,
        device: &DeviceId,
        asked: &Asked<'_>,
    ) -> Result<Caller, Denied> {
        let caller = callers.access.caller(asked.headers, peer.ip()).await?;
        if let Some(subject) = caller.subject() {
            asked.trail.is_of(subject);
        }
        access::reach(&caller, device)?;
        Ok(caller)
    }

    /// A place for one call or observation, if the caller may begin it.
    pub(super) fn place(&self, method: Method, uri: &str) -> Result<Place, Denied> {
        let begun = self.callers.access.begin(&self.caller, self.device, method, uri);
        begun.inspect_err(|&denied| self.asked.trail.is_refused(self.device, Some((method, uri)), denied))
    }

    /// The call that the caller asks for.
    pub(super) fn call<'r>(&self, uri: &'r str, data: &'r [u8]) -> CallRequest<'r> {
        CallRequest::new(uri, data, self.asked.wait, self.callers.config.call_timeout)
    }

    /// The observation that the caller asks for.
    pub(super) fn observation<'r>(&self, uri: &'r str, data: &'r [u8]) -> CallRequest<'r> {
        CallRequest::new(uri, data, self.asked.wait, self.callers.config.establish_timeout)
    }
}

/// A successful answer.
pub(super) fn success(content_type: &'static str, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A whole body.
pub(super) fn whole(body: Vec<u8>) -> ReplyBody {
    ReplyBody::Whole(Bytes::from(body))
}

/// Tells a caller that asked for a time limit which one it got (RFC 7240 §3).
fn prefer_applied(wait: Duration, response: &mut Response<ReplyBody>) {
    if let Ok(value) = HeaderValue::from_str(&format!("wait={}", wait.as_secs())) {
        response.headers_mut().insert(PREFERENCE_APPLIED, value);
    }
}

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
