//! Answers: a document with its status, and refusals with the header fields that go with them. (Contract §1.5, §1.6, §2.3.)

use hyper::header::{ALLOW, CACHE_CONTROL, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::Visit;
use crate::http::body::ReplyBody;
use crate::http::service::{success, whole};
use crate::realer::{ErrorType, OauthRefusal, Refusal, whole_seconds};

/// A document.
pub(super) fn document(visit: &Visit<'_>, status: StatusCode, document: &impl Serialize) -> Response<ReplyBody> {
    visit.metrics().succeeded();
    json(status, document)
}

/// A refusal in the envelope.
pub(super) fn refused(visit: &Visit<'_>, refusal: &Refusal) -> Response<ReplyBody> {
    let kind = refusal.error_type();
    visit.metrics().refused(kind.name());
    let mut response = json(status_of(kind.http_status()), &visit.realer.error_document(refusal));
    let headers = response.headers_mut();
    if let Some(challenge) = challenge(refusal) {
        // All of it is text of ours.
        headers.extend(HeaderValue::from_str(&challenge).map(|value| (WWW_AUTHENTICATE, value)));
    }
    match refusal {
        Refusal::TooSoon { retry_after } => come_back(headers, whole_seconds(*retry_after)),
        Refusal::Unavailable => come_back(headers, whole_seconds(visit.realer.config().backoff.initial)),
        Refusal::Malformed(_)
        | Refusal::NoCredentials
        | Refusal::BadToken
        | Refusal::SubscriptionInactive
        | Refusal::Forbidden(_)
        | Refusal::LacksScope(_)
        | Refusal::NotFound(_)
        | Refusal::WrongMethod
        | Refusal::Conflict
        | Refusal::TooLarge { .. }
        | Refusal::NotJson
        | Refusal::Invalid(_)
        | Refusal::Bug => {}
    }
    response
}

/// A method that a path does not have.
pub(super) fn wrong_method(visit: &Visit<'_>, allow: &'static str) -> Response<ReplyBody> {
    allowing(refused(visit, &Refusal::WrongMethod), allow)
}

/// A document of OAuth.
pub(super) fn oauth_document(visit: &Visit<'_>, answer: &impl Serialize) -> Response<ReplyBody> {
    unkept(document(visit, StatusCode::OK, answer))
}

/// A refusal of OAuth.
pub(super) fn oauth_refused(visit: &Visit<'_>, refusal: OauthRefusal) -> Response<ReplyBody> {
    visit.metrics().refused(refusal.label());
    let mut response = unkept(json(status_of(refusal.http_status()), &refusal.document()));
    let headers = response.headers_mut();
    match refusal {
        OauthRefusal::InvalidClient => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="rtio", charset="UTF-8""#));
        }
        OauthRefusal::RateLimited { retry_after } => come_back(headers, whole_seconds(retry_after)),
        OauthRefusal::Unavailable => come_back(headers, whole_seconds(visit.realer.config().backoff.initial)),
        OauthRefusal::InvalidRequest(_)
        | OauthRefusal::UnsupportedGrantType
        | OauthRefusal::InvalidScope
        | OauthRefusal::Bug => {}
    }
    response
}

/// A method that a path of OAuth does not have.
pub(super) fn oauth_wrong_method(visit: &Visit<'_>, allow: &'static str) -> Response<ReplyBody> {
    let mut response = oauth_refused(visit, OauthRefusal::InvalidRequest("this path does not know the method"));
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    allowing(response, allow)
}

/// A path of OAuth that there is not.
pub(super) fn oauth_not_found(visit: &Visit<'_>) -> Response<ReplyBody> {
    let mut response = oauth_refused(visit, OauthRefusal::InvalidRequest("there is no such path"));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// An answer that nothing in between may keep: it has a secret, or says something about one.
pub(super) fn unkept(mut response: Response<ReplyBody>) -> Response<ReplyBody> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn json(status: StatusCode, document: &impl Serialize) -> Response<ReplyBody> {
    let body = serde_json::to_vec(document).expect("documents are made of texts, numbers and lists");
    let mut response = success("application/json", whole(body));
    *response.status_mut() = status;
    response
}

/// RFC 6750 §3: no error code for who brings no token, and none where another token would not help.
fn challenge(refusal: &Refusal) -> Option<String> {
    match (refusal.error_type(), refusal) {
        (ErrorType::Unauthorized, _) => Some(r#"Bearer realm="rtio""#.to_owned()),
        (ErrorType::InvalidToken, _) => Some(r#"Bearer realm="rtio", error="invalid_token""#.to_owned()),
        (_, Refusal::LacksScope(scope)) => {
            Some(format!(r#"Bearer realm="rtio", error="insufficient_scope", scope="{}""#, scope.name()))
        }
        _ => None,
    }
}

fn allowing(mut response: Response<ReplyBody>, allow: &'static str) -> Response<ReplyBody> {
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

fn come_back(headers: &mut HeaderMap, seconds: u64) {
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
