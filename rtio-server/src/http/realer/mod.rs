//! The control-device runtime over HTTPS: `/oauth/…` and `/iot/v1/…` (docs/realer.md). Who asks, in which order that is checked and how
//! it is answered stands here; what it means is [`Realer`]'s.
//!
//! Called by `service` for paths that begin with these names. Pure and tested without a socket are `route.rs`, `form.rs`, `basic.rs` and
//! `bearer.rs`.

mod basic;
mod bearer;
mod device;
mod form;
mod metrics;
mod oauth;
mod reply;
mod route;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};

pub(super) use metrics::Metrics;

use super::body::ReplyBody;
use super::connection::Connection;
use super::outcome::Code;
use super::problem::Problem;
use super::router::Form;
use crate::realer::{OauthRefusal, Realer, Refusal};
use route::{Part, Route};

/// One request of a device.
#[derive(Debug)]
struct Visit<'a> {
    realer: &'a Realer,
    connection: &'a Connection,
    head: &'a Parts,
}

/// Answers a request to one of the runtime's paths.
///
/// # Cancel safety
///
/// Dropping the future, which is what happens when the device goes away, leaves done what the store was told to do.
pub(super) async fn handle(connection: &Connection, head: &Parts, body: &mut Incoming) -> Response<ReplyBody> {
    let Some(realer) = connection.callers.realer.as_deref() else { return no_runtime() };
    let visit = Visit { realer, connection, head };
    let route = route::route(&head.method, head.uri.path());
    if !connection.is_secure && !realer.config().plain {
        return visit.refuse_plain(route.part());
    }
    match route {
        Route::Token => oauth::token(&visit, body).await,
        Route::Revoke => oauth::revoke(&visit, body).await,
        Route::Credentials => device::credentials(&visit, body).await,
        Route::Device { device, page } => device::page(&visit, &device, page, body).await,
        Route::WrongMethod(Part::Oauth, allow) => reply::oauth_wrong_method(&visit, allow),
        Route::WrongMethod(Part::Devices, allow) => reply::wrong_method(&visit, allow),
        Route::NotFound(Part::Oauth) => reply::oauth_not_found(&visit),
        Route::NotFound(Part::Devices) => reply::refused(&visit, &Refusal::NotFound("path")),
    }
}

impl Visit<'_> {
    fn metrics(&self) -> &Metrics {
        &self.connection.callers.metrics.realer
    }

    /// Nothing is done for who may be overheard, and nobody is sent elsewhere with a secret in the hand. (Contract §1.1.)
    fn refuse_plain(&self, part: Part) -> Response<ReplyBody> {
        match part {
            Part::Oauth => {
                let mut response = reply::oauth_refused(self, OauthRefusal::InvalidRequest(PLAIN));
                *response.status_mut() = StatusCode::FORBIDDEN;
                response
            }
            Part::Devices => reply::refused(self, &Refusal::Forbidden(PLAIN)),
        }
    }
}

/// What a hub says that keeps nothing.
fn no_runtime() -> Response<ReplyBody> {
    let detail = "nothing is here: control devices need a hub with a data folder (--data-dir)";
    Problem::new(StatusCode::NOT_FOUND, Code::NotFound, detail.to_owned()).into_response(Form::Compatible)
}

const PLAIN: &str = "plain HTTP is refused: use https";
