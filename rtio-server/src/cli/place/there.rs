//! The hub that uses a data folder, asked over its operators' port.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::Request as HttpRequest;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use rtio_server::admin::TOKEN_FILE;
use rtio_server::data_dir::DataDir;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::super::hub::{Hub, HubUrl};
use super::super::problem::Problem;
use super::super::{Exit, Failure};

/// A request to a hub's operators' port.
pub(in super::super) struct Request {
    pub(in super::super) method: Method,
    pub(in super::super) path: String,
    pub(in super::super) content_type: &'static str,
    pub(in super::super) body: String,
}

/// A hub, and what it knows its operators by.
pub(in super::super) struct There {
    hub: Hub,
    token: Zeroizing<String>,
}

impl There {
    /// The hub at `addr`, whose token is in `token_file`, else in its folder.
    pub(super) fn at(addr: SocketAddr, token_file: Option<&Path>, dir: &DataDir) -> Result<Self, Failure> {
        let hub = Hub::at(&HubUrl::parse(&format!("http://{addr}")).map_err(Failure::registry)?)?;
        Ok(Self { hub, token: token(token_file, dir)? })
    }

    /// The body of a good answer.
    pub(in super::super) async fn send(&self, request: Request) -> Result<Bytes, Failure> {
        let hub = &self.hub;
        let builder = HttpRequest::builder().method(request.method).header(CONTENT_TYPE, request.content_type);
        let builder = builder.header(AUTHORIZATION, format!("Bearer {}", *self.token));
        let answered = async {
            let answer = hub.send(builder, &request.path, request.body.into()).await?;
            let status = answer.status();
            let body = answer.into_body().collect().await.map_err(|error| hub.no_http(error))?.to_bytes();
            if status.is_success() { Ok(body) } else { Err(refusal(status.as_u16(), &body)) }
        };
        let answered = timeout(ANSWER_TIMEOUT, answered).await;
        answered.unwrap_or_else(|_| Err(Failure::HubSilent { hub: hub.to_string(), waited: ANSWER_TIMEOUT }))
    }
}

/// What the hub says of a wish reads as if this process had said it; what it says of this process does not.
pub(in super::super) fn refusal(status: u16, body: &[u8]) -> Failure {
    let problem = Problem::of_answer(status, body);
    match status {
        400 | 404 | 409 | 413 | 500 => Failure::Wish { exit: problem.exit, text: problem.text() },
        // The store's fault, and no device's.
        503 => Failure::Wish { exit: Exit::Failed, text: problem.text() },
        _ => problem.into(),
    }
}

fn token(file: Option<&Path>, dir: &DataDir) -> Result<Zeroizing<String>, Failure> {
    let path = file.map_or_else(|| dir.file(TOKEN_FILE), Path::to_owned);
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Zeroizing::new(text.trim().to_owned())),
        Err(source) => Err(Failure::Data { path, source }),
    }
}

/// An import of a million devices takes half a minute.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
