//! Web pages may call: CORS on every answer, and real answers to preflights (docs/caller-http.md §1).

use rtio_proto::StatusCode;

use crate::support::caller::request;
use crate::support::hub;

#[tokio::test]
async fn every_answer_may_be_read_by_every_page() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.answers("/uri", b"");
    let requests = [
        ("POST", "/dev/uri", 200),
        ("POST", "/dev/other", 404),
        ("POST", "/dev", 400),
        ("POST", "/nobody/uri", 503),
        ("POST", "/a%20b", 403),
        ("POST", "/dev/u", 400),
        ("PUT", "/dev/uri", 405),
        ("GET", "/dev", 405),
        ("GET", "/", 404),
        ("GET", "/healthz", 404),
        ("OPTIONS", "/dev", 204),
    ];
    for (method, path, status) in requests {
        let reply = hub.asks(method, path, &[("origin", "https://page.example")], b"").await;
        let origin = reply.header("access-control-allow-origin");
        assert_eq!((reply.status, origin), (status, Some("*")), "{method} {path}");
        let exposed = reply.header("access-control-expose-headers").unwrap_or_default();
        for header in
            ["Retry-After", "WWW-Authenticate", "RateLimit-Remaining", "Preference-Applied", "Idempotency-Replayed"]
        {
            assert!(exposed.split(", ").any(|it| it == header), "{method} {path}: {header}");
        }
    }
}

#[tokio::test]
async fn streams_may_be_read_by_every_page() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let mut caller = hub.caller().await;
    caller.sends(&request("GET", "/dev/uri", &[], b"")).await;
    let observer = device.begins_observation().await;
    assert_eq!(caller.head().await.header("access-control-allow-origin"), Some("*"));
    device.notifies(StatusCode::Terminate, observer, b"").await;
}

#[tokio::test]
async fn the_origin_can_be_configured() {
    let hub = hub().with(|config| config.http.cors_origin = "https://console.example.org".to_owned()).start().await;
    let reply = hub.calls("/dev/uri", b"").await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://console.example.org"));
}

#[tokio::test]
async fn a_preflight_says_what_a_page_may_send() {
    let hub = hub().start().await;
    for path in ["/dev", "/dev/uri", "*"] {
        let headers = [("origin", "https://page.example"), ("access-control-request-method", "POST")];
        let reply = hub.asks("OPTIONS", path, &headers, b"").await;
        assert_eq!((reply.status, reply.body.len()), (204, 0));
        assert_eq!(reply.header("access-control-allow-methods"), Some("GET, POST, OPTIONS"));
        let allowed = reply.header("access-control-allow-headers").unwrap_or_default();
        for header in ["Authorization", "Content-Type", "Prefer", "Idempotency-Key"] {
            assert!(allowed.contains(header), "{header}");
        }
        assert!(reply.header("access-control-max-age").is_some());
    }
}
