//! The baseline for what devices report: a bare hyper server that hands each request to a pooled hyper client, and its answer back.
//! What any relay of HTTP on this runtime has to do at least.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::error::RunError;
use crate::hyper_server::{Answered, run_with};

/// Relays to `target` until the tool that started it is gone.
pub(crate) async fn run(target: Uri) -> Result<(), RunError> {
    let client = client();
    run_with(move |request| relay(client.clone(), target.clone(), request)).await
}

type Pool = Client<HttpConnector, Full<Bytes>>;

fn client() -> Pool {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    // As the hub's client: kept connections are closed when they idle.
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
}

async fn relay(client: Pool, target: Uri, request: Request<Incoming>) -> Answered {
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target;
    let mut response = Response::default();
    match answer_of(client.request(request)).await {
        Some(body) => *response.body_mut() = Full::new(body),
        None => *response.status_mut() = StatusCode::BAD_GATEWAY,
    }
    Ok(response)
}

async fn answer_of(answer: ResponseFuture) -> Option<Bytes> {
    let body = answer.await.ok()?.into_body().collect().await.ok()?;
    Some(body.to_bytes())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use tokio::net::TcpListener;

    use super::*;
    use crate::backend_server::{self, JSON_PATH, RAW_PATH};
    use crate::callers::{Callers, Plan};
    use crate::hyper_server::serve_with;
    use crate::load::Stop;
    use crate::request::Form;
    use crate::tally::Tally;

    async fn listen() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn every_request_is_answered_by_the_backend_with_its_own() {
        for (form, path) in [(Form::Compatible, JSON_PATH), (Form::Direct, RAW_PATH)] {
            let ((backend, address), (relay_listener, relay_address)) = (listen().await, listen().await);
            let target: Uri = format!("http://{address}{path}").parse().unwrap();
            let client = client();
            let backend = tokio::spawn(serve_with(backend, backend_server::answer));
            let answer = move |request| relay(client.clone(), target.clone(), request);
            let server = tokio::spawn(serve_with(relay_listener, answer));
            let plan = Plan { form, callers: 8, first_device: 0, devices: 10, stop: Stop::AfterCalls(500) };
            let tally = Callers::start(relay_address, plan).await.unwrap().join().await.tally;
            assert_eq!(tally, Tally { sent: 500, ..Tally::default() }, "{path}");
            backend.abort();
            server.abort();
        }
    }
}
