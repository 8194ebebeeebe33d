//! Which path is answered by what. What names no device is open; everything under `/v1/` is for operators.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware};

use super::problem::Problem;
use super::{Admin, access, devices, events, openapi, services};

pub(super) fn router(admin: Arc<Admin>) -> Router {
    let operators = operators(&admin).fallback(unknown).method_not_allowed_fallback(not_allowed);
    let guarded = operators.layer(middleware::from_fn_with_state(Arc::clone(&admin.access), access::check));
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi::describe))
        .nest("/v1", guarded)
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .with_state(admin)
}

/// What is under `/v1`, which the guard stands in front of.
fn operators(admin: &Admin) -> Router<Arc<Admin>> {
    let sessions = Router::new().merge(devices::router()).merge(events::router());
    let realer = super::realer::routes().with_state(admin.control.clone());
    sessions.merge(services::router()).merge(super::registry::routes()).merge(realer)
}

pub(super) async fn unknown() -> Problem {
    Problem::not_found("there is no such page")
}

pub(super) async fn not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this page does not know the method")
}

/// Whether a load balancer should send anything new.
async fn ready(State(admin): State<Arc<Admin>>) -> (StatusCode, String) {
    let draining = admin.shutdown.is_triggered().then(|| "draining".to_owned());
    let missing: Vec<_> = draining.into_iter().chain(admin.readiness.missing()).collect();
    match missing.as_slice() {
        [] => (StatusCode::OK, "ready\n".to_owned()),
        missing => (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n"),
    }
}

/// Everything that is counted, as Prometheus reads it.
async fn metrics(State(admin): State<Arc<Admin>>) -> impl IntoResponse {
    let encode = move || {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &admin.registry).map(|()| text)
    };
    // Some of it is asked of the system, which may take its time; callers must not wait for that.
    match tokio::task::spawn_blocking(encode).await.unwrap_or(Err(std::fmt::Error)) {
        Ok(text) => (StatusCode::OK, [(CONTENT_TYPE, METRICS_TYPE)], text),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, [(CONTENT_TYPE, "text/plain")], "cannot write\n".to_owned()),
    }
}

/// OpenMetrics 1.0, as the encoder writes it.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
