//! Hosts and transport: TLS, plain HTTP, paths and methods that there are not, other origins. (Contract §1.1, §1.5.)

use serde_json::{Value, json};

use super::https_admission::is_refused;
use crate::support::h2::{H2Caller, whole};
use crate::support::realer::{FORM, bearer, control_device};
use crate::support::{Ca, Caller, Reply, hub};

const PATHS: [(&str, &str); 5] = [
    ("POST", "/oauth/token"),
    ("POST", "/oauth/revoke"),
    ("POST", "/iot/v1/mqtt-credentials"),
    ("GET", "/iot/v1/devices/x/bootstrap"),
    ("GET", "/iot/v1/nothing"),
];

#[tokio::test]
async fn plain_http_is_refused_without_a_look_at_the_request_1_1() {
    let hub = hub().with(|config| config.realer.plain = false).with_realer().start().await;
    let device = control_device(&hub).await;
    let headers = [("authorization", &*device.basic()), ("content-type", FORM)];
    for (method, path) in PATHS {
        let reply = hub.asks(method, path, &headers, b"grant_type=client_credentials").await;
        assert_eq!((reply.status, reply.header("location")), (403, None), "{path}: {reply:?}");
        if path.starts_with("/oauth") {
            assert_eq!(reply.field("error"), "invalid_request");
        } else {
            is_refused(&reply, 403, 4003, "forbidden");
        }
    }
    // A bad token is told the same: nothing was looked at.
    is_refused(&device.gets(&hub, "unknown", "/bootstrap").await, 403, 4003, "forbidden");
}

#[tokio::test]
async fn a_port_with_tls_serves_and_needs_no_flag_for_it_1_1() {
    let ca = Ca::new();
    let hub = hub().with(|config| config.realer.plain = false).with_realer().with_http_tls(&ca).start().await;
    let device = control_device(&hub).await;
    let asks = async |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| -> Reply {
        let mut caller: Caller = hub.tls_caller(&ca.trusted()).await;
        caller.asks(method, path, headers, body).await
    };
    let headers = [("authorization", &*device.basic()), ("content-type", FORM)];
    let reply = asks("POST", "/oauth/token", &headers, b"grant_type=client_credentials").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let authorization = bearer(&reply.field("access_token"));
    let headers = [("authorization", &*authorization), ("content-type", "application/json")];
    assert_eq!(asks("GET", &device.path("/bootstrap"), &headers, b"").await.status, 200);
    let reading = device.reading("m1", "20.5").to_string();
    assert_eq!(asks("POST", &device.path("/feed-data"), &headers, reading.as_bytes()).await.status, 201);
    let mut plain = hub.caller().await;
    assert_eq!(plain.asks("GET", &device.path("/bootstrap"), &headers, b"").await.status, 400, "no HTTP inside");
}

/// One write and one read share a connection of HTTP/2.
#[tokio::test]
async fn http_2_over_tls_serves_as_well_1_1() {
    let ca = Ca::new();
    let hub = hub().with(|config| config.realer.plain = false).with_realer().with_http_tls(&ca).start().await;
    let device = control_device(&hub).await;
    let caller = H2Caller::connect(&hub, &ca.trusted()).await;
    let asks = async |method: &str, path: &str, [authorization, kind]: [&str; 2], body: &[u8]| -> (u16, Value) {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = [header("authorization", authorization), header("content-type", kind)];
        let reply = whole(caller.sends_with(method, path, &headers, body)).await;
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    };
    let (_, token) = asks("POST", "/oauth/token", [&device.basic(), FORM], b"grant_type=client_credentials").await;
    let authorization = bearer(token["access_token"].as_str().unwrap());
    let headers = [&*authorization, "application/json"];
    let reading = device.reading("m1", "20.5").to_string();
    let (status, result) = asks("POST", &device.path("/feed-data"), headers, reading.as_bytes()).await;
    assert_eq!((status, &result["code"], &result["status"]), (201, &json!(2001), &json!("created")));
    let (status, bootstrap) = asks("GET", &device.path("/bootstrap"), headers, b"").await;
    assert_eq!(
        (status, &bootstrap["code"], &bootstrap["device"]["id"]),
        (200, &json!(2000), &json!(device.id.as_str()))
    );
}

#[tokio::test]
async fn devices_may_speak_http_2_and_a_body_over_the_budget_ends_only_its_stream_1_7() {
    let ca = Ca::new();
    let hub = hub().with(|config| config.realer.plain = false).with_realer().with_http_tls(&ca).start().await;
    let device = control_device(&hub).await;
    let caller = H2Caller::connect(&hub, &ca.trusted()).await;
    let asks = async |method: &str, path: &str, headers: [(&str, &str); 2], body: &[u8]| {
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let reply = whole(caller.sends_with(method, path, &headers, body)).await;
        (reply.status, serde_json::from_slice::<Value>(&reply.body).unwrap())
    };
    let client = [("authorization", &*device.basic()), ("content-type", FORM)];
    let (status, issued) = asks("POST", "/oauth/token", client, b"grant_type=client_credentials").await;
    assert_eq!(status, 200, "{issued}");
    let authorization = bearer(issued["access_token"].as_str().unwrap());
    let headers = [("authorization", &*authorization), ("content-type", "application/json")];
    let path = device.path("/feed-data");
    for bytes in [5_121, 1_000_000] {
        let (status, refused) = asks("POST", &path, headers, &vec![b' '; bytes]).await;
        assert_eq!((status, &refused["code"]), (413, &json!(4013)), "{bytes}");
    }
    let reading = device.reading("m1", "20.5").to_string();
    assert_eq!(asks("POST", &path, headers, reading.as_bytes()).await.0, 201);
    assert_eq!(asks("GET", &device.path("/bootstrap"), headers, b"").await.0, 200);
}

#[tokio::test]
async fn a_hub_without_a_data_folder_says_what_is_missing() {
    let hub = hub().start().await;
    for (method, path) in PATHS {
        let reply = hub.asks(method, path, &[], b"").await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.text().contains("--data-dir"), "{}", reply.text());
    }
}

#[tokio::test]
async fn paths_and_methods_that_there_are_not_are_told_in_the_envelope_1_5() {
    let hub = hub().with_realer().start().await;
    for path in ["/iot", "/iot/v1", "/iot/v2/devices/x/bootstrap", "/iot/v1/devices/x", "/iot/v1/devices/x/feed-data/"]
    {
        is_refused(&hub.asks("GET", path, &[], b"").await, 404, 4004, "resource_not_found");
    }
    for (method, path, allow) in [
        ("POST", "/iot/v1/devices/x/bootstrap", "GET, OPTIONS"),
        ("DELETE", "/iot/v1/devices/x/desired-states", "GET, OPTIONS"),
        ("GET", "/iot/v1/devices/x/feed-data", "POST, OPTIONS"),
        ("PUT", "/iot/v1/devices/x/feed-data/batches", "POST, OPTIONS"),
        ("GET", "/iot/v1/mqtt-credentials", "POST, OPTIONS"),
    ] {
        let reply = hub.asks(method, path, &[], b"").await;
        is_refused(&reply, 405, 4005, "method_not_allowed");
        assert_eq!(reply.header("allow"), Some(allow), "{method} {path}");
    }
    for (method, path, status) in [
        ("GET", "/oauth/token", 405),
        ("GET", "/oauth/revoke", 405),
        ("POST", "/oauth/authorize", 404),
        ("GET", "/oauth", 404),
    ] {
        let reply = hub.asks(method, path, &[], b"").await;
        assert_eq!((reply.status, &*reply.field("error")), (status, "invalid_request"), "{path}");
        assert_eq!(reply.header("allow"), (status == 405).then_some("POST, OPTIONS"));
    }
    let mut caller = hub.caller().await;
    caller.sends(&crate::support::caller::request("HEAD", "/iot/v1/devices/x/bootstrap", &[], b"")).await;
    assert_eq!(caller.head().await.status, 405);
}

#[tokio::test]
async fn pages_of_other_origins_may_read_answers_as_elsewhere_on_this_port() {
    let hub = hub().with_realer().start().await;
    for (method, path) in PATHS {
        let reply = hub.asks(method, path, &[("origin", "https://page.example")], b"").await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
        let reply = hub.asks("OPTIONS", path, &[("origin", "https://page.example")], b"").await;
        assert_eq!(reply.status, 204, "{path}");
    }
}

#[tokio::test]
async fn codes_and_labels_are_the_operators_where_it_says_so_13() {
    let hub = hub()
        .with(|config| {
            config.realer.codes.renamed = vec![(4001, 4100), (2001, 2100)];
            config.realer.codes.replayed = "duplicate".to_owned();
        })
        .with_realer()
        .start()
        .await;
    let device = control_device(&hub).await;
    is_refused(&device.gets(&hub, "unknown", "/bootstrap").await, 401, 4100, "invalid_token");
    let (token, reading) = (device.token(&hub).await, device.reading("m1", "20"));
    let reply = device.posts(&hub, &token, "/feed-data", &reading).await;
    assert_eq!((reply.status, &reply.json()["code"]), (201, &json!(2100)));
    assert_eq!(device.posts(&hub, &token, "/feed-data", &reading).await.field("status"), "duplicate");
}

#[tokio::test]
async fn requests_are_counted_by_how_they_went() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    device.gets(&hub, &token, "/bootstrap").await;
    device.gets(&hub, "unknown", "/bootstrap").await;
    assert_eq!(hub.counts("realer_requests_total{outcome=\"ok\"}"), 2);
    assert_eq!(hub.counts("realer_requests_total{outcome=\"invalid_token\"}"), 1);
}
