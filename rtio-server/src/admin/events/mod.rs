//! `GET /v1/events`: who comes and who goes, as server-sent events. A reader keeps its place among the hub's events and nothing else;
//! what it does not read waits nowhere but in its socket.

mod asked;
mod readers;
mod stream;
mod text;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Admin;
use super::extract::Query;
use super::problem::Problem;

use asked::Asked;
use stream::{EventStream, Reader};

pub use readers::EventReaders;

pub(super) fn router() -> Router<Arc<Admin>> {
    Router::new().route("/events", get(events))
}

async fn events(
    State(admin): State<Arc<Admin>>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = Asked::read(&query, &headers).map_err(|error| Problem::bad_request(&error))?;
    let place = admin.readers.enter().ok_or_else(crowded)?;
    tracing::debug!(?asked, "an operator reads events");
    let stream = EventStream::of(Reader::new(Arc::clone(&admin.hub), asked, admin.end.clone(), place));
    // A stream that a proxy keeps to itself is none; the last one is what nginx understands.
    let head = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (ACCEL_BUFFERING, "no")];
    Ok((head, Body::new(stream)).into_response())
}

fn crowded() -> Problem {
    let detail = format!("{} read events already", readers::MAX_READERS);
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).with_code("TOO_MANY_REQUESTS").with_retry_after("5")
}

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
