//! The audit log: a line for each call, two for an observation, never the payload.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::tokens::Issuer;
use crate::support::{TestHub, eventually, hub};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

async fn audited_hub(dir: &Path, more: &[&str]) -> (TestHub, PathBuf) {
    let path = dir.join("audit.jsonl");
    let flags = ["--audit-log", path.to_str().unwrap()];
    (hub().with_flags(&[&flags[..], more].concat()).start().await, path)
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn fields(line: &Value, names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| line[name].as_str().map_or_else(|| line[name].to_string(), str::to_owned)).collect()
}

#[tokio::test]
async fn a_call_is_a_line_with_its_outcome_and_without_its_payload() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, path) = audited_hub(dir.path(), &[]).await;
    let device = hub.device("dev").await.answers("/uri", b"s3cret answer");
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    hub.asks("POST", "/dev/uri", &[("traceparent", &parent)], b"s3cret question").await;
    let json = br#"{"method":"copost","id":7,"uri":"/none","data":"aGVsbG8="}"#;
    hub.asks("POST", "/dev", &[("traceparent", "nonsense")], json).await;
    hub.calls("/nobody/uri", b"").await;
    drop(device);
    hub.stops().await;
    let lines = lines(&path);
    let told = |nth: usize| fields(&lines[nth], &["event", "device", "method", "uri", "code", "delivery", "trace_id"]);
    assert_eq!(told(0), ["call", "dev", "copost", "/uri", "OK", "answered", TRACE]);
    assert_eq!(told(1), ["call", "dev", "copost", "/none", "NOT_FOUND", "answered", "null"]);
    assert_eq!(told(2), ["call", "nobody", "copost", "/uri", "DEVICEID_OFFLINE", "not_sent", "null"]);
    assert_eq!(lines.len(), 3);
    assert!(lines.iter().all(|line| line["duration_ms"].is_u64() && line["peer"].is_string()));
    assert_ne!(lines[0]["request"], lines[1]["request"]);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("s3cret") && !text.contains("aGVsbG8"), "{text}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn an_observation_is_a_line_at_its_start_and_one_at_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, path) = audited_hub(dir.path(), &[]).await;
    let mut device = hub.device("dev").await;
    let (mut caller, observer) = hub.observes(&mut device, "/dev/uri").await;
    eventually("the start is written", || lines(&path).len() == 1).await;
    let last = device.notifies(rtio_proto::StatusCode::Terminate, observer, b"").await;
    let [high, low] = observer.to_be_bytes();
    device.receives_answer(last, &[0x34, high, low]).await;
    caller.lines().await;
    let (leaving, _) = hub.observes(&mut device, "/dev/uri").await;
    drop(leaving);
    eventually("both ends are written", || lines(&path).len() == 4).await;
    let lines: Vec<_> = lines(&path).iter().map(|line| fields(line, &["event", "method", "code"])).collect();
    assert_eq!(lines[0], ["observe_start", "obget", "CONTINUE"]);
    assert_eq!(lines[1], ["observe_end", "obget", "TERMINATE"]);
    assert_eq!(lines[2], ["observe_start", "obget", "CONTINUE"]);
    assert_eq!(lines[3], ["observe_end", "obget", "CALLER_LEFT"]);
}

#[tokio::test]
async fn a_key_that_is_none_or_is_used_for_another_call_is_a_line() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, path) = audited_hub(dir.path(), &[]).await;
    let device = hub.device("dev").await.answers("/uri", b"fine");
    hub.asks("POST", "/dev/uri", &[("idempotency-key", "two words")], b"").await;
    let json = br#"{"method":"copost","id":7,"uri":"/uri"}"#;
    hub.asks("POST", "/dev", &[("idempotency-key", "two words")], json).await;
    hub.asks("POST", "/dev/uri", &[("idempotency-key", "one")], b"a").await;
    hub.asks("POST", "/dev/uri", &[("idempotency-key", "one")], b"b").await;
    drop(device);
    hub.stops().await;
    let told: Vec<_> = lines(&path).iter().map(|line| fields(line, &["event", "uri", "status"]).join(" ")).collect();
    assert_eq!(told, ["refused /uri 400", "refused /uri 400", "call /uri null", "refused /uri 422"]);
}

#[tokio::test]
async fn a_refused_caller_is_a_line_that_says_what_it_was_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let issuer = Issuer::new();
    let flags = ["--audit-log", path.to_str().unwrap(), "--caller-rate", "1", "--caller-burst", "1"];
    let hub = issuer.is_trusted_by(hub().with_flags(&flags)).start().await;
    let grant = json!({"devices": ["dev"], "methods": ["copost"], "uris": ["/uri"]});
    let token = issuer.token(json!({"sub": "app-7", "rtio": [grant]}));
    let bearer = format!("Bearer {token}");
    let by_token = [("authorization", bearer.as_str())];
    let json = br#"{"method":"copost","id":7,"uri":"/none","data":"aGVsbG8="}"#;
    let long = format!("/dev/{}", "x".repeat(10_000));
    let statuses = [
        hub.asks("POST", "/dev/uri", &[], b"s3cret").await.status,
        hub.asks("GET", &long, &[], b"").await.status,
        hub.asks("POST", "/dev", &[("authorization", "Bearer forged")], json).await.status,
        hub.asks("GET", "/other/uri", &by_token, b"").await.status,
        hub.asks("POST", "/dev", &by_token, json).await.status,
        hub.asks("POST", "/dev/uri", &by_token, b"").await.status,
        hub.asks("POST", "/dev/uri", &by_token, b"").await.status,
    ];
    assert_eq!(statuses, [401, 401, 401, 403, 403, 503, 429]);
    hub.stops().await;
    let lines = lines(&path);
    let names = ["event", "subject", "device", "method", "uri", "code", "status", "delivery"];
    let told: Vec<_> = lines.iter().map(|line| fields(line, &names).join(" ")).collect();
    let expected = [
        "refused null dev copost /uri BAD_REQUEST 401 not_sent",
        "refused null dev obget null BAD_REQUEST 401 not_sent",
        "refused null dev null null BAD_REQUEST 401 not_sent",
        "refused app-7 other obget /uri BAD_REQUEST 403 not_sent",
        "refused app-7 dev copost /none BAD_REQUEST 403 not_sent",
        "call app-7 dev copost /uri DEVICEID_OFFLINE null not_sent",
        "refused app-7 dev copost /uri TOO_MANY_REQUESTS 429 not_sent",
    ];
    assert_eq!(told, expected);
    assert!(lines.iter().all(|line| line["request"].is_string() && line["peer"].is_string()));
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains("s3cret") && !text.contains("forged") && !text.contains(&token), "{text}");
}

#[tokio::test]
async fn a_full_file_moves_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (hub, path) = audited_hub(dir.path(), &["--audit-max-bytes", "4096", "--audit-keep", "1"]).await;
    let mut caller = hub.caller().await;
    for _ in 0..60 {
        let before = std::fs::read(&path).ok();
        caller.calls("/nobody/uri", b"").await;
        // Lines that wait together are written together, into one file.
        eventually("a line is written", || std::fs::read(&path).ok() != before).await;
    }
    hub.stops().await;
    let aside = dir.path().join("audit.jsonl.1");
    assert!(!lines(&path).is_empty() && !lines(&aside).is_empty(), "both hold whole lines");
    assert!(std::fs::metadata(&aside).unwrap().len() <= 4096 * 2);
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_no_start() {
    let (code, _, stderr) = crate::program::run(&mut crate::program::rtio(
        "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off --audit-log /nowhere/audit",
    ));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cannot write the audit log /nowhere/audit: "), "{stderr}");
}
