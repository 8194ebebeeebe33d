//! The compatible form: existing RTIO callers work unchanged (docs/caller-http.md §1).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::support::{Reply, TestHub, hub};

async fn post(hub: &TestHub, device: &str, body: &str) -> Reply {
    hub.asks("POST", &format!("/{device}"), &[], body.as_bytes()).await
}

#[tokio::test]
async fn a_call_is_answered_in_the_envelope_byte_for_byte() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.answers("/rainbow", b"world");
    for path in ["dev", "dev/", "%64ev"] {
        let reply = post(&hub, path, r#"{"method":"copost","uri":"/rainbow","id":12667,"data":"aGVsbG8="}"#).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
        assert_eq!(reply.text(), r#"{"id":12667,"fid":0,"code":"OK","data":"d29ybGQ="}"#);
    }
}

#[tokio::test]
async fn data_goes_to_the_device_as_bytes() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.echoes();
    for len in [0, 1, 2, 3, 503, 504] {
        let data: Vec<u8> = (0..len).map(|at| (at % 256) as u8).collect();
        let body = format!(r#"{{"method":"copost","uri":"/uri","data":"{}"}}"#, STANDARD.encode(&data));
        assert_eq!(post(&hub, "dev", &body).await.envelope(), ("OK".to_owned(), data));
    }
}

#[tokio::test]
async fn refusals_come_in_the_envelope_with_the_id() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.echoes();
    let uri = |len: usize| format!(r#""method":"copost","uri":"{}""#, "x".repeat(len));
    let data = |data: String| format!(r#""method":"copost","uri":"/uri","data":"{data}""#);
    let cases = [
        (r#""method":"post","uri":"/uri""#.to_owned(), "METHOD_NOT_ALLOWED"),
        (r#""uri":"/uri""#.to_owned(), "METHOD_NOT_ALLOWED"),
        (r#""method":null,"uri":"/uri""#.to_owned(), "METHOD_NOT_ALLOWED"),
        (r#""method":"copost""#.to_owned(), "BAD_REQUEST"),
        (r#""method":"copost","uri":null"#.to_owned(), "BAD_REQUEST"),
        (uri(2), "BAD_REQUEST"),
        (uri(3), "OK"),
        (uri(128), "OK"),
        (uri(129), "BAD_REQUEST"),
        (data("A".repeat(672)), "OK"),
        (data("A".repeat(676)), "BAD_REQUEST"),
        (data("aGVsbG8".to_owned()), "BAD_REQUEST"),
        (data("aGV_bG8=".to_owned()), "BAD_REQUEST"),
        // The order of checks: method, URI, data, and the device last.
        (r#""method":"x","uri":"","data":"?""#.to_owned(), "METHOD_NOT_ALLOWED"),
    ];
    for (fields, code) in cases {
        for device in ["dev", "nobody"] {
            let expected = if code == "OK" && device == "nobody" { "DEVICEID_OFFLINE" } else { code };
            let reply = post(&hub, device, &format!(r#"{{"id":7,{fields}}}"#)).await;
            assert_eq!((reply.envelope().0.as_str(), reply.field("id").as_str()), (expected, "7"), "{device} {fields}");
        }
    }
}

#[tokio::test]
async fn absent_null_and_unknown_fields_are_forgiven() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.echoes();
    for body in [
        r#"{"method":"copost","uri":"/uri"}"#,
        r#"{"method":"copost","uri":"/uri","id":null,"data":null}"#,
        r#" {"method":"copost","uri":"/uri","extra":{"deep":[1]}} "#,
    ] {
        assert_eq!(post(&hub, "dev", body).await.text(), r#"{"id":0,"fid":0,"code":"OK","data":""}"#);
    }
}

#[tokio::test]
async fn unreadable_bodies_are_400_in_plain_text() {
    let hub = hub().start().await;
    for body in ["", "x", "[]", "{", r#"{"id":"7"}"#, r#"{"id":-1}"#, r#"{"id":4294967296}"#, r#"{"uri":1}"#] {
        let reply = post(&hub, "dev", body).await;
        assert_eq!((reply.status, reply.header("content-type")), (400, Some("text/plain; charset=utf-8")), "{body}");
        assert!(!reply.text().is_empty());
    }
}

#[tokio::test]
async fn a_body_has_at_most_864_bytes() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.echoes();
    let start = r#"{"method":"copost","uri":"/uri"}"#;
    for (len, status) in [(864, 200), (865, 400), (100_000, 400)] {
        let body = format!("{start}{}", " ".repeat(len - start.len()));
        assert_eq!(post(&hub, "dev", &body).await.status, status, "{len}");
    }
}

#[tokio::test]
async fn ids_that_no_device_can_have_are_403_before_anything_else() {
    let hub = hub().start().await;
    let too_long = "x".repeat(65);
    for device in ["a%20b", "%ff", "", &too_long] {
        let reply = post(&hub, device, "not even JSON").await;
        assert_eq!((reply.status, reply.header("content-type")), (403, Some("text/plain; charset=utf-8")), "{device}");
    }
}

#[tokio::test]
async fn other_methods_are_405() {
    let hub = hub().start().await;
    for method in ["GET", "PUT", "DELETE"] {
        let reply = hub.asks(method, "/dev", &[], b"").await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("POST, OPTIONS")), "{method}");
    }
}

#[tokio::test]
async fn outcomes_have_their_codes() {
    let hub = hub().with(|config| config.device.session.max_calls = 1).start().await;
    let body = r#"{"id":7,"method":"copost","uri":"/uri"}"#;
    assert_eq!(post(&hub, "dev", body).await.envelope().0, "DEVICEID_OFFLINE");
    let mut device = hub.device("dev").await;
    for (status, code) in [
        (0, "INTERNAL_SERVER_ERROR"),
        (1, "INTERNAL_SERVER_ERROR"),
        (5, "NOT_FOUND"),
        (6, "BAD_REQUEST"),
        (7, "METHOD_NOT_ALLOWED"),
        (8, "TOO_MANY_REQUESTS"),
        (9, "TOO_MANY_OBSERVERS"),
    ] {
        let reply = hub.is_asked("POST", "/dev", &[], body.as_bytes());
        device.answers_next(&[0x20 | status, b'x']).await;
        assert_eq!(reply.await.unwrap().envelope(), (code.to_owned(), Vec::new()));
    }
    let first = hub.is_asked("POST", "/dev", &[], body.as_bytes());
    device.receives_request().await;
    assert_eq!(post(&hub, "dev", body).await.envelope().0, "TOO_MANY_REQUESTS");
    drop(device);
    assert_eq!(first.await.unwrap().envelope().0, "DEVICEID_OFFLINE");
    let _device = hub.device("dev").await;
    let waitless = hub.asks("POST", "/dev", &[("prefer", "wait=0")], body.as_bytes()).await;
    assert_eq!(waitless.envelope().0, "REQUEST_TIMEOUT");
}
