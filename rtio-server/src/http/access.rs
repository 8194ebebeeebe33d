//! Whether a caller may do what it asks for, and how it is told that it may not: 401 for the token, 403 for the right, 429 for the
//! pace (docs/caller-http.md §3).

use std::net::IpAddr;
use std::sync::Arc;

use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};

use super::body::ReplyBody;
use super::caller_limits::{Exceeded, Limits, Place};
use super::idempotency::KeyError;
use super::json;
use super::outcome::Code;
use super::problem::Problem;
use super::router::Form;
use super::service::{success, whole};
use crate::hub::DeviceId;
use crate::net::Gate;
use crate::token::{Caller, Lacking, Method, Refusal, Tokens};

/// Who may call: how it gets in, with which token, and how much it may do.
#[derive(Debug)]
pub struct Access {
    gate: Gate,
    /// `None` lets everybody call.
    tokens: Option<Arc<Tokens>>,
    limits: Limits,
}

/// Why a caller may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Denied {
    /// Its token is no good.
    Token(Refusal),
    /// Its token does not say so.
    Right(Lacking),
    /// Not now.
    Pace(Exceeded),
    /// Its `Idempotency-Key` is none.
    Key(KeyError),
    /// Its `Idempotency-Key` was used for another request.
    OtherRequest,
}

impl Access {
    /// Access through `gate` with these tokens, or for everybody, within these limits.
    pub const fn new(gate: Gate, tokens: Option<Arc<Tokens>>, limits: Limits) -> Self {
        Self { gate, tokens, limits }
    }

    /// What a connection passes first.
    pub(super) const fn gate(&self) -> &Gate {
        &self.gate
    }

    /// How much each caller may do.
    pub(super) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Who sends a request.
    ///
    /// # Errors
    ///
    /// [`Denied::Token`].
    pub(super) async fn caller(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Caller, Denied> {
        let Some(tokens) = &self.tokens else { return Ok(Caller::unchecked(peer)) };
        let values = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
        let token = tokens.check(values).await.map_err(Denied::Token)?;
        Ok(Caller::bearer(peer, token))
    }

    /// Lets a caller begin a call or an observation, which takes a place until the returned value is dropped.
    ///
    /// # Errors
    ///
    /// [`Denied::Right`] or [`Denied::Pace`].
    pub(super) fn begin(&self, caller: &Caller, device: &DeviceId, method: Method, uri: &str) -> Result<Place, Denied> {
        if let Err(lacking) = caller.allow(device.as_str(), method, uri) {
            tracing::debug!(%caller, %device, lacking = lacking.name(), "caller refused");
            return Err(Denied::Right(lacking));
        }
        self.limits.begin(caller).map_err(Denied::Pace)
    }
}

impl Denied {
    /// Code and status of the answer.
    pub(super) const fn outcome(self) -> (Code, StatusCode) {
        match self {
            Self::Token(Refusal::NoKeys) => (Code::InternalServerError, StatusCode::SERVICE_UNAVAILABLE),
            Self::Token(_) | Self::Right(Lacking::Subject) => (Code::BadRequest, StatusCode::UNAUTHORIZED),
            Self::Right(_) => (Code::BadRequest, StatusCode::FORBIDDEN),
            Self::Pace(_) => (Code::TooManyRequests, StatusCode::TOO_MANY_REQUESTS),
            Self::Key(_) => (Code::BadRequest, StatusCode::BAD_REQUEST),
            Self::OtherRequest => (Code::BadRequest, StatusCode::UNPROCESSABLE_ENTITY),
        }
    }

    /// The answer. `id` is what a compatible answer repeats.
    pub(super) fn into_response(self, form: Form, id: u32) -> Response<ReplyBody> {
        match self {
            Self::Token(refusal) => refuse(refusal, form),
            Self::Right(Lacking::Subject) => unauthorized("JWT subject invalid", SUBJECT_CHALLENGE.to_owned(), form),
            Self::Right(lacking) => forbid(lacking, form),
            Self::Pace(exceeded) => slow_down(exceeded, form, id),
            Self::Key(error) => self.told(error.to_string(), form),
            Self::OtherRequest => self.told(OTHER_REQUEST.to_owned(), form),
        }
    }

    fn told(self, detail: String, form: Form) -> Response<ReplyBody> {
        let (code, status) = self.outcome();
        Problem::new(status, code, detail).into_response(form)
    }
}

fn refuse(refusal: Refusal, form: Form) -> Response<ReplyBody> {
    let (text, challenge) = match refusal {
        // RFC 6750 §3.1: no error code for who brings no token.
        Refusal::Missing => (MISSING, PLAIN_CHALLENGE.to_owned()),
        Refusal::Malformed => (MISSING, r#"Bearer realm="rtio", error="invalid_request""#.to_owned()),
        Refusal::OtherScheme => ("Invalid Authorization header", PLAIN_CHALLENGE.to_owned()),
        Refusal::TooLong => ("Invalid Authorization header", invalid_token("too long")),
        Refusal::Token(flaw) => ("Invalid or expired JWT", invalid_token(&flaw.to_string())),
        Refusal::NoKeys => {
            let detail = "the hub cannot verify tokens yet".to_owned();
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, Code::InternalServerError, detail);
            let mut response = problem.into_response(form);
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            return response;
        }
    };
    unauthorized(text, challenge, form)
}

fn invalid_token(why: &str) -> String {
    format!(r#"Bearer realm="rtio", error="invalid_token", error_description="{why}""#)
}

fn unauthorized(text: &str, challenge: String, form: Form) -> Response<ReplyBody> {
    let problem = Problem::new(StatusCode::UNAUTHORIZED, Code::BadRequest, text.to_owned());
    challenged(problem.into_response(form), challenge)
}

fn forbid(lacking: Lacking, form: Form) -> Response<ReplyBody> {
    let problem = Problem::new(StatusCode::FORBIDDEN, Code::BadRequest, lacking.to_string()).lacking(lacking.name());
    challenged(problem.into_response(form), r#"Bearer realm="rtio", error="insufficient_scope""#.to_owned())
}

fn challenged(mut response: Response<ReplyBody>, challenge: String) -> Response<ReplyBody> {
    // All of it is text of ours.
    if let Ok(challenge) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// Lets through who may do something on `device`.
///
/// # Errors
///
/// [`Denied::Right`].
pub(super) fn reach(caller: &Caller, device: &DeviceId) -> Result<(), Denied> {
    caller.reach(device.as_str()).map_err(|lacking| {
        tracing::debug!(%caller, %device, lacking = lacking.name(), "caller refused");
        Denied::Right(lacking)
    })
}

/// 429. The compatible form has a code for it, so its callers get their object.
fn slow_down(exceeded: Exceeded, form: Form, id: u32) -> Response<ReplyBody> {
    let mut response = match form {
        Form::Compatible => {
            let mut line = Vec::new();
            json::write_answer(&mut line, id, 0, Code::TooManyRequests, &[]);
            success("application/json", whole(line))
        }
        Form::Direct => {
            let code = Code::TooManyRequests;
            Problem::new(code.http_status(), code, exceeded.to_string()).into_response(form)
        }
    };
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(exceeded.wait_seconds()));
    if let Exceeded::Rate { per_second, .. } = exceeded {
        headers.insert(RATE_LIMIT, HeaderValue::from(per_second));
        headers.insert(RATE_REMAINING, HeaderValue::from(0));
        headers.insert(RATE_RESET, HeaderValue::from(exceeded.wait_seconds()));
    }
    response
}

const OTHER_REQUEST: &str = "this Idempotency-Key was used for another request: a new request needs a new key";

const MISSING: &str = "Missing or malformed Authorization header";

const PLAIN_CHALLENGE: &str = r#"Bearer realm="rtio""#;

const SUBJECT_CHALLENGE: &str = r#"Bearer realm="rtio", error="invalid_token", error_description="for another device""#;

/// The three fields of draft-ietf-httpapi-ratelimit-headers up to its sixth version: what gateways and clients know today.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATE_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATE_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
