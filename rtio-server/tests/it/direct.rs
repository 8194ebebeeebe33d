//! The direct form: a device's URI is a URL (docs/caller-http.md §2).

use crate::support::hub;

#[tokio::test]
async fn a_call_is_raw_bytes_both_ways() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.echoes();
    let every_byte: Vec<u8> = (0..=255).collect();
    let reply = hub.calls("/dev/printer/status", &every_byte).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/octet-stream")));
    assert_eq!(reply.body, every_byte);
    let reply = hub.calls("/dev/printer/status", b"").await;
    assert_eq!((reply.status, reply.header("content-length"), reply.body.len()), (200, Some("0"), 0));
}

#[tokio::test]
async fn the_path_after_the_device_is_its_uri() {
    let hub = hub().start().await;
    let _device = hub.device("PRINTER-001").await.answers("/printer/status of it", b"idle");
    for path in [
        "/PRINTER-001/printer/status%20of%20it",
        "/PRINTER-001/printer%2Fstatus%20of%20it",
        "/PRINTER%2D001/printer/status%20of%20it?ignored=1",
    ] {
        assert_eq!(hub.calls(path, b"now").await.body, b"idle", "{path}");
    }
    for path in ["/PRINTER-001/printer/status", "/PRINTER-001/printer/status%20of%20it/", "/PRINTER-001//printer"] {
        let reply = hub.calls(path, b"now").await;
        assert_eq!(reply.problem(), (404, "NOT_FOUND".to_owned(), "answered".to_owned()), "{path}");
    }
}

#[tokio::test]
async fn a_uri_has_3_to_128_bytes() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.echoes();
    for (len, status) in [(2, 400), (3, 200), (128, 200), (129, 400)] {
        let path = format!("/dev/{}", "u".repeat(len - 1));
        let call = hub.calls(&path, b"").await;
        assert_eq!(call.status, status, "{len}");
        if status == 400 {
            let refused = (400, "BAD_REQUEST".to_owned(), "not_sent".to_owned());
            assert_eq!(call.problem(), refused);
            assert_eq!(hub.asks("GET", &path, &[], b"").await.problem(), refused);
        }
    }
}

#[tokio::test]
async fn ids_that_no_device_can_have_are_403() {
    let hub = hub().start().await;
    let too_long = format!("/{}/uri", "x".repeat(65));
    for path in ["/a%20b/uri", "/%ff/uri", "//uri", "/a%2Fb/uri", &too_long] {
        for method in ["POST", "GET"] {
            let reply = hub.asks(method, path, &[], b"").await;
            assert_eq!(reply.problem(), (403, "BAD_REQUEST".to_owned(), "not_sent".to_owned()), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn names_of_the_hub_are_404() {
    let hub = hub().start().await;
    for name in ["oauth", "iot", "v1", "console", "healthz", "metrics", ".well-known"] {
        for (method, path) in
            [("POST", format!("/{name}")), ("POST", format!("/{name}/uri")), ("GET", format!("/{name}/uri"))]
        {
            assert_eq!(hub.asks(method, &path, &[], b"").await.status, 404, "{method} {path}");
        }
    }
    assert_eq!(hub.asks("GET", "/", &[], b"").await.status, 404);
}

#[tokio::test]
async fn other_methods_are_405_and_say_what_is_allowed() {
    let hub = hub().start().await;
    for method in ["PUT", "DELETE", "PATCH", "HEAD"] {
        let reply = hub.caller().await;
        let mut caller = reply;
        caller.sends(&crate::support::caller::request(method, "/dev/uri", &[], b"")).await;
        let reply = if method == "HEAD" { caller.head().await } else { caller.reply().await };
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, POST, OPTIONS")), "{method}");
    }
}

#[tokio::test]
async fn data_over_the_limit_is_413_however_it_is_sent() {
    let hub = hub().start().await;
    let mut device = hub.device("dev").await;
    let refused = (413, "BAD_REQUEST".to_owned(), "not_sent".to_owned());
    assert_eq!(hub.calls("/dev/uri", &[b'x'; 505]).await.problem(), refused);
    assert_eq!(hub.calls("/dev/uri", &[b'x'; 100_000]).await.problem(), refused);
    let mut caller = hub.caller().await;
    let head = b"POST /dev/uri HTTP/1.1\r\nhost: hub\r\ntransfer-encoding: chunked\r\n\r\n";
    caller.sends(head).await;
    for _ in 0..3 {
        caller.sends(&[b"c8\r\n", &[b'x'; 200][..], b"\r\n"].concat()).await;
    }
    assert_eq!(caller.reply().await.problem(), refused);
    device.receives_nothing().await;
}

#[tokio::test]
async fn a_chunked_body_is_one_call() {
    let hub = hub().start().await;
    let _device = hub.device("dev").await.echoes();
    let mut caller = hub.caller().await;
    caller.sends(b"POST /dev/uri HTTP/1.1\r\nhost: hub\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    caller.sends(b"2\r\nde\r\n0\r\n\r\n").await;
    assert_eq!(caller.reply().await.body, b"abcde");
}

#[tokio::test]
async fn every_problem_says_code_delivery_and_status() {
    let hub = hub().start().await;
    let reply = hub.calls("/dev/uri", b"").await;
    let problem = reply.json();
    assert_eq!(problem["type"], "about:blank");
    assert_eq!(problem["title"], "Service Unavailable");
    assert_eq!(problem["status"], 503);
    assert_eq!(problem["code"], "DEVICEID_OFFLINE");
    assert_eq!(problem["delivery"], "not_sent");
    assert_eq!(problem["detail"], "the device is offline");
}

#[tokio::test]
async fn a_uri_that_is_no_text_is_a_bad_request() {
    let hub = hub().start().await;
    let refused = (400, "BAD_REQUEST".to_owned(), "not_sent".to_owned());
    assert_eq!(hub.caller().await.calls("/dev/a%ff", b"").await.problem(), refused);
}
