//! What is no group call, and how it is refused.

use serde_json::json;

use super::{of, with};
use crate::support::hub;

#[tokio::test]
async fn what_is_no_group_call_is_a_problem_that_says_why() {
    let hub = hub().start().await;
    let long = "x".repeat(505);
    for (call, status, detail) in [
        (with(of(&["a"]), "urgent", true), 400, "unknown field `urgent`"),
        (with(of(&["a"]), "method", "obget"), 400, "observe each device with GET /{device_id}/{uri}"),
        (with(of(&["a"]), "uri", "/x"), 400, "3 to 128 bytes"),
        (with(of(&["a"]), "data_base64", "eA=="), 400, "exclude each other"),
        (with(of(&["a"]), "data", long.as_str()), 413, "505 bytes of data, at most 504 allowed"),
        (with(of(&["a"]), "concurrency", 1025), 400, "concurrency is 1 to 1024"),
        (with(of(&["a"]), "wait", 121), 400, "wait is 0 to 120 seconds"),
        (of(&["a", "b c"]), 400, "no device can be \"b c\""),
        (of(&["a", "v1"]), 400, "no device can be \"v1\": this name belongs to the hub"),
        (json!([]), 400, "no JSON object"),
    ] {
        let reply = hub.asks("POST", "/v1/calls", &[], call.to_string().as_bytes()).await;
        assert_eq!(reply.problem(), (status, "BAD_REQUEST".into(), "not_sent".into()), "{call}");
        assert!(reply.field("detail").contains(detail), "{}", reply.field("detail"));
    }
    assert_eq!(
        hub.metrics().lines().find(|line| line.starts_with("rtio_group_calls_open")),
        Some("rtio_group_calls_open 0")
    );
}

#[tokio::test]
async fn a_key_is_refused_because_nothing_of_a_group_is_remembered() {
    let hub = hub().start().await;
    let body = of(&["a"]).to_string();
    let reply = hub.asks("POST", "/v1/calls", &[("idempotency-key", "k")], body.as_bytes()).await;
    assert_eq!(reply.problem(), (400, "BAD_REQUEST".into(), "not_sent".into()));
    assert!(reply.field("detail").contains("Idempotency-Key"));
}

#[tokio::test]
async fn a_body_has_a_mebibyte_at_most() {
    let hub = hub().start().await;
    let entries = serde_json::to_string(&vec!["x".repeat(64); 10_000]).unwrap();
    let of_size = |size: usize| {
        let body = format!(r#"{{"uri":"/uri","devices":{entries}"#);
        format!("{body}{}}}", " ".repeat(size - body.len() - 1))
    };
    let body = of_size(1024 * 1024);
    assert_eq!(hub.asks("POST", "/v1/calls", &[], body.as_bytes()).await.status, 200);
    // All of it is not read, so all of it need not have been sent.
    let mut caller = hub.caller().await;
    let head = format!("POST /v1/calls HTTP/1.1\r\nhost: hub\r\ncontent-length: {}\r\n\r\n", body.len() + 1);
    caller.sends(head.as_bytes()).await;
    assert_eq!(caller.reply().await.problem(), (413, "BAD_REQUEST".into(), "not_sent".into()));
}

#[tokio::test]
async fn the_path_has_one_method_and_a_preflight_and_nothing_beside_it() {
    let hub = hub().start().await;
    for method in ["GET", "PUT", "DELETE", "HEAD"] {
        let mut caller = hub.caller().await;
        caller.sends(&crate::support::caller::request(method, "/v1/calls", &[], b"")).await;
        let reply = caller.head().await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST, OPTIONS")), "{method}");
    }
    assert_eq!(hub.asks("OPTIONS", "/v1/calls", &[], b"").await.status, 204);
    for path in ["/v1", "/v1/", "/v1/calls/", "/v1/calls/x", "/v1/devices"] {
        assert_eq!(hub.calls(path, b"").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_time_limit_stands_in_the_body() {
    let hub = hub().start().await;
    let body = of(&[]).to_string();
    let reply = hub.asks("POST", "/v1/calls", &[("prefer", "wait=7")], body.as_bytes()).await;
    assert_eq!((reply.status, reply.header("preference-applied")), (200, None));
    assert!(reply.text().starts_with(r#"{"summary":{"devices":0,"codes":{},"ms":"#), "{}", reply.text());
}
