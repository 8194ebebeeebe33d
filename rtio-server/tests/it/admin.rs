//! The operators' port: who may do what there.

use std::os::unix::fs::PermissionsExt;

use rtio_server::admin::Guard;
use rustix::process::Signal;

use crate::program::{Running, rtio, run};
use crate::support::{Reply, TestHub, hub, within};

const TOKEN: &str = "a-token-of-sixteen-or-more";

/// Status and explanation of a problem.
fn problem(reply: &Reply) -> (u16, String) {
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{reply:?}");
    assert_eq!(reply.header("access-control-allow-origin"), None);
    assert_eq!(reply.field("status"), reply.status.to_string());
    (reply.status, reply.field("detail"))
}

async fn asks_with(hub: &TestHub, token: &str) -> u16 {
    hub.is_operated("GET", "/v1/nothing", &[("authorization", &format!("Bearer {token}"))]).await.status
}

/// Waits until the hub has read the token.
async fn counts(hub: &TestHub, token: &str) {
    within("the token is read", async { while asks_with(hub, token).await == 401 {} }).await;
}

#[tokio::test]
async fn health_and_metrics_are_open_and_the_rest_is_for_operators() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let hub = hub().with_operators(Guard::File(file.path().to_owned())).start().await;
    for open in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(hub.is_operated("GET", open, &[]).await.status, 200, "{open}");
    }
    for guarded in ["/v1/nothing", "/v1/devices/a/b", "/v1"] {
        let reply = hub.is_operated("GET", guarded, &[]).await;
        assert_eq!(problem(&reply).0, 401, "{guarded}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    let reply = hub.is_operated("GET", "/v1/nothing", &[("authorization", "Bearer no-token-of-this-hub")]).await;
    assert_eq!(problem(&reply), (401, "this is not the operators' token".to_owned()));
    assert_eq!(reply.header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
    assert_eq!(asks_with(&hub, TOKEN).await, 404, "let in, but nothing is there");
    assert_eq!(problem(&hub.is_operated("GET", "/nowhere", &[]).await).0, 404);
}

#[tokio::test]
async fn without_a_token_nobody_is_an_operator() {
    let hub = hub().with_operators(Guard::Closed).start().await;
    for header in ["Bearer x", "Bearer a-token-of-sixteen-or-more", "Basic eDp4"] {
        let (status, detail) = problem(&hub.is_operated("GET", "/v1/devices", &[("authorization", header)]).await);
        assert_eq!(status, 403);
        assert!(detail.contains("--admin-token-file") && detail.contains("--data-dir"), "{detail}");
    }
}

#[tokio::test]
async fn an_open_port_is_open_to_programs_but_not_to_web_pages() {
    let hub = hub().with_operators(Guard::OpenToThisMachine).start().await;
    let asks = async |headers: &str| {
        let mut operator = hub.operator().await;
        operator.sends(format!("GET /v1/nothing HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes()).await;
        operator.reply().await.status
    };
    assert_eq!(asks("host: 127.0.0.1:17918").await, 404, "let in, but nothing is there");
    assert_eq!(asks("host: rebound.example:17918").await, 403);
    assert_eq!(asks("host: 127.0.0.1:17918\r\norigin: https://evil.example").await, 403);
    assert_eq!(asks("host: 127.0.0.1:17918\r\nsec-fetch-site: cross-site").await, 403);
}

#[tokio::test]
async fn the_token_is_read_again_at_a_reload_and_stays_when_the_file_is_broken() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, TOKEN).unwrap();
    let hub = hub().with_operators(Guard::File(file.path().to_owned())).start().await;
    std::fs::write(&file, "another-token-of-this-hub").unwrap();
    assert_eq!(asks_with(&hub, TOKEN).await, 404, "nothing is read before the signal");
    hub.reload.trigger();
    counts(&hub, "another-token-of-this-hub").await;
    assert_eq!(asks_with(&hub, TOKEN).await, 401, "the old token is void");
    std::fs::write(&file, "short").unwrap();
    hub.reload.trigger();
    assert_eq!(asks_with(&hub, "another-token-of-this-hub").await, 404);
    std::fs::write(&file, "the-third-token-of-this-hub").unwrap();
    hub.reload.trigger();
    counts(&hub, "the-third-token-of-this-hub").await;
    assert_eq!(asks_with(&hub, "short").await, 401);
}

#[tokio::test]
async fn the_hub_is_ready_unless_something_is_missing() {
    let hub = hub().with_operators(Guard::Closed).start().await;
    let asks = async || {
        let reply = hub.is_operated("GET", "/readyz", &[]).await;
        (reply.status, reply.text())
    };
    assert_eq!(asks().await, (200, "ready\n".to_owned()));
    hub.readiness.lost("verifier", "no answer");
    hub.readiness.lost("store", "disk full");
    assert_eq!(asks().await, (503, "store: disk full\nverifier: no answer\n".to_owned()));
    hub.readiness.found("store");
    hub.readiness.found("verifier");
    assert_eq!(asks().await.0, 200);
}

#[tokio::test]
async fn the_hub_is_not_ready_from_the_beginning_of_the_drain_and_says_so_until_its_end() {
    let hub = hub().with_operators(Guard::Closed).start().await;
    let mut device = hub.device("dev").await;
    let call = hub.is_called("/dev/uri", b"");
    let request = device.receives_request().await;
    hub.shutdown.trigger();
    for _ in 0..2 {
        let reply = hub.is_operated("GET", "/readyz", &[]).await;
        assert_eq!((reply.status, reply.text()), (503, "draining\n".to_owned()));
    }
    device.answers_request(request.message_id, b"\x22done").await;
    assert_eq!(call.await.expect("the caller does not panic").text(), "done");
    hub.has_stopped().await;
}

#[test]
fn the_program_makes_a_token_in_its_data_folder_once() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("data");
    let flags = format!(
        "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0 --data-dir {}",
        dir.display()
    );
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let mut hub = Running::start(&mut rtio(&flags));
        hub.value_of("devices");
        let file = dir.join("admin.token");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        tokens.push(std::fs::read_to_string(&file).unwrap());
        let (code, logs) = hub.end_by(Signal::TERM);
        assert_eq!(code, Some(0));
        assert!(!logs.contains(&tokens[0]), "the token is in no log");
    }
    assert_eq!(tokens[0].len(), 43);
    assert_eq!(tokens[0], tokens[1]);
}

#[test]
fn a_token_file_that_is_of_no_use_is_named() {
    let flags = "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0 \
                 --admin-token-file /nowhere/admin.token";
    let (code, _, stderr) = run(&mut rtio(flags));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("--admin-token-file") && stderr.contains("/nowhere/admin.token"), "{stderr}");
}

#[test]
fn an_operators_port_on_the_network_is_warned_of() {
    let flags = "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 0.0.0.0:0";
    let mut hub = Running::start(&mut rtio(flags));
    hub.value_of("devices");
    let (_, logs) = hub.end_by(Signal::TERM);
    assert!(logs.contains("operators connect without TLS from the network"), "{logs}");
}
