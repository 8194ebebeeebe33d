//! The same requests without a port in between, for a command where no hub runs.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;

use super::super::router::{not_allowed, unknown};
use super::Control;

/// The runtime's routes, in this process.
#[derive(Debug)]
pub struct Local(TowerToHyperService<Router>);

impl Local {
    /// Those of this runtime.
    pub fn new(control: Control) -> Self {
        let routes = super::routes().with_state(Some(control));
        let router = Router::new().nest("/v1", routes);
        Self(TowerToHyperService::new(router.fallback(unknown).method_not_allowed_fallback(not_allowed)))
    }

    /// Status and body of the answer to a request.
    pub async fn asks(&self, request: Request<Bytes>) -> (StatusCode, Bytes) {
        let answer = match self.0.call(request.map(Body::from)).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let (head, body) = answer.into_parts();
        // The body is in memory already.
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        (head.status, body)
    }
}
