//! The OpenAPI documents of both ports say what the hub does: they are sound, each of their operations is there, nothing else is, and
//! real answers have the form that they say.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod document;
mod realer;
mod routes;

use std::collections::BTreeSet;

use rtio_server::admin::Guard;
use rtio_server::backend::{BackendUrl, ServiceDefinition};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::caller::request;
use crate::support::realer::{FORM, bearer, control_device};
use crate::support::{Caller, Reply, TestHub, hub};
use document::{Document, Operation, references};

const CALLER: &str = include_str!("../../../openapi/caller.json");
const ADMIN: &str = include_str!("../../../openapi/admin.json");
const TOKEN: &str = "a-token-of-sixteen-or-more";

fn documents() -> [Document; 2] {
    [Document::read(CALLER), Document::read(ADMIN)]
}

/// A hub with a registry, a runtime and operators, and what they need.
struct Scene {
    hub: TestHub,
    _folder: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, TOKEN).unwrap();
        let mapped = ServiceDefinition::new(BackendUrl::parse("http://a.example/").unwrap());
        let hub = hub().with_realer().with_operators(Guard::File(token)).with_backend("/a", mapped).start().await;
        Self { hub, _folder: folder }
    }

    /// One request of an operator, whole.
    async fn operates(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.hub.operator().await.asks(method, path, &headers, body).await
    }
}

/// Status of the answer to a request, and its body where it is none that the operation is there for: a stream has no end.
async fn status_of(mut caller: Caller, method: &str, path: &str, body: &[u8]) -> (u16, String) {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("prefer", "wait=0")];
    caller.sends(&request(method, path, &headers, body)).await;
    let head = caller.head().await;
    match head.status {
        404 | 405 => (head.status, caller.body_of(head).await.text()),
        status => (status, String::new()),
    }
}

#[test]
fn the_documents_are_of_this_program_and_each_reference_points_somewhere() {
    for document in documents() {
        assert!(document.0["openapi"].as_str().unwrap().starts_with("3.1."));
        assert_eq!(document.0["info"]["version"], env!("CARGO_PKG_VERSION"));
        for reference in references(&document.0) {
            assert!(document.target(reference).is_some(), "{reference} points to nothing");
        }
    }
}

#[test]
fn each_part_of_a_document_is_used() {
    for document in documents() {
        let used: BTreeSet<_> = references(&document.0).into_iter().collect();
        for kind in ["parameters", "headers", "responses", "schemas"] {
            for name in document.0["components"][kind].as_object().unwrap().keys() {
                let reference = format!("#/components/{kind}/{name}");
                assert!(used.contains(reference.as_str()), "nothing refers to {reference}");
            }
        }
    }
}

#[test]
fn each_operation_has_a_name_a_summary_and_its_problems() {
    for document in documents() {
        let mut names = BTreeSet::new();
        for operation in document.operations() {
            let Operation { method, path, value, .. } = &operation;
            let name = value["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name"));
            assert!(names.insert(name.to_owned()), "{name} is the name of two operations");
            assert!(value["summary"].is_string(), "{name} has no summary");
            has_its_parameters(&document, &operation);
            has_its_problems(&document, &operation);
        }
    }
}

/// Each name in the path is a parameter.
fn has_its_parameters(document: &Document, operation: &Operation<'_>) {
    let parameters = document.parameters(operation).into_iter();
    let of_path = parameters.filter(|parameter| parameter["in"] == "path" && parameter["required"] == true);
    let parameters: BTreeSet<_> = of_path.filter_map(|parameter| parameter["name"].as_str()).collect();
    let named: BTreeSet<_> = operation.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
    assert_eq!(parameters, named, "{} {}", operation.method, operation.path);
}

/// Whoever needs a token may be told that it has no good one, and each failure says so in words.
fn has_its_problems(document: &Document, operation: &Operation<'_>) {
    let Operation { method, path, value, .. } = operation;
    let responses = value["responses"].as_object().unwrap_or_else(|| panic!("{method} {path} has no responses"));
    assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path} never succeeds");
    for (status, response) in responses {
        let response = document.meant(response);
        assert!(response["description"].is_string(), "{method} {path} {status}");
        let has_words = response["content"].as_object().is_some_and(|content| !content.is_empty());
        assert!(has_words || status.starts_with('2'), "{method} {path} {status} says nothing");
    }
    let is_open = value["security"].as_array().is_some_and(Vec::is_empty);
    // A group call is refused device by device, in its lines.
    let has_rights = *path != "/v1/calls";
    let needed = ["400", "401"].into_iter().chain(has_rights.then_some("403")).filter(|_| !is_open);
    for needed in needed {
        assert!(responses.contains_key(needed), "{method} {path} has no {needed}");
    }
}

#[tokio::test]
async fn the_documents_are_served_to_everybody() {
    let scene = Scene::new().await;
    let reply = scene.hub.asks("GET", "/openapi.json", &[("origin", "https://page.example")], b"").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.header("access-control-allow-origin"), Some("*"));
    assert_eq!(reply.text(), CALLER);
    let reply = scene.hub.is_operated("GET", "/openapi.json", &[]).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert_eq!(reply.text(), ADMIN);
    for method in ["POST", "PUT"] {
        let reply = scene.hub.asks(method, "/openapi.json", &[], b"").await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, OPTIONS")));
    }
}

#[tokio::test]
async fn each_operation_is_there() {
    let scene = Scene::new().await;
    is_there(&Document::read(CALLER), async || scene.hub.caller().await).await;
    is_there(&Document::read(ADMIN), async || scene.hub.operator().await).await;
}

/// Each operation of the document, asked for on a connection of its own, is answered with a status that the document knows.
async fn is_there(document: &Document, connects: impl AsyncFn() -> Caller) {
    for operation in document.operations() {
        let (path, body) = document.example_of(&operation);
        let (status, text) = status_of(connects().await, &operation.method, &path, &body).await;
        assert_ne!(status, 405, "{} {path}: {text}", operation.method);
        let is_nothing = text.contains("there is no such page") || text.contains("nothing is here");
        assert!(!is_nothing, "{} {path}: {text}", operation.method);
        document.response(&operation, status);
    }
}

#[tokio::test]
async fn each_route_of_operators_is_described() {
    let (scene, document) = (Scene::new().await, Document::read(ADMIN));
    let described: BTreeSet<_> = document.operations().iter().map(|operation| operation.path.to_owned()).collect();
    assert_eq!(described, routes::operators_paths(), "openapi/admin.json on the left, the sources on the right");
    for path in &described {
        let example = path.replace("{id}", "PRINTER-001");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            let status = status_of(scene.hub.operator().await, method, &example, b"").await.0;
            let is_described = document.operations().iter().any(|it| it.path == path && it.method == method);
            assert_eq!(status != 405, is_described, "{method} {path}: {status}");
        }
    }
}

#[test]
fn each_source_with_routes_of_operators_is_looked_at() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/admin");
    let (mut folders, mut found) = (vec![folder], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).unwrap().contains(".route(") {
                found += 1;
            }
        }
    }
    assert_eq!(found, routes::sources_of_operators(), "tests/it/openapi/routes.rs lists the sources");
}

#[test]
fn each_route_of_callers_is_described() {
    let document = Document::read(CALLER);
    let operations = document.operations();
    let described: BTreeSet<_> = operations.iter().map(|it| (it.method.clone(), it.path.to_owned())).collect();
    assert_eq!(
        described,
        routes::callers_routes(),
        "openapi/caller.json on the left, the variants of Route on the right"
    );
    // Beside pages: Preflight, InvalidUri, InvalidDevice, WrongMethod, NotFound, and of the runtime WrongMethod and NotFound; Realer and
    // Device, which have pages of their own.
    assert_eq!(
        routes::callers_variants(),
        described.len() + 9,
        "each page of Route says `METHOD /path` in its document"
    );
}

/// Fails where an answer is not as the document says.
fn is_as_described(document: &Document, (method, path): (&str, &str), status: u16, reply: &Reply) {
    assert_eq!(reply.status, status, "{method} {path}: {reply:?}");
    let faults = document.faults(&document.operation(method, path), reply);
    assert!(faults.is_empty(), "{method} {path}: {faults:?} in {reply:?}");
}

#[tokio::test]
async fn what_callers_get_is_as_described() {
    let (scene, document) = (Scene::new().await, Document::read(CALLER));
    let _device = scene.hub.device("dev").await.answers("/uri", b"done");
    let compatible = async |body: &str, key: &str| {
        scene.hub.asks("POST", "/dev", &[("idempotency-key", key)], body.as_bytes()).await
    };
    let of_compatible = ("POST", "/{device_id}");
    let call = r#"{"method":"copost","id":7,"uri":"/uri","data":"aGVsbG8="}"#;
    is_as_described(&document, of_compatible, 200, &compatible(call, "a").await);
    is_as_described(&document, of_compatible, 200, &compatible("{}", "a").await);
    is_as_described(&document, of_compatible, 400, &compatible("no request", "a").await);
    is_as_described(&document, of_compatible, 400, &compatible(call, "no key").await);
    is_as_described(&document, of_compatible, 422, &compatible(&call.replace("aGVs", "bGVs"), "a").await);
    let of_direct = ("POST", "/{device_id}/{uri}");
    let direct = async |path: &str, data: &[u8]| scene.hub.calls(path, data).await;
    is_as_described(&document, of_direct, 200, &direct("/dev/uri", b"").await);
    is_as_described(&document, of_direct, 400, &direct("/dev/u", b"").await);
    is_as_described(&document, of_direct, 403, &direct("/a%20b/uri", b"").await);
    is_as_described(&document, of_direct, 404, &direct("/dev/other", b"").await);
    is_as_described(&document, of_direct, 404, &direct("/v1/devices", b"").await);
    is_as_described(&document, of_direct, 413, &direct("/dev/uri", &[0; 505]).await);
    is_as_described(&document, of_direct, 503, &direct("/nobody/uri", b"").await);
    let observed = scene.hub.asks("GET", "/nobody/uri", &[], b"").await;
    is_as_described(&document, ("GET", "/{device_id}/{uri}"), 503, &observed);
}

#[tokio::test]
async fn what_clients_get_of_the_token_endpoint_is_as_described() {
    let (scene, document) = (Scene::new().await, Document::read(CALLER));
    let device = control_device(&scene.hub).await;
    let form = |body: &'static str| device.asks_for_token(&scene.hub, body);
    let (of_token, of_revoke) = (("POST", "/oauth/token"), ("POST", "/oauth/revoke"));
    is_as_described(&document, of_token, 200, &form("grant_type=client_credentials").await);
    is_as_described(&document, of_token, 400, &form("grant_type=password").await);
    is_as_described(&document, of_token, 401, &scene.hub.asks("POST", "/oauth/token", &[], b"").await);
    let headers = [("authorization", &*device.basic()), ("content-type", FORM)];
    is_as_described(&document, of_revoke, 200, &scene.hub.asks("POST", "/oauth/revoke", &headers, b"token=x").await);
    is_as_described(&document, of_revoke, 400, &scene.hub.asks("POST", "/oauth/revoke", &headers, b"").await);
}

#[tokio::test]
async fn what_control_devices_get_is_as_described() {
    let (scene, document) = (Scene::new().await, Document::read(CALLER));
    let hub = &scene.hub;
    let device = control_device(hub).await;
    device.is_wished(hub, "1.0").await;
    let token = device.token(hub).await;
    let check = async |method: &str, page: &str, rest: &str, body: &Value, status: u16| {
        let headers = [("authorization", &*bearer(&token)), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = hub.asks(method, &device.path(rest), &headers, body.as_bytes()).await;
        is_as_described(&document, (method, &format!("/iot/v1/devices/{{cdv_id}}{page}")), status, &reply);
    };
    let none = Value::Null;
    check("GET", "/bootstrap", "/bootstrap", &none, 200).await;
    check("GET", "/commands", "/commands", &none, 200).await;
    check("GET", "/commands/{command_id}", &format!("/commands/{}", device.relay), &none, 200).await;
    check("GET", "/commands/{command_id}", "/commands/x", &none, 404).await;
    check("GET", "/sensors", "/sensors", &none, 200).await;
    check("GET", "/sensors/{sensor_id}", &format!("/sensors/{}", device.thermistor), &none, 200).await;
    check("GET", "/desired-states", "/desired-states", &none, 200).await;
    check("GET", "/mqtt", "/mqtt", &none, 200).await;
    let reading = device.reading("m1", "20");
    for (body, status) in
        [(&reading, 201), (&reading, 200), (&device.reading("m1", "21"), 409), (&json!({}), 422), (&none, 400)]
    {
        check("POST", "/feed-data", "/feed-data", body, status).await;
    }
    let batch = json!({"items": [reading, device.reading("m2", "x"), 7]});
    check("POST", "/feed-data/batches", "/feed-data/batches", &batch, 200).await;
    let page = ("GET", "/iot/v1/devices/{cdv_id}/bootstrap");
    is_as_described(&document, page, 401, &hub.asks("GET", &device.path("/bootstrap"), &[], b"").await);
    is_as_described(&document, page, 405, &hub.asks("PUT", &device.path("/bootstrap"), &[], b"").await);
    let others = hub.asks("GET", "/iot/v1/devices/x/bootstrap", &[("authorization", &bearer(&token))], b"").await;
    is_as_described(&document, page, 403, &others);
    let reply = hub.asks("POST", "/iot/v1/mqtt-credentials", &[("authorization", &bearer(&token))], b"").await;
    is_as_described(&document, ("POST", "/iot/v1/mqtt-credentials"), 403, &reply);
}

#[tokio::test]
async fn what_callers_get_of_control_devices_is_as_described() {
    let (hub, document) = (hub().with_realer().start().await, Document::read(CALLER));
    let device = control_device(&hub).await;
    let uri = |name: &str| format!("/{}/iot/v1/{name}", device.id);
    let of_direct = ("POST", "/{device_id}/{uri}");
    for name in ["bootstrap", "commands", "sensors", "state", "feed-data"] {
        is_as_described(&document, of_direct, 200, &hub.calls(&uri(name), b"").await);
    }
    let wish = format!(r#"{{"command_id":"{}","value":"1.0"}}"#, device.relay);
    let wished = hub.calls(&uri("desired"), wish.as_bytes()).await;
    is_as_described(&document, of_direct, 202, &wished);
    let reading = device.reading("m1", "21.5").to_string();
    hub.realer().feed_item(&device.id, reading.as_bytes()).await.unwrap();
    let schema = |name: &str| format!("/components/schemas/{name}");
    is_of_schema(&document, &schema("ControlOutcome"), &wished.text());
    is_of_schema(&document, &schema("ControlState"), &hub.calls(&uri("state"), b"").await.text());
    is_of_schema(&document, &schema("ControlHistory"), &hub.calls(&uri("feed-data"), b"").await.text());
    is_as_described(&document, of_direct, 400, &hub.calls(&uri("desired"), b"on").await);
    is_as_described(&document, of_direct, 404, &hub.calls(&uri("other"), b"").await);
    is_as_described(&document, of_direct, 422, &hub.calls(&uri("desired"), b"{}").await);
    let of_observation = ("GET", "/{device_id}/{uri}");
    let after = [("last-event-id", "1000000")];
    is_as_described(&document, of_observation, 400, &hub.asks("GET", &uri("state"), &after, b"").await);
    is_as_described(&document, of_observation, 405, &hub.asks("GET", &uri("desired"), &[], b"").await);
}

#[tokio::test]
async fn lines_of_a_group_call_are_as_described() {
    let (scene, document) = (Scene::new().await, Document::read(CALLER));
    let _device = scene.hub.device("dev").await.answers("/uri", b"done");
    let group = async |body: &[u8]| scene.hub.asks("POST", "/v1/calls", &[], body).await;
    let reply = group(br#"{"devices":["dev","nobody"],"uri":"/uri"}"#).await;
    is_as_described(&document, ("POST", "/v1/calls"), 200, &reply);
    let text = reply.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    for (nth, line) in lines.iter().enumerate() {
        let schema = if nth < 2 { "/components/schemas/GroupAnswer" } else { "/components/schemas/GroupSummary" };
        is_of_schema(&document, schema, line);
    }
    let many = serde_json::json!({"devices": ["dev"], "uri": "/uri", "data": "x".repeat(505)}).to_string();
    for (unfit, status) in [(&b"{"[..], 400), (br#"{"devices":["a b"],"uri":"/uri"}"#, 400), (many.as_bytes(), 413)] {
        is_as_described(&document, ("POST", "/v1/calls"), status, &group(unfit).await);
    }
}

#[tokio::test]
async fn what_operators_get_of_sessions_is_as_described() {
    let (scene, document) = (Scene::new().await, Document::read(ADMIN));
    let _devices = (scene.hub.device("dev").await, scene.hub.device("door").await);
    let (list, one) = ("/v1/devices", "/v1/devices/{id}");
    is_as_described(&document, ("GET", list), 200, &scene.operates("GET", "/v1/devices?limit=1", b"").await);
    is_as_described(&document, ("GET", list), 400, &scene.operates("GET", "/v1/devices?limit=x", b"").await);
    is_as_described(&document, ("GET", one), 200, &scene.operates("GET", "/v1/devices/dev", b"").await);
    is_as_described(&document, ("GET", one), 400, &scene.operates("GET", "/v1/devices/%ff", b"").await);
    is_as_described(&document, ("GET", one), 404, &scene.operates("GET", "/v1/devices/nobody", b"").await);
    is_as_described(&document, ("DELETE", one), 204, &scene.operates("DELETE", "/v1/devices/dev", b"").await);
    let stranger = scene.hub.is_operated("GET", "/v1/devices", &[]).await;
    is_as_described(&document, ("GET", list), 401, &stranger);
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        is_as_described(&document, ("GET", path), 200, &scene.operates("GET", path, b"").await);
    }
}

#[tokio::test]
async fn what_operators_get_of_services_is_as_described() {
    let (scene, document) = (Scene::new().await, Document::read(ADMIN));
    let of_services = ("GET", "/v1/services");
    is_as_described(&document, of_services, 200, &scene.operates("GET", "/v1/services?limit=1", b"").await);
    is_as_described(&document, of_services, 400, &scene.operates("GET", "/v1/services?limit=0", b"").await);
    let page = scene.operates("GET", "/v1/services", b"").await;
    is_as_described(&document, of_services, 200, &page);
    assert_eq!(page.json()["services"][0]["url"], "http://a.example/");
    is_as_described(&document, of_services, 401, &scene.hub.is_operated("GET", "/v1/services", &[]).await);
}

#[tokio::test]
async fn events_are_as_described() {
    let (scene, document) = (Scene::new().await, Document::read(ADMIN));
    let unknown = scene.operates("GET", "/v1/events?kind=gone", b"").await;
    is_as_described(&document, ("GET", "/v1/events"), 400, &unknown);
    for _ in 0..2 {
        let mut device = scene.hub.device("dev").await;
        let _newer = scene.hub.device("dev").await;
        device.is_closed().await;
    }
    let mut reader = scene.hub.operator().await;
    let bearer = format!("Bearer {TOKEN}");
    reader.sends(&request("GET", "/v1/events?after=0", &[("authorization", &bearer)], b"")).await;
    let head = reader.head().await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    let (mut kind, mut seen) = (String::new(), BTreeSet::new());
    while seen.len() < 4 {
        let line = reader.line().await.unwrap();
        if let Some(name) = line.strip_prefix("event: ") {
            kind = name.to_owned();
        }
        if let Some(data) = line.strip_prefix("data: ") {
            is_of_schema(&document, schema_of_event(&kind), data);
            seen.insert(kind.clone());
        }
    }
}

fn schema_of_event(kind: &str) -> &'static str {
    if kind == "reset" { "/components/schemas/Reset" } else { "/components/schemas/Event" }
}

/// Fails where a piece of a stream is not as the document says.
fn is_of_schema(document: &Document, schema: &str, piece: &str) {
    let (value, mut faults) = (serde_json::from_str(piece).unwrap(), Vec::new());
    document.compare(document.0.pointer(schema).unwrap(), &value, "", &mut faults);
    assert!(faults.is_empty(), "{schema}: {faults:?} in {piece}");
}

#[tokio::test]
async fn what_operators_get_of_the_registry_is_as_described() {
    let (scene, document) = (Scene::new().await, Document::read(ADMIN));
    let check = async |method: &str, path: &str, target: &str, body: &[u8], status: u16| {
        let reply = scene.operates(method, &format!("/v1/registry{target}"), body).await;
        is_as_described(&document, (method, &format!("/v1/registry{path}")), status, &reply);
    };
    check("POST", "/devices", "/devices", br#"{"id":"dev"}"#, 201).await;
    check("POST", "/devices", "/devices", br#"{"id":"dev"}"#, 409).await;
    for (unfit, status) in [(&b"{"[..], 400), (b"{}", 400), (br#"{"id":7}"#, 400), (br#"{"id":"a b"}"#, 400)] {
        check("POST", "/devices", "/devices", unfit, status).await;
    }
    check("POST", "/devices", "/devices", &vec![b' '; 3 * 1024 * 1024], 413).await;
    check("POST", "/import", "/import", b"one\ntwo,a-secret-of-24-bytes-at-least\n", 200).await;
    check("POST", "/import", "/import", b"a b\n", 400).await;
    check("POST", "/import", "/import", b"\xff", 400).await;
    check("GET", "/devices", "/devices?limit=2", b"", 200).await;
    for unfit in ["limit=0", "limit=1001", "limit=x", "sort=id", "after=a%20b"] {
        check("GET", "/devices", &format!("/devices?{unfit}"), b"", 400).await;
    }
    check("GET", "/devices/{id}", "/devices/dev", b"", 200).await;
    check("GET", "/devices/{id}", "/devices/nobody", b"", 404).await;
    check("POST", "/devices/{id}/disable", "/devices/dev/disable", b"", 200).await;
    check("POST", "/devices/{id}/enable", "/devices/dev/enable", b"", 200).await;
    check("POST", "/devices/{id}/rotate", "/devices/dev/rotate?old=drop", b"", 200).await;
    check("POST", "/devices/{id}/rotate", "/devices/dev/rotate?old=x", b"", 400).await;
    check("DELETE", "/devices/{id}", "/devices/dev", b"", 204).await;
}
