//! What a control device asks the hub over HTTP: tokens, and documents. For the device that speaks MQTT; a real one has its own client, over TLS.

use std::error::Error;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The hub's API, as one device sees it.
#[derive(Debug)]
pub struct IotApi {
    /// HOST:PORT of the hub's callers.
    server: String,
    id: String,
    secret: String,
    scopes: &'static str,
    /// The last token, and when the next is to be fetched.
    token: Option<(String, Instant)>,
}

impl IotApi {
    /// Of the device with this id and secret, whose tokens are for these scopes.
    pub fn new(server: &str, id: &str, secret: &str, scopes: &'static str) -> Self {
        Self { server: server.into(), id: id.into(), secret: secret.into(), scopes, token: None }
    }

    /// A document of the device, such as `bootstrap`.
    ///
    /// # Errors
    ///
    /// The hub cannot be reached, or refuses.
    pub async fn get(&mut self, document: &str) -> Result<Value, Box<dyn Error>> {
        let path = format!("/iot/v1/devices/{}/{document}", self.id);
        self.ask("GET", &path, None).await
    }

    /// What comes of posting a document to a path.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn post(&mut self, path: &str, document: &Value) -> Result<Value, Box<dyn Error>> {
        self.ask("POST", path, Some(document)).await
    }

    async fn ask(&mut self, method: &str, path: &str, document: Option<&Value>) -> Result<Value, Box<dyn Error>> {
        let bearer = format!("Bearer {}", self.token().await?);
        let body = document.map(|document| ("application/json", document.to_string()));
        loop {
            let answer = self.request(method, path, &bearer, body.clone()).await?;
            match answer.status() {
                StatusCode::OK | StatusCode::CREATED => return Ok(serde_json::from_slice(answer.body())?),
                // Documents keep a distance: this one comes too soon after the one before.
                StatusCode::TOO_MANY_REQUESTS => tokio::time::sleep(pause(&answer)).await,
                _ => {
                    // It may have been revoked; the next try begins with another.
                    self.token = None;
                    return Err(refusal(path, &answer));
                }
            }
        }
    }

    /// The token, a new one once it is time to renew it.
    async fn token(&mut self) -> Result<String, Box<dyn Error>> {
        if let Some((token, renewal)) = &self.token
            && Instant::now() < *renewal
        {
            return Ok(token.clone());
        }
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", self.id, self.secret)));
        let form = format!("grant_type=client_credentials&scope={}", self.scopes.replace(' ', "+"));
        let body = Some(("application/x-www-form-urlencoded", form));
        let answer = self.request("POST", "/oauth/token", &basic, body).await?;
        let document: Value = serde_json::from_slice(answer.body())?;
        let Some(token) = document["access_token"].as_str() else { return Err(refusal("/oauth/token", &answer)) };
        let renewal = Instant::now() + seconds(&document["renew_after"]);
        self.token = Some((token.to_owned(), renewal));
        Ok(token.to_owned())
    }

    /// One request, over a connection of its own: there are few.
    async fn request(
        &self,
        method: &str,
        path: &str,
        authorization: &str,
        body: Option<(&str, String)>,
    ) -> Result<Response<Bytes>, Box<dyn Error>> {
        let request = Request::builder().method(method).uri(path).header(HOST, &self.server);
        let request = request.header(AUTHORIZATION, authorization);
        let request: Request<Full<Bytes>> = match body {
            Some((kind, body)) => request.header(CONTENT_TYPE, kind).body(Full::from(body))?,
            None => request.body(Full::default())?,
        };
        let exchange = async {
            let stream = TcpStream::connect(&self.server).await?;
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            let connection = tokio::spawn(connection);
            let (head, body) = sender.send_request(request).await?.into_parts();
            let answer = Response::from_parts(head, body.collect().await?.to_bytes());
            connection.abort();
            Ok(answer)
        };
        tokio::time::timeout(ANSWER_TIMEOUT, exchange).await?
    }
}

/// A number of seconds, of a document.
pub fn seconds(value: &Value) -> Duration {
    Duration::from_secs(value.as_u64().unwrap_or_default())
}

fn pause(answer: &Response<Bytes>) -> Duration {
    let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1))
}

fn refusal(path: &str, answer: &Response<Bytes>) -> Box<dyn Error> {
    format!("{path}: {} {}", answer.status(), String::from_utf8_lossy(answer.body())).into()
}

/// Contract §11.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
