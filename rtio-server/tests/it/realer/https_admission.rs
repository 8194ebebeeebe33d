//! Who may do what, in which order that is checked, and how often. (Contract §1.4 to §1.7.)
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::time::Duration;

use rtio_server::realer::{Protocols, Subscription};
use serde_json::json;

use crate::support::realer::{ControlDevice, bearer, control_device, control_device_with};
use crate::support::{Clock, Reply, TestHub, hub};

/// Fails where a refusal is not this one: status, code, label, and what goes with them.
pub(super) fn is_refused(reply: &Reply, status: u16, code: u16, kind: &str) {
    let body = reply.json();
    assert_eq!(
        (reply.status, &body["code"], &body["error"]["type"]),
        (status, &json!(code), &json!(kind)),
        "{reply:?}"
    );
    assert!(body["error"]["message"].is_string());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    let challenge = match kind {
        "unauthorized" => Some(r#"Bearer realm="rtio""#),
        "invalid_token" => Some(r#"Bearer realm="rtio", error="invalid_token""#),
        _ => None,
    };
    if kind == "insufficient_scope" {
        assert!(reply.header("www-authenticate").unwrap().contains(r#"error="insufficient_scope""#));
    } else {
        assert_eq!(reply.header("www-authenticate"), challenge, "{reply:?}");
    }
    assert_eq!(reply.header("retry-after").is_some(), matches!(status, 429 | 503), "{reply:?}");
}

/// All endpoints of a device: method, path below the device, scope.
const ENDPOINTS: [(&str, &str, &str); 9] = [
    ("GET", "/bootstrap", "iot:catalog:read"),
    ("GET", "/commands", "iot:catalog:read"),
    ("GET", "/commands/cmd_01jv3k8q2m5n7p9r1s4t6v8w0x", "iot:catalog:read"),
    ("GET", "/sensors", "iot:catalog:read"),
    ("GET", "/sensors/sns_01jv3k8q2m5n7p9r1s4t6v8w0x", "iot:catalog:read"),
    ("GET", "/mqtt", "iot:catalog:read"),
    ("GET", "/desired-states", "iot:desired-state:read"),
    ("POST", "/feed-data", "iot:feed-data:write"),
    ("POST", "/feed-data/batches", "iot:feed-data:write"),
];

async fn asks(hub: &TestHub, method: &str, path: &str, token: &str) -> Reply {
    hub.asks(method, path, &[("authorization", &bearer(token)), ("content-type", "application/json")], b"").await
}

#[tokio::test]
async fn without_a_good_token_no_endpoint_says_anything_else_1_4() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let credentials = "/iot/v1/mqtt-credentials".to_owned();
    let paths = ENDPOINTS.iter().map(|(method, path, _)| (*method, device.path(path)));
    for (method, path) in paths.chain([("POST", credentials)]) {
        for headers in [vec![], vec![("authorization", "Basic abc")], vec![("authorization", "abc")]] {
            is_refused(&hub.asks(method, &path, &headers, b"").await, 401, 4001, "unauthorized");
        }
        let long = format!("Bearer {}", "x".repeat(5000));
        for value in ["Bearer", "Bearer ", "Bearer unknown", "Bearer a b", &long] {
            let reply = hub.asks(method, &path, &[("authorization", value)], b"").await;
            is_refused(&reply, 401, 4001, "invalid_token");
        }
        let secret = bearer(&device.secret);
        let twice = [("authorization", &*secret), ("authorization", &*secret)];
        is_refused(&hub.asks(method, &path, &twice, b"").await, 401, 4001, "invalid_token");
    }
}

#[tokio::test]
async fn a_token_is_for_its_own_device_whether_or_not_there_is_another_1_4() {
    let hub = hub().with_realer().start().await;
    let (device, other) = (control_device(&hub).await, control_device(&hub).await);
    let token = device.token(&hub).await;
    let upper = device.id.as_str().to_uppercase();
    let ids = [other.id.as_str(), "cdv_01jv3k8q2m5n7p9r1s4t6v8w0x", "PRINTER-001", "", "a%20b", "%ff", "%00", &upper];
    let mut answers = Vec::new();
    for id in ids {
        for (method, path, _) in ENDPOINTS {
            let reply = asks(&hub, method, &format!("/iot/v1/devices/{id}{path}"), &token).await;
            is_refused(&reply, 403, 4003, "forbidden");
            answers.push(reply.text());
        }
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    let encoded = device.id.as_str().replace('_', "%5F");
    assert_eq!(asks(&hub, "GET", &format!("/iot/v1/devices/{encoded}/bootstrap"), &token).await.status, 200);
}

#[tokio::test]
async fn a_removed_device_is_not_found_by_its_own_token_1_4() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    hub.core.device_manager().unwrap().remove(&device.id).await.unwrap();
    for (method, path, _) in ENDPOINTS {
        is_refused(&asks(&hub, method, &device.path(path), &token).await, 404, 4004, "resource_not_found");
    }
    assert_eq!(device.asks_for_token(&hub, "grant_type=client_credentials").await.status, 401);
}

#[tokio::test]
async fn each_endpoint_needs_its_scope_2_1() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    for scope in ["iot:catalog:read", "iot:desired-state:read", "iot:feed-data:write"] {
        let token = device.token_for(&hub, scope).await;
        for (method, path, needed) in ENDPOINTS.into_iter().filter(|(_, _, needed)| *needed == scope) {
            let status = asks(&hub, method, &device.path(path), &token).await.status;
            assert!(![401, 403].contains(&status), "{path} with {needed}: {status}");
        }
        for (method, path, needed) in ENDPOINTS.into_iter().filter(|(_, _, needed)| *needed != scope) {
            let reply = asks(&hub, method, &device.path(path), &token).await;
            is_refused(&reply, 403, 4003, "insufficient_scope");
            assert!(reply.header("www-authenticate").unwrap().contains(&format!("scope=\"{needed}\"")));
        }
        is_refused(&asks(&hub, "POST", "/iot/v1/mqtt-credentials", &token).await, 403, 4003, "insufficient_scope");
    }
}

#[tokio::test]
async fn a_device_without_https_exchanges_nothing_over_it_but_may_start_3() {
    let hub = hub().with_realer().start().await;
    let without = Protocols { https: false, ..Protocols::default() };
    let device = control_device_with(&hub, |settings| settings.protocols = without).await;
    let token = device.token(&hub).await;
    assert_eq!(device.gets(&hub, &token, "/bootstrap").await.json()["available_protocols"], json!(["rtio"]));
    is_refused(&device.gets(&hub, &token, "/desired-states").await, 403, 4003, "forbidden");
    let reading = device.reading("m1", "20");
    is_refused(&device.posts(&hub, &token, "/feed-data", &reading).await, 403, 4003, "forbidden");
}

#[tokio::test]
async fn without_a_subscription_nothing_is_served_until_it_is_active_again_1_6() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    device.is_changed(&hub, |settings| settings.subscription = Subscription::Inactive).await;
    for (method, path, _) in ENDPOINTS {
        is_refused(&asks(&hub, method, &device.path(path), &token).await, 402, 4002, "subscription_inactive");
    }
    device.is_changed(&hub, |settings| settings.subscription = Subscription::Active).await;
    assert_eq!(device.gets(&hub, &token, "/bootstrap").await.status, 200);
}

/// A device that may come every `seconds`.
async fn slow_device(hub: &TestHub, seconds: u32) -> ControlDevice {
    control_device_with(hub, |settings| settings.plan.minimum_interval_ms = Some(seconds * 1000)).await
}

#[tokio::test]
async fn requests_of_one_family_keep_their_distance_1_7() {
    let clock = Clock::stopped();
    let hub = hub().with_realer().start().await;
    let (device, other) = (slow_device(&hub, 5).await, slow_device(&hub, 5).await);
    let token = device.token(&hub).await;
    // One family each: reads, desired states, feed data.
    for (first, second) in [("/bootstrap", "/sensors"), ("/desired-states", "/desired-states")] {
        assert_eq!(device.gets(&hub, &token, first).await.status, 200);
        let reply = device.gets(&hub, &token, second).await;
        is_refused(&reply, 429, 4029, "rate_limited");
        assert_eq!(reply.header("retry-after"), Some("5"));
    }
    let (reading, batch) = (device.reading("m1", "20"), json!({"items": [device.reading("m2", "21")]}));
    assert_eq!(device.posts(&hub, &token, "/feed-data", &reading).await.status, 201);
    is_refused(&device.posts(&hub, &token, "/feed-data/batches", &batch).await, 429, 4029, "rate_limited");
    assert_eq!(other.gets(&hub, &other.token(&hub).await, "/bootstrap").await.status, 200);
    clock.passes(Duration::from_millis(4_500)).await;
    // What came too soon did not move it; the wait is rounded up.
    let reply = device.gets(&hub, &token, "/bootstrap").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, Some("1")));
    clock.passes(Duration::from_millis(500)).await;
    assert_eq!(device.gets(&hub, &token, "/bootstrap").await.status, 200);
    assert_eq!(device.gets(&hub, &token, "/desired-states").await.status, 200);
    assert_eq!(device.posts(&hub, &token, "/feed-data/batches", &batch).await.status, 200);
}

#[tokio::test]
async fn a_request_that_is_refused_for_what_it_brings_counts_and_one_of_a_stranger_does_not_1_7() {
    let _clock = Clock::stopped();
    let hub = hub().with_realer().start().await;
    let device = slow_device(&hub, 60).await;
    let token = device.token(&hub).await;
    let reading = device.reading("m1", "20");
    is_refused(&device.posts(&hub, "unknown", "/feed-data", &reading).await, 401, 4001, "invalid_token");
    let read_only = device.token_for(&hub, "iot:catalog:read").await;
    is_refused(&device.posts(&hub, &read_only, "/feed-data", &reading).await, 403, 4003, "insufficient_scope");
    let reply = device.posts(&hub, &token, "/feed-data", &json!({})).await;
    is_refused(&reply, 422, 4022, "validation_failed");
    is_refused(&device.posts(&hub, &token, "/feed-data", &reading).await, 429, 4029, "rate_limited");
}

#[tokio::test]
async fn the_hubs_own_spacing_counts_where_a_device_has_none_and_nothing_is_no_limit_1_7() {
    let _clock = Clock::stopped();
    let hub = hub().with_realer().start().await;
    let device = control_device_with(&hub, |settings| settings.plan.minimum_interval_ms = None).await;
    let token = device.token(&hub).await;
    assert_eq!(device.gets(&hub, &token, "/bootstrap").await.status, 200);
    assert_eq!(device.gets(&hub, &token, "/bootstrap").await.header("retry-after"), Some("5"));
    let free = control_device(&hub).await;
    let token = free.token(&hub).await;
    for _ in 0..20 {
        assert_eq!(free.gets(&hub, &token, "/bootstrap").await.status, 200);
    }
}

#[tokio::test]
async fn a_device_that_was_here_lately_counts_as_online_12() {
    let clock = Clock::stopped();
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    assert_eq!((hub.realer().last_contact(&device.id), hub.realer().polls(&device.id)), (None, false));
    device.gets(&hub, &token, "/desired-states").await;
    assert!(hub.realer().polls(&device.id) && hub.realer().last_contact(&device.id).is_some());
    clock.leaps(Duration::from_secs(89)).await;
    assert!(hub.realer().polls(&device.id));
    clock.leaps(Duration::from_secs(2)).await;
    assert!(!hub.realer().polls(&device.id));
}

/// What is wrong with a request is told in this order, whatever else is wrong with it: each step of the ladder mends one thing.
#[tokio::test]
async fn the_first_thing_that_is_wrong_is_told_1_6() {
    let clock = Clock::stopped();
    let hub = hub().with_realer().start().await;
    let (device, other) = (slow_device(&hub, 5).await, control_device(&hub).await);
    let minute = Duration::from_secs(60);
    let (narrow, token) = (device.token_for(&hub, "iot:catalog:read").await, device.token(&hub).await);
    device.is_changed(&hub, |settings| settings.subscription = Subscription::Inactive).await;
    let huge = vec![b'x'; 100_000];
    let posts = async |path: &str, token: Option<&str>, kind: &str, body: &[u8]| {
        let value = token.map(bearer);
        let mut headers = vec![("content-type", kind)];
        headers.extend(value.as_deref().map(|value| ("authorization", value)));
        hub.asks("POST", path, &headers, body).await
    };
    let (own, theirs) = (device.path("/feed-data"), other.path("/feed-data"));
    is_refused(&posts(&theirs, None, "text/plain", &huge).await, 401, 4001, "unauthorized");
    is_refused(&posts(&theirs, Some("unknown"), "text/plain", &huge).await, 401, 4001, "invalid_token");
    is_refused(&posts(&theirs, Some(&narrow), "text/plain", &huge).await, 403, 4003, "forbidden");
    is_refused(&posts(&own, Some(&narrow), "text/plain", &huge).await, 403, 4003, "insufficient_scope");
    is_refused(&posts(&own, Some(&token), "text/plain", &huge).await, 402, 4002, "subscription_inactive");
    device.is_changed(&hub, |settings| settings.plan.minimum_interval_ms = Some(5000)).await;
    is_refused(&posts(&own, Some(&token), "text/plain", &huge).await, 413, 4013, "payload_too_large");
    is_refused(&posts(&own, Some(&token), "text/plain", &huge).await, 429, 4029, "rate_limited");
    clock.leaps(minute).await;
    is_refused(&posts(&own, Some(&token), "text/plain", b"no json").await, 415, 4015, "unsupported_media_type");
    clock.leaps(minute).await;
    is_refused(&posts(&own, Some(&token), "application/json", b"no json").await, 400, 4000, "bad_request");
    clock.leaps(minute).await;
    let mut reading = device.reading("m1", "20");
    reading["sensor_id"] = json!("sns_01jv3k8q2m5n7p9r1s4t6v8w0x");
    let body = reading.to_string();
    let reply = posts(&own, Some(&token), "application/json", body.as_bytes()).await;
    is_refused(&reply, 404, 4004, "resource_not_found");
    clock.leaps(minute).await;
    let reading = device.reading("m1", "warm").to_string();
    is_refused(
        &posts(&own, Some(&token), "application/json", reading.as_bytes()).await,
        422,
        4022,
        "validation_failed",
    );
    for (value, status) in [("20", 201), ("20", 200), ("21", 409)] {
        clock.leaps(minute).await;
        let reading = device.reading("m1", value).to_string();
        let reply = posts(&own, Some(&token), "application/json", reading.as_bytes()).await;
        assert_eq!(reply.status, status, "{reply:?}");
    }
}
