//! `/v1/services`: who answers what devices send, and how they do.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::Admin;
use super::extract::Query;
use super::problem::Problem;
use crate::hub::{BackendInfo, ServiceInfo};

pub(super) fn router() -> Router<Arc<Admin>> {
    Router::new().route("/services", get(list))
}

/// What an operator asks of the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    after: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Page {
    services: Vec<Service>,
    /// What `after` is for the next page; none after the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One URI.
#[derive(Debug, Serialize)]
struct Service {
    uri: String,
    digest: String,
    source: &'static str,
    #[serde(flatten)]
    backend: Option<Backend>,
}

#[derive(Debug, Serialize)]
struct Backend {
    url: String,
    form: &'static str,
    timeout_ms: u128,
    max_in_flight: usize,
    idempotent: bool,
    in_flight: usize,
    answers: bool,
}

async fn list(State(admin): State<Arc<Admin>>, Query(asked): Query<Asked>) -> Result<Json<Page>, Problem> {
    let limit = asked.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Problem::bad_request(&format!("limit is from 1 to {MAX_PAGE}")));
    }
    // One more tells whether there is a next page.
    let mut found = admin.hub.services().list(asked.after.as_deref(), limit + 1);
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let next = found.last().filter(|_| !is_last).map(|info| info.uri.to_string());
    Ok(Json(Page { services: found.into_iter().map(Service::from).collect(), next }))
}

impl From<ServiceInfo> for Service {
    fn from(info: ServiceInfo) -> Self {
        Self {
            uri: info.uri.to_string(),
            digest: info.digest.to_string(),
            source: info.source.name(),
            backend: info.backend.map(Backend::from),
        }
    }
}

impl From<BackendInfo> for Backend {
    fn from(info: BackendInfo) -> Self {
        Self {
            url: info.url,
            form: info.form,
            timeout_ms: info.timeout.as_millis(),
            max_in_flight: info.max_in_flight,
            idempotent: info.is_idempotent,
            in_flight: info.in_flight,
            answers: info.answers,
        }
    }
}

/// Services on a page unless the operator asks for another number: a screenful or two.
const DEFAULT_PAGE: usize = 100;

/// About 250 KB of JSON; a full map is 66 requests.
const MAX_PAGE: usize = 1000;
