//! HTTPS with curl as the other end, and what comes to the wrong kind of port (docs/caller-http.md §4).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::process::Command;
use std::time::Duration;

use crate::support::caller::request;
use crate::support::{Ca, Caller, Clock, TestHub, hub, within};

/// What `curl` prints, or `None` where there is no curl.
async fn curl(hub: &TestHub, arguments: &[&str]) -> Option<String> {
    let certificate = hub.http_tls.as_ref().unwrap().path("trusted.pem");
    let url = format!("https://localhost:{}/dev/uri", hub.http_addr.port());
    let mut command = Command::new("curl");
    command.args(["-sS", "--max-time", "15", "--noproxy", "*", "--resolve"]);
    command.arg(format!("localhost:{}:127.0.0.1", hub.http_addr.port()));
    command.arg("--cacert").arg(certificate).args(arguments).arg(url);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = match within("curl", output).await.unwrap() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{error}"),
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[tokio::test]
async fn curl_calls_over_both_versions() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    hub.http_tls.as_ref().unwrap().write("trusted.pem", &ca.pem());
    let _device = hub.device("dev").await.answers("/uri", b"idle");
    for (version, expected) in [("--http2", "idle 2"), ("--http1.1", "idle 1.1"), ("--tlsv1.3", "idle 2")] {
        let printed = curl(&hub, &[version, "-d", "now", "-w", " %{http_version}"]).await;
        assert!(printed.as_deref().is_none_or(|printed| printed == expected), "{version}: {printed:?}");
    }
}

#[tokio::test]
async fn plain_http_to_the_https_port_is_answered_with_400_and_why() {
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).start().await;
    for request in [
        request("GET", "/", &[], b""),
        request("POST", "/dev/uri", &[("x", &"v".repeat(9000))], &[b'x'; 900]),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"G".to_vec(),
    ] {
        let mut caller = hub.caller().await;
        caller.sends(&request).await;
        let reply = caller.reply().await;
        assert_eq!((reply.status, reply.header("connection")), (400, Some("close")));
        assert!(reply.text().contains("this port speaks HTTPS"), "{}", reply.text());
        assert_eq!(caller.is_closed().await, b"");
    }
    let metrics = hub.metrics();
    let line = "rtio_connections_refused_total{port=\"callers\",cause=\"not_tls\"} 4";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn plain_bytes_to_a_device_port_with_tls_are_closed_without_a_word() {
    let ca = Ca::new();
    let hub = hub().with_device_tls(&ca).start().await;
    for bytes in [&b"\x10\x00\x01\x00\x08\x40dev:s3"[..], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut peer = hub.peer().await;
        peer.sends(bytes).await;
        peer.is_closed().await;
    }
    let metrics = hub.metrics();
    let line = "rtio_connections_refused_total{port=\"devices\",cause=\"not_tls\"} 2";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn a_caller_that_begins_neither_tls_nor_http_is_closed_in_time() {
    let clock = Clock::stopped();
    let ca = Ca::new();
    let hub = hub().with_http_tls(&ca).with(|config| config.tls.max_handshakes = 1).start().await;
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(hub.caller().await);
    }
    // Who says nothing holds no place among the handshakes.
    let mut caller = hub.tls_caller(&ca.trusted()).await;
    assert_eq!(caller.calls("/nobody/uri", b"").await.status, 503);
    clock.passes(Duration::from_secs(30)).await;
    for mut caller in silent {
        assert_eq!(caller.is_closed().await, b"");
    }
}

#[tokio::test]
async fn tls_to_the_plain_port_is_closed_at_once() {
    let hub = hub().start().await;
    let error = Ca::new().trusted().tries_to_connect(hub.http_addr).await.unwrap_err();
    assert!(error.to_string().contains("corrupt") || error.to_string().contains("eof"), "{error}");
    let mut caller = hub.caller().await;
    caller.tries_to_send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").await;
    let answer = caller.is_closed().await;
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{}", answer.escape_ascii());
}

#[tokio::test]
async fn http_2_with_prior_knowledge_has_no_place_on_the_plain_port() {
    let hub = hub().start().await;
    let mut caller = hub.caller().await;
    caller.tries_to_send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let answer = caller.is_closed().await;
    assert!(!answer.starts_with(b"\0\0"), "no frame of HTTP/2: {}", answer.escape_ascii());
}

#[tokio::test]
async fn the_proxy_header_comes_before_tls() {
    let ca = Ca::new();
    let here = "127.0.0.1/32".parse().unwrap();
    let trusted = rtio_server::net::proxy::TrustedProxies::new(vec![here]);
    let hub = hub().with_http_tls(&ca).with(|config| config.proxies = trusted).start().await;
    let mut stream = tokio::net::TcpStream::connect(hub.http_addr).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"PROXY TCP4 192.0.2.1 198.51.100.2 5 6\r\n").await.unwrap();
    let stream = ca.trusted().with_alpn(&[b"http/1.1"]).shakes_hands(stream).await.unwrap();
    assert_eq!(Caller::over(stream).calls("/nobody/uri", b"").await.status, 503);
}
