//! The operators' port of the runtime: what changes at once, what does not, and the edges of what it takes. (Issue: administration.)
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use rtio_server::admin::Guard;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::support::realer::control_device;
use crate::support::{Reply, TestHub, hub};

const TOKEN: &str = "a-token-of-sixteen-or-more";

/// A hub with a runtime and operators.
async fn runtime() -> (TestHub, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    (hub().with_realer().with_operators(Guard::File(token)).start().await, folder)
}

async fn asks(hub: &TestHub, method: &str, path: &str, body: &[u8]) -> Reply {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    hub.operator().await.asks(method, path, &headers, body).await
}

async fn json_of(hub: &TestHub, method: &str, path: &str, body: Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = asks(hub, method, &format!("/v1/realer{path}"), body.as_bytes()).await;
    assert!((200..300).contains(&reply.status), "{method} {path}: {reply:?}");
    reply.json()
}

#[tokio::test]
async fn changes_that_are_made_at_once_are_all_kept() {
    let (hub, _folder) = runtime().await;
    let device = control_device(&hub).await;
    let path = format!("/v1/realer/devices/{}/commands/{}", device.id, device.relay);
    let fields = [json!({"kind": "fan"}), json!({"pin_port": "9"}), json!({"max": 2.5}), json!({"adoption": "on"})];
    let hub = std::sync::Arc::new(hub);
    let mut tasks = JoinSet::new();
    for field in fields {
        let (hub, path) = (std::sync::Arc::clone(&hub), path.clone());
        tasks.spawn(async move { asks(&hub, "PATCH", &path, field.to_string().as_bytes()).await.status });
    }
    assert_eq!(tasks.join_all().await, [200; 4]);
    let command = asks(&hub, "GET", &path, b"").await.json();
    let kept = ["kind", "pin_port", "max", "adoption"].map(|field| command[field].clone());
    assert_eq!(kept, [json!("fan"), json!("9"), json!(2.5), json!("on")]);
}

#[tokio::test]
async fn a_revision_changes_with_what_firmware_sees_and_only_with_that() {
    let (hub, _folder) = runtime().await;
    let device = control_device(&hub).await;
    let (one, relay) = (format!("/devices/{}", device.id), format!("/devices/{}/commands/{}", device.id, device.relay));
    let revisions = async || {
        let device = json_of(&hub, "GET", &one, Value::Null).await;
        (device["catalog_revision"].clone(), device["runtime_revision"].clone())
    };
    let first = revisions().await;
    json_of(&hub, "PATCH", &relay, json!({"label": "Heater", "min": 0.0, "adoption": "on"})).await;
    json_of(&hub, "PATCH", &one, json!({"subscription": "inactive", "label": "new"})).await;
    assert_eq!(revisions().await, first);
    json_of(&hub, "PATCH", &relay, json!({"pin_port": "9"})).await;
    let second = revisions().await;
    assert_ne!(second.0, first.0);
    json_of(&hub, "PATCH", &one, json!({"protocols": ["rtio"]})).await;
    assert_ne!(revisions().await.1, second.1);
}

#[tokio::test]
async fn null_where_nothing_can_go_is_refused_and_without_a_token_nothing_is_told() {
    let (hub, _folder) = runtime().await;
    let device = control_device(&hub).await;
    let one = format!("/v1/realer/devices/{}", device.id);
    let paths =
        [one.clone(), format!("{one}/commands/{}", device.relay), format!("{one}/sensors/{}", device.thermistor)];
    for path in paths.into_iter().chain([format!("/v1/realer/resources/{}", device.resource)]) {
        let reply = asks(&hub, "PATCH", &path, br#"{"label":null}"#).await;
        assert_eq!(reply.status, 400, "{path}: {reply:?}");
    }
    let strangers =
        [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/desired"), ("GET", "/adoptions")];
    let paths = strangers.map(|(method, rest)| (method, format!("{one}{rest}")));
    let others = ["/v1/realer/devices/cdv_01jv3k8q2m5n7p9r1s4t6v8w0x", "/v1/realer/export", "/v1/realer/nothing"];
    for (method, path) in paths.into_iter().chain(others.map(|path| ("GET", path.to_owned()))) {
        assert_eq!(hub.is_operated(method, &path, &[]).await.status, 401, "{method} {path}");
    }
}

#[tokio::test]
async fn history_comes_in_pages_that_go_on() {
    let (hub, _folder) = runtime().await;
    let device = control_device(&hub).await;
    let path = format!("/devices/{}/desired", device.id);
    let mut made = Vec::new();
    for value in ["1", "2", "3"] {
        let wish = json!({"command_id": device.relay.as_str(), "value": value});
        made.push(json_of(&hub, "POST", &path, wish).await["desired_id"].clone());
    }
    let first = json_of(&hub, "GET", &format!("{path}?limit=2"), Value::Null).await;
    let after = first["next"].as_str().unwrap();
    let second = json_of(&hub, "GET", &format!("{path}?limit=2&after={after}"), Value::Null).await;
    assert!(second["next"].is_null());
    let all = [&first, &second].map(|page| page["desired_states"].as_array().unwrap().clone()).concat();
    assert_eq!(all.iter().map(|one| one["desired_id"].clone()).collect::<Vec<_>>(), made);
    let statuses: Vec<_> = all.iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["superseded", "superseded", "pending"]);
    let shown = json_of(&hub, "GET", &format!("/devices/{}", device.id), Value::Null).await;
    assert_eq!((&shown["commands"][0]["value"], &shown["commands"][0]["pending"]), (&json!("3"), &json!(1)));
}

#[tokio::test]
async fn one_command_more_than_there_may_be_is_refused() {
    let (hub, _folder) = runtime().await;
    let command = |nth: usize| json!({"label": format!("c{nth}")});
    let file = |count| json!({"devices": [{"label": "a", "commands": (0..count).map(command).collect::<Vec<_>>()}]});
    let applied = json_of(&hub, "POST", "/apply", file(256)).await;
    let id = applied["issued"][0]["id"].as_str().unwrap();
    let one_more = command(256).to_string();
    let reply = asks(&hub, "POST", &format!("/v1/realer/devices/{id}/commands"), one_more.as_bytes()).await;
    assert_eq!(reply.status, 409, "{reply:?}");
    let reply = asks(&hub, "POST", "/v1/realer/apply", file(257).to_string().as_bytes()).await;
    assert_eq!((reply.status, &reply.json()["field"]), (400, &json!("devices[a].commands")));
}

#[tokio::test]
async fn a_file_that_is_too_long_is_refused() {
    let (hub, _folder) = runtime().await;
    for (bytes, status) in [(32 * 1024 * 1024, 200), (32 * 1024 * 1024 + 1, 413)] {
        let mut file = vec![b' '; bytes - 2];
        file.extend_from_slice(b"{}");
        assert_eq!(asks(&hub, "POST", "/v1/realer/apply", &file).await.status, status, "{bytes}");
    }
}

#[tokio::test]
async fn a_file_of_which_one_thing_cannot_be_changes_nothing() {
    let (hub, _folder) = runtime().await;
    let device = control_device(&hub).await;
    // The command is another device's, which only the store sees.
    let taken = json!({"id": device.relay.as_str(), "label": "x"});
    let file = json!({"resources": [{"label": "new"}], "devices": [{"label": "new", "commands": [taken]}]});
    let reply = asks(&hub, "POST", "/v1/realer/apply", file.to_string().as_bytes()).await;
    assert_eq!(reply.status, 409, "{reply:?}");
    let after = json_of(&hub, "GET", "/export?format=json", Value::Null).await;
    assert_eq!((after["resources"].as_array().unwrap().len(), after["devices"].as_array().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn a_hub_without_a_data_folder_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let hub = hub().with_operators(Guard::File(token)).start().await;
    let reply = asks(&hub, "GET", "/v1/realer/devices", b"").await;
    assert_eq!(reply.status, 404);
    assert!(reply.json()["detail"].as_str().unwrap().contains("--data-dir"), "{reply:?}");
    let stranger = hub.is_operated("GET", "/v1/realer/devices", &[]).await;
    assert_eq!(stranger.status, 401);
}
