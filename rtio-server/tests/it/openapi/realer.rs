//! What operators get of the control-device runtime is as described: each operation, done once, and refused in its ways.

use rtio_server::admin::Guard;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{ADMIN, Document, TOKEN, is_as_described};
use crate::support::{Reply, TestHub, hub};

/// A hub with a runtime, and the document.
struct Runtime {
    hub: TestHub,
    document: Document,
    _folder: TempDir,
}

impl Runtime {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, TOKEN).unwrap();
        let hub = hub().with_realer().with_operators(Guard::File(token)).start().await;
        Self { hub, document: Document::read(ADMIN), _folder: folder }
    }

    async fn asks(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Reply {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        self.hub.operator().await.asks(method, &format!("/v1/realer{path}"), &headers, body).await
    }

    /// The answer to a request, which is as the document has it of `operation` and this status.
    async fn check(&self, operation: (&str, &str), path: &str, body: &Value, status: u16) -> Reply {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = self.asks(operation.0, path, "application/json", body.as_bytes()).await;
        let described = format!("/v1/realer{}", operation.1);
        is_as_described(&self.document, (operation.0, &described), status, &reply);
        reply
    }

    /// The id of a thing that is added.
    async fn adds(&self, described: &str, path: &str, body: &Value) -> String {
        let reply = self.check(("POST", described), path, body, 201).await;
        reply.json()["id"].as_str().unwrap().to_owned()
    }
}

const NOBODY: &str = "cdv_00000000000000000000000000";

#[tokio::test]
async fn devices_and_resources_are_as_described() {
    let runtime = Runtime::new().await;
    let (all, one) = ("/devices", "/devices/{id}");
    let id = runtime.adds(all, all, &json!({"label": "a", "max_batch_items": 7})).await;
    runtime.check(("POST", all), all, &json!({"label": "a"}), 409).await;
    for (wrong, field) in [(json!({}), "label"), (json!({"label": "a", "protocols": []}), "protocols")] {
        let reply = runtime.check(("POST", all), all, &wrong, 400).await;
        assert_eq!(reply.json()["field"], field);
    }
    for wrong in [json!(7), json!({"label": 7}), json!({"label": "b", "colour": "red"})] {
        runtime.check(("POST", all), all, &wrong, 400).await;
    }
    let plain = runtime.asks("POST", all, "text/plain", b"{}").await;
    is_as_described(&runtime.document, ("POST", "/v1/realer/devices"), 415, &plain);
    runtime.check(("GET", all), "/devices?limit=1", &Value::Null, 200).await;
    for wrong in ["limit=0", "limit=1001", "after=x", "sort=id"] {
        runtime.check(("GET", all), &format!("/devices?{wrong}"), &Value::Null, 400).await;
    }
    let path = format!("/devices/{id}");
    runtime.check(("PATCH", one), &path, &json!({"subscription": "inactive", "max_batch_items": null}), 200).await;
    runtime.check(("GET", one), &path, &Value::Null, 200).await;
    runtime.check(("GET", one), "/devices/x", &Value::Null, 400).await;
    for method in ["GET", "DELETE"] {
        runtime.check((method, one), &format!("/devices/{NOBODY}"), &Value::Null, 404).await;
    }
    runtime.check(("PATCH", one), &format!("/devices/{NOBODY}"), &json!({}), 404).await;
    runtime.check(("POST", "/devices/{id}/rotate"), &format!("{path}/rotate?old=drop"), &Value::Null, 200).await;
    runtime.check(("POST", "/devices/{id}/rotate"), &format!("{path}/rotate?old=x"), &Value::Null, 400).await;
    runtime.check(("DELETE", one), &path, &Value::Null, 204).await;

    let (all, one) = ("/resources", "/resources/{resource}");
    let id = runtime.adds(all, all, &json!({"label": "Bench 1"})).await;
    let path = format!("/resources/{id}");
    runtime.check(("GET", all), all, &Value::Null, 200).await;
    runtime.check(("GET", one), &path, &Value::Null, 200).await;
    runtime.check(("PATCH", one), &path, &json!({"label": "Bench 2"}), 200).await;
    runtime.check(("PATCH", one), &path, &json!({"label": " "}), 400).await;
    runtime.check(("DELETE", one), &path, &Value::Null, 204).await;
    runtime.check(("DELETE", one), &path, &Value::Null, 404).await;
}

#[tokio::test]
async fn commands_sensors_and_history_are_as_described() {
    let runtime = Runtime::new().await;
    let device = runtime.adds("/devices", "/devices", &json!({"label": "a"})).await;
    let of = |rest: &str| format!("/devices/{device}{rest}");
    let bench = runtime.adds("/resources", "/resources", &json!({"label": "Bench 1"})).await;
    for (kind, name, wish) in [
        ("sensors", "sensor", json!({"label": "Air", "kind": "thermistor", "resources": [bench]})),
        ("commands", "command", json!({"label": "Heater", "kind": "relay", "pin_port": "6", "min": 0, "max": 1.5})),
    ] {
        let (all, one) = (format!("/devices/{{id}}/{kind}"), format!("/devices/{{id}}/{kind}/{{{name}}}"));
        let id = runtime.adds(&all, &of(&format!("/{kind}")), &wish).await;
        let path = of(&format!("/{kind}/{id}"));
        runtime.check(("POST", &all), &of(&format!("/{kind}")), &wish, 409).await;
        runtime.check(("POST", &all), &of(&format!("/{kind}")), &json!({"label": "x", "kind": "ü"}), 400).await;
        runtime.check(("POST", &all), &format!("/devices/{NOBODY}/{kind}"), &wish, 404).await;
        runtime.check(("GET", &all), &of(&format!("/{kind}")), &Value::Null, 200).await;
        runtime.check(("GET", &one), &path, &Value::Null, 200).await;
        runtime.check(("GET", &one), &of(&format!("/{kind}/x")), &Value::Null, 400).await;
        runtime.check(("PATCH", &one), &path, &json!({"pin_port": "7", "resources": ["Bench 1"]}), 200).await;
        let reply = runtime.check(("PATCH", &one), &path, &json!({"resources": ["Bench 2"]}), 400).await;
        assert_eq!(reply.json()["field"], "resources");
        runtime.check(("DELETE", &one), &path.replace(&id[4..8], "zzzz"), &Value::Null, 404).await;
        if kind == "sensors" {
            runtime.check(("DELETE", &one), &path, &Value::Null, 204).await;
            continue;
        }
        let desired = "/devices/{id}/desired";
        let wish = json!({"command_id": id, "value": "1.0", "expires_in": 60});
        runtime.check(("POST", desired), &of("/desired"), &wish, 201).await;
        let reply =
            runtime.check(("POST", desired), &of("/desired"), &json!({"command_id": id, "value": "9"}), 400).await;
        assert_eq!(reply.json()["field"], "value");
        runtime.check(("POST", desired), &of("/desired"), &Value::Null, 400).await;
        runtime.check(("GET", desired), &of("/desired?limit=1"), &Value::Null, 200).await;
        runtime.check(("GET", desired), &of("/desired?after=x"), &Value::Null, 400).await;
    }
    for kind in ["feed-data", "adoptions"] {
        let described = format!("/devices/{{id}}/{kind}");
        runtime.check(("GET", &described), &of(&format!("/{kind}?after=0&limit=7")), &Value::Null, 200).await;
        runtime.check(("GET", &described), &of(&format!("/{kind}?after=-1")), &Value::Null, 400).await;
        runtime.check(("GET", &described), &format!("/devices/{NOBODY}/{kind}"), &Value::Null, 404).await;
    }
    runtime.check(("GET", "/devices/{id}"), &of(""), &Value::Null, 200).await;
}

#[tokio::test]
async fn files_are_as_described() {
    let runtime = Runtime::new().await;
    let file = json!({"devices": [{"label": "a", "commands": [{"label": "b", "min": -1.5}]}]});
    for path in ["/apply?dry_run=true", "/apply", "/apply?prune=true"] {
        runtime.check(("POST", "/apply"), path, &file, 200).await;
    }
    runtime.check(("POST", "/apply"), "/apply?prune=maybe", &file, 400).await;
    let reply = runtime.check(("POST", "/apply"), "/apply", &json!({"devices": [{"label": ""}]}), 400).await;
    assert_eq!(reply.json()["field"], "devices[].label");
    let toml = runtime.asks("POST", "/apply", "application/toml", b"[[devices]]\nlabel = 7").await;
    is_as_described(&runtime.document, ("POST", "/v1/realer/apply"), 400, &toml);
    assert!(toml.text().contains("label = 7"), "{toml:?}");
    for format in ["toml", "json"] {
        let path = format!("/export?format={format}");
        runtime.check(("GET", "/export"), &path, &Value::Null, 200).await;
    }
    runtime.check(("GET", "/export"), "/export?format=yaml", &Value::Null, 400).await;
    runtime.check(("GET", "/export"), &format!("/export?device={NOBODY}"), &Value::Null, 404).await;
}
