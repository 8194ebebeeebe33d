//! What a token does not grant is not called, and not told; and what is written down.

use serde_json::{Value, json};

use super::{all, begins, of, summary, told};
use crate::support::{Issuer, eventually, hub};

#[tokio::test]
async fn patterns_find_what_the_token_grants_and_names_are_told_what_is_missing() {
    let issuer = Issuer::new();
    let hub = issuer.hub().start().await;
    let mut devices = Vec::new();
    for name in ["A-1", "A-2", "B-1", "C-1"] {
        devices.push(hub.device(name).await.echoes());
    }
    let grants = json!([
        {"devices": ["A-*"], "methods": ["copost"], "uris": ["/uri"]},
        {"devices": ["B-*"], "uris": ["/other"]},
        {"devices": ["C-*"], "methods": ["obget"]},
    ]);
    let grants = json!({"sub": "backend", "rtio": grants});
    let check = async |claims: &Value, devices: &[&str], expected: &[&str]| {
        let bearer = format!("Bearer {}", issuer.token(claims.clone()));
        let (told, last) = all(&hub, &[("authorization", &bearer)], &of(devices)).await;
        assert_eq!(told, expected, "{claims} {devices:?}");
        assert_eq!(summary(&last).0, expected.len() as u64);
    };
    check(&grants, &["*"], &["A-1 OK", "A-2 OK"]).await;
    check(&grants, &["B-*", "nobody-*"], &[]).await;
    let named = ["A-1", "B-1", "C-1", "D-1", "A-9"];
    let missing = ["B-1 BAD_REQUEST missing uri", "C-1 BAD_REQUEST missing method", "D-1 BAD_REQUEST missing device"];
    let expected = [&["A-1 OK", "A-9 DEVICEID_OFFLINE"][..], &missing].concat();
    check(&grants, &named, &expected).await;
    let device = json!({"sub": "A-2"});
    check(&device, &["*"], &["A-2 OK"]).await;
    check(&device, &["A-1", "A-2"], &["A-1 BAD_REQUEST missing subject", "A-2 OK"]).await;
}

#[tokio::test]
async fn without_a_good_token_nothing_is_read() {
    let issuer = Issuer::new();
    let hub = issuer.hub().start().await;
    for headers in [&[][..], &[("authorization", "Bearer forged")]] {
        let reply = hub.asks("POST", "/v1/calls", headers, b"no JSON").await;
        assert_eq!(reply.problem(), (401, "BAD_REQUEST".into(), "not_sent".into()));
        assert!(reply.header("www-authenticate").is_some());
    }
}

#[tokio::test]
async fn each_device_is_an_entry_of_the_audit_log_and_so_is_each_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let issuer = Issuer::new();
    let hub = issuer.is_trusted_by(hub().with_flags(&["--audit-log", path.to_str().unwrap()])).start().await;
    let _device = hub.device("A-1").await.echoes();
    let claims = json!({"sub": "backend", "rtio": [{"devices": ["A-*"]}]});
    let bearer = format!("Bearer {}", issuer.token(claims));
    all(&hub, &[("authorization", &bearer)], &of(&["A-1", "A-2", "B-1"])).await;
    hub.asks("POST", "/v1/calls", &[], of(&["A-1"]).to_string().as_bytes()).await;
    hub.stops().await;
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields = ["event", "subject", "device", "method", "uri", "code", "status"];
    let mut told: Vec<_> =
        lines.iter().map(|line| fields.map(|name| line[name].to_string().replace('"', "")).join(" ")).collect();
    told.sort();
    let expected = [
        "call backend A-1 copost /uri OK null",
        "call backend A-2 copost /uri DEVICEID_OFFLINE null",
        "refused backend B-1 copost /uri BAD_REQUEST 403",
        "refused null null null null BAD_REQUEST 401",
    ];
    assert_eq!(told, expected);
    let of_the_group: Vec<_> = lines.iter().filter(|line| line["subject"] == "backend").collect();
    assert!(of_the_group.iter().all(|line| line["request"] == of_the_group[0]["request"]), "{text}");
}

#[tokio::test]
async fn of_many_refusals_in_one_group_call_64_are_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let issuer = Issuer::new();
    let hub = issuer.is_trusted_by(hub().with_flags(&["--audit-log", path.to_str().unwrap()])).start().await;
    let claims = json!({"sub": "backend", "rtio": [{"devices": ["NOBODY"]}]});
    let bearer = format!("Bearer {}", issuer.token(claims));
    let names: Vec<_> = (0..100).map(|nth| format!("A-{nth}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let (told, _) = all(&hub, &[("authorization", &bearer)], &of(&names)).await;
    assert_eq!(told.len(), 100, "the caller is told of each");
    hub.stops().await;
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().filter(|line| line.contains(r#""event":"refused""#)).count(), 64);
}

#[tokio::test]
async fn who_leaves_is_written_down_for_the_calls_in_flight_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let hub = hub().with_flags(&["--audit-log", path.to_str().unwrap()]).start().await;
    let (mut silent, _echo) = (hub.device("silent").await, hub.device("echo").await.echoes());
    let call = super::with(of(&["echo", "silent", "gone"]), "concurrency", 1);
    let mut caller = begins(&hub, &call).await;
    assert_eq!(told(&mut caller).await, "echo OK");
    silent.receives_request().await;
    drop(caller);
    let lines = || std::fs::read_to_string(&path).unwrap_or_default();
    eventually("both are written", || lines().lines().count() == 2).await;
    assert!(
        lines().contains(r#""device":"silent","method":"copost","uri":"/uri","code":"CALLER_LEFT""#),
        "{}",
        lines()
    );
    hub.stops().await;
    assert_eq!(lines().lines().count(), 2);
}
