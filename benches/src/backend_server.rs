//! The service behind the hub, for what devices report: hyper and nothing else. It echoes at once in the form that its path says, or
//! never answers.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::error::RunError;
use crate::hyper_server::{Answered, run_with};
use crate::json_field::json_field;

/// Serves until the tool that started it is gone.
pub(crate) async fn run() -> Result<(), RunError> {
    run_with(answer).await
}

/// Echoes in the published form, JSON.
pub(crate) const JSON_PATH: &str = "/json";

/// Echoes the bytes as they are.
pub(crate) const RAW_PATH: &str = "/raw";

/// Takes the request and never answers.
pub(crate) const HUNG_PATH: &str = "/hung";

/// What it answers to one request.
pub(crate) async fn answer(request: Request<Incoming>) -> Answered {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let body = match &*path {
        HUNG_PATH => std::future::pending().await,
        JSON_PATH => Bytes::from(echo_json(&body)),
        _ => body,
    };
    Ok(Response::new(Full::new(body)))
}

/// What a device service answers that gives back what it gets.
fn echo_json(body: &[u8]) -> Vec<u8> {
    let id = json_field(body, b"\"id\":").unwrap_or(b"0");
    let data = json_field(body, b"\"data\":").unwrap_or(b"");
    [b"{\"id\":", id, b",\"code\":\"OK\",\"data\":\"", data, b"\"}"].concat()
}
