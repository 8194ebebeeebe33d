//! The baseline for calls and for polling devices: hyper and nothing else, on as many workers as the hub has. It reads the body and
//! answers the bytes that the hub would. Also what every other bare HTTP server of this tool is made with.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::accept_server::parent_gone;
use crate::error::RunError;
use crate::json_field::json_field;
use crate::realer;

/// Serves until the tool that started it is gone.
pub(crate) async fn run() -> Result<(), RunError> {
    run_with(answer).await
}

/// Serves with `answer` at a free port, which it prints, until the tool that started it is gone.
pub(crate) async fn run_with<A, F>(answer: A) -> Result<(), RunError>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answered> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(RunError::io("listen"))?;
    println!("callers http://{}", listener.local_addr().map_err(RunError::io("read the address"))?);
    tokio::select! {
        () = serve_with(listener, answer) => {}
        () = parent_gone() => {}
    }
    Ok(())
}

/// What a server of this kind answers; it never fails.
pub(crate) type Answered = Result<Response<Full<Bytes>>, Infallible>;

/// Serves until dropped.
#[cfg(test)]
pub(crate) async fn serve(listener: TcpListener) {
    serve_with(listener, answer).await;
}

/// Serves with `answer` until dropped.
pub(crate) async fn serve_with<A, F>(listener: TcpListener, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Answered> + Send + 'static,
{
    while let Ok((stream, _)) = listener.accept().await {
        let answer = answer.clone();
        tokio::spawn(async move {
            if stream.set_nodelay(true).is_ok() {
                // Ends with an error when the caller leaves; it has no one to tell.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
            }
        });
    }
}

async fn answer(request: Request<Incoming>) -> Answered {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let path = head.uri.path();
    // `/{device}` is the compatible form, `/{device}/echo` the direct one.
    let compatible = path.bytes().filter(|&byte| byte == b'/').count() == 1;
    let (status, content_type, body) = match realer::bare_answer(&head.method, path, &body) {
        Some((status, answer)) => (status, JSON, answer),
        None if compatible => (StatusCode::OK, JSON, Bytes::from(echo_json(&body))),
        None => (StatusCode::OK, OCTETS, body),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}

/// What the hub answers to a call of a device that echoes.
fn echo_json(body: &[u8]) -> Vec<u8> {
    let id = json_field(body, b"\"id\":").unwrap_or(b"0");
    let data = json_field(body, b"\"data\":").unwrap_or(b"");
    [b"{\"id\":", id, b",\"fid\":0,\"code\":\"OK\",\"data\":\"", data, b"\"}"].concat()
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");
