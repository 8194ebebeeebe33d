//! An issuer of callers' tokens as RTIO publishes it: whoever asks gets a token for one device. A real one asks first who that is.
//!
//! ```text
//! rtio token keygen
//! rtio serve --dev --jwt-key token-key.pub.pem
//! cargo run --bin jwt_issuer -- --key token-key.pem
//! curl http://localhost:17019 -d '{"id":1,"method":"jwtissuer","deviceid":"PRINTER-001","expires":3600}'
//! ```
//!
//! The answer is `{"id":1,"code":"OK","jwt":"…"}`, or a code that says what was wrong.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key_file =
        argument("--key").ok_or("--key FILE is missing: a private Ed25519 key, as `rtio token keygen` makes it")?;
    let key = Arc::new(EncodingKey::from_ed_pem(&std::fs::read(key_file)?)?);
    let listener = TcpListener::bind(argument("--listen").unwrap_or_else(|| "127.0.0.1:17019".to_owned())).await?;
    println!("issuer http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        let key = Arc::clone(&key);
        let service = service_fn(move |request| answer(Arc::clone(&key), request));
        // A caller that breaks its connection is its own affair.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

/// The value behind a flag.
fn argument(flag: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != flag).nth(1)
}

async fn answer(key: Arc<EncodingKey>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = Limited::new(request.into_body(), MAX_BODY_BYTES).collect().await;
    let request = body.ok().and_then(|body| serde_json::from_slice::<Value>(&body.to_bytes()).ok());
    let answer = request.map_or_else(|| json!({"id": 0, "code": "BAD_REQUEST"}), |request| issue(&key, &request));
    let mut response = Response::new(Full::from(answer.to_string()));
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The answer to a request: a token, or why there is none.
fn issue(key: &EncodingKey, request: &Value) -> Value {
    let id = request["id"].as_u64().unwrap_or(0);
    match token(key, request) {
        Ok(token) => json!({"id": id, "code": "OK", "jwt": token}),
        Err(code) => json!({"id": id, "code": code}),
    }
}

fn token(key: &EncodingKey, request: &Value) -> Result<String, &'static str> {
    if request["id"].as_u64().is_none_or(|id| id > u64::from(u32::MAX)) {
        return Err("BAD_REQUEST");
    }
    if request["method"] != "jwtissuer" {
        return Err("METHOD_NOT_ALLOWED");
    }
    let device = request["deviceid"].as_str().filter(|id| is_device_id(id)).ok_or("BAD_REQUEST")?;
    let expires = &request["expires"];
    let seconds = if expires.is_null() { Some(LONGEST_SECONDS) } else { expires.as_u64() };
    let expires = seconds.filter(|seconds| (1..=LONGEST_SECONDS).contains(seconds)).ok_or("BAD_REQUEST")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(|_| "INTERNAL_SERVER_ERROR")?;
    let claims = json!({"iss": "rtio", "sub": device, "exp": now.as_secs() + expires});
    jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, key).map_err(|_| "INTERNAL_SERVER_ERROR")
}

/// 1 to 64 characters of A-Z a-z 0-9 . _ ~ -
fn is_device_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
}

/// Seven days: the longest that the protocol allows, and what it gives without `expires`.
const LONGEST_SECONDS: u64 = 604_800;

/// Far above any request.
const MAX_BODY_BYTES: usize = 4096;
