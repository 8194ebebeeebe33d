//! What commands for operators have in common: where the hub's operators connect, and the token that they show.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION};
use hyper::http::request;
use hyper::{Method, Request, Response};
use rtio_server::admin::TOKEN_FILE;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::Failure;
use super::hub::{Hub, HubUrl};
use super::problem::Problem;

/// A hub, as its operator.
#[derive(Debug, Clone, Args)]
pub(super) struct Operator {
    /// Where the hub's operators connect
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:17918", value_parser = HubUrl::parse)]
    admin: HubUrl,

    /// File with the operators' token [default: admin.token in --data-dir]
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,

    /// The hub's data folder, where the token is
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Operator {
    /// Sends a request and returns its answer, whole.
    ///
    /// # Errors
    ///
    /// [`Failure::Problem`] for every answer that is no success.
    pub(super) async fn asks(&self, method: Method, path: &str) -> Result<Bytes, Failure> {
        let request = Request::builder().method(method);
        let answered = async { self.whole(self.send(request, path).await?).await };
        let answer = timeout(PATIENCE, answered).await;
        let answer = answer.unwrap_or_else(|_| Err(self.silent(PATIENCE)))?;
        if answer.status().is_success() {
            return Ok(answer.into_body());
        }
        Err(Problem::of_answer(answer.status().as_u16(), answer.body()).into())
    }

    /// Asks for a stream that goes on after `last_event_id`, and returns what is to be read of it.
    ///
    /// # Errors
    ///
    /// As [`asks`](Self::asks).
    pub(super) async fn opens(&self, path: &str, last_event_id: Option<&str>) -> Result<Incoming, Failure> {
        let mut request = Request::builder().method(Method::GET).header(ACCEPT, "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let opened = async {
            let answer = self.send(request, path).await?;
            if answer.status().is_success() {
                return Ok(answer.into_body());
            }
            let refusal = self.whole(answer).await?;
            Err(Problem::of_answer(refusal.status().as_u16(), refusal.body()).into())
        };
        timeout(PATIENCE, opened).await.unwrap_or_else(|_| Err(self.silent(PATIENCE)))
    }

    async fn send(&self, mut request: request::Builder, path: &str) -> Result<Response<Incoming>, Failure> {
        if let Some(token) = self.token()? {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.trim()));
        }
        Hub::at(&self.admin)?.send(request, path, Bytes::new()).await
    }

    async fn whole(&self, answer: Response<Incoming>) -> Result<Response<Bytes>, Failure> {
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map_err(|error| self.no_http(error))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    /// The failure of a hub that said nothing for so long.
    pub(super) fn silent(&self, waited: Duration) -> Failure {
        Failure::HubSilent { hub: self.admin.to_string(), waited }
    }

    /// The failure of a connection that broke, or on which no HTTP came.
    pub(super) fn no_http(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        self.admin.no_http(error)
    }

    /// The failure of an answer that makes no sense.
    pub(super) fn no_answer(&self, error: serde_json::Error) -> Failure {
        self.admin.no_http(error)
    }

    /// None unless a flag says where it is: a hub for trying things out asks for none.
    fn token(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        let in_data_dir = || self.data_dir.as_ref().map(|dir| dir.join(TOKEN_FILE));
        let Some(path) = self.admin_token_file.clone().or_else(in_data_dir) else { return Ok(None) };
        match std::fs::read_to_string(&path) {
            Ok(token) => Ok(Some(Zeroizing::new(token))),
            Err(source) => Err(Failure::Data { path, source }),
        }
    }
}

/// Far more than a page of a thousand devices takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Far above a page of a thousand devices, about 250 KB.
const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
