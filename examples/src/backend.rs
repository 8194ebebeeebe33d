//! What the example backends share: their arguments, a small HTTP server, and what the published forms have in common. A real
//! backend has a web framework for most of this.
#![allow(clippy::print_stdout, reason = "an example shows what happens")]

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// The value behind a flag.
pub fn argument(flag: &str) -> Option<String> {
    arguments(flag).next()
}

/// The values behind a flag that may be there several times.
pub fn arguments(flag: &str) -> impl Iterator<Item = String> {
    let words: Vec<String> = std::env::args().collect();
    let values: Vec<String> = words.windows(2).filter(|pair| pair[0] == flag).map(|pair| pair[1].clone()).collect();
    values.into_iter()
}

/// Serves at `--listen`, or at `address`; prints `NAME http://ADDRESS` once it does.
///
/// # Errors
///
/// The address cannot be listened on.
pub async fn serve<A>(name: &str, address: &str, answer: A) -> io::Result<()>
where
    A: Fn(&Request<Bytes>) -> Response<Bytes> + Send + Sync + 'static,
{
    let listener = TcpListener::bind(argument("--listen").as_deref().unwrap_or(address)).await?;
    println!("{name} http://{}", listener.local_addr()?);
    let answer = Arc::new(answer);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answer = Arc::clone(&answer);
        let service = service_fn(move |request| respond(Arc::clone(&answer), request));
        // A hub that breaks its connection is its own affair.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn respond<A>(answer: Arc<A>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible>
where
    A: Fn(&Request<Bytes>) -> Response<Bytes>,
{
    let (head, body) = request.into_parts();
    let response = match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(body) => answer(&Request::from_parts(head, body.to_bytes())),
        Err(_) => refusal(StatusCode::PAYLOAD_TOO_LARGE),
    };
    Ok(response.map(Full::new))
}

/// An answer in a published form: what `answer` gives for the question, with the question's id and the code OK; or the code that
/// says why not.
pub fn published<A>(request: &Request<Bytes>, method: &str, answer: A) -> Response<Bytes>
where
    A: FnOnce(&Value) -> Result<Value, &'static str>,
{
    let question = serde_json::from_slice::<Value>(request.body()).unwrap_or_default();
    let answer = match id_of(&question) {
        None => Err("BAD_REQUEST"),
        Some(_) if question["method"] != method => Err("METHOD_NOT_ALLOWED"),
        Some(_) => answer(&question),
    };
    let mut fields = json!({ "code": "OK" });
    let answer = answer.unwrap_or_else(|code| json!({ "code": code }));
    for (name, value) in answer.as_object().into_iter().flatten() {
        fields[name] = value.clone();
    }
    fields["id"] = id_of(&question).unwrap_or(0).into();
    let mut response = Response::new(Bytes::from(fields.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The id of a question, which is a u32.
fn id_of(question: &Value) -> Option<u32> {
    u32::try_from(question["id"].as_u64()?).ok()
}

/// A status and nothing more.
pub fn refusal(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

/// Far above any question.
const MAX_BODY_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_repeats_the_id_and_says_what_was_wrong() {
        let check = |question: &'static str, expected| {
            let request = Request::new(Bytes::from_static(question.as_bytes()));
            let response = published(&request, "add", |question| {
                let sum = question["a"].as_u64().ok_or("BAD_REQUEST")? + 1;
                Ok(json!({ "sum": sum }))
            });
            assert_eq!(response.into_body(), expected, "{question}");
        };
        check(r#"{"id":4294967295,"method":"add","a":1}"#, r#"{"code":"OK","sum":2,"id":4294967295}"#);
        check(r#"{"id":7,"method":"add"}"#, r#"{"code":"BAD_REQUEST","id":7}"#);
        check(r#"{"id":7,"method":"sub","a":1}"#, r#"{"code":"METHOD_NOT_ALLOWED","id":7}"#);
        for question in [r#"{"id":4294967296,"method":"add"}"#, r#"{"id":-1}"#, "{}", "[]", "no json", ""] {
            check(question, r#"{"code":"BAD_REQUEST","id":0}"#);
        }
    }
}
