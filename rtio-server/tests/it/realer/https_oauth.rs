//! Tokens: who gets one, for what, and how it ends. (Contract §2.)

use std::collections::BTreeSet;
use std::time::Duration;

use rtio_server::hub::{Access, DeviceSecret, OldSecret};
use rtio_server::realer::Protocols;
use serde_json::json;

use crate::support::realer::{ControlDevice, FORM, basic, control_device, control_device_with};
use crate::support::{Clock, Reply, TestHub, hub};

const GRANT: &str = "grant_type=client_credentials";
const DEFAULT_SCOPES: &str = "iot:catalog:read iot:desired-state:read iot:feed-data:write";

async fn posts(hub: &TestHub, path: &str, headers: &[(&str, &str)], form: &str) -> Reply {
    hub.asks("POST", path, headers, form.as_bytes()).await
}

async fn revokes(hub: &TestHub, device: &ControlDevice, form: &str) -> Reply {
    posts(hub, "/oauth/revoke", &[("authorization", &device.basic()), ("content-type", FORM)], form).await
}

/// A refusal of OAuth: status, label and what every one of them has.
fn is_refused(reply: &Reply, status: u16, error: &str) {
    assert_eq!((reply.status, &*reply.field("error")), (status, error), "{reply:?}");
    assert!(reply.json()["error_description"].is_string());
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("www-authenticate").is_some(), status == 401, "{reply:?}");
    assert_eq!(reply.header("retry-after").is_some(), status == 429, "{reply:?}");
}

#[tokio::test]
async fn a_client_gets_a_token_for_the_default_scopes_2_1_2_2() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let reply = device.asks_for_token(&hub, GRANT).await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{reply:?}");
    let token = reply.field("access_token");
    assert!(token.len() >= 43, "256 random bits: {token}");
    let expected = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": 3600, "renew_after": 2880, "scope": DEFAULT_SCOPES
    });
    assert_eq!(reply.json(), expected);
    assert_eq!(device.gets(&hub, &token, "/bootstrap").await.status, 200);
}

#[tokio::test]
async fn an_explicit_scope_replaces_the_default_ones_2_1() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    for (asked, granted) in [
        ("&scope=iot:catalog:read", "iot:catalog:read"),
        ("&scope=iot%3Afeed-data%3Awrite%20iot%3Acatalog%3Aread", "iot:catalog:read iot:feed-data:write"),
        ("&scope=iot:feed-data:write+iot:feed-data:write", "iot:feed-data:write"),
        ("&scope=", DEFAULT_SCOPES),
    ] {
        let reply = device.asks_for_token(&hub, &format!("{GRANT}{asked}")).await;
        assert_eq!((reply.status, &*reply.field("scope")), (200, granted), "{asked}: {reply:?}");
    }
    for unknown in ["iot:everything", "IOT:CATALOG:READ", "iot:catalog:read%20x", "%20", "iot:mqtt:connect"] {
        is_refused(&device.asks_for_token(&hub, &format!("{GRANT}&scope={unknown}")).await, 400, "invalid_scope");
    }
}

#[tokio::test]
async fn scopes_of_mqtt_are_for_devices_that_have_it_where_the_hub_has_a_broker_2_1() {
    let with_mqtt = Protocols { mqtt: true, ..Protocols::default() };
    for (broker, protocols, is_granted) in [
        (Some("mqtts://broker.example:8883"), with_mqtt, true),
        (Some("mqtts://broker.example:8883"), Protocols::default(), false),
        (None, with_mqtt, false),
    ] {
        let url = broker.map(|url| url.to_owned().into()).unwrap_or_default();
        let hub = hub().with(|config| config.realer.broker_url = url).with_realer().start().await;
        let device = control_device_with(&hub, |settings| settings.protocols = protocols).await;
        let reply = device.asks_for_token(&hub, &format!("{GRANT}&scope=iot:mqtt:connect%20iot:mqtt:ack:read")).await;
        if is_granted {
            assert_eq!((reply.status, &*reply.field("scope")), (200, "iot:mqtt:connect iot:mqtt:ack:read"));
        } else {
            is_refused(&reply, 400, "invalid_scope");
        }
        assert_eq!(device.asks_for_token(&hub, GRANT).await.field("scope"), DEFAULT_SCOPES, "never by default");
    }
}

#[tokio::test]
async fn a_request_that_makes_no_sense_says_so_2_3() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let long = format!("{GRANT}&x={}", "y".repeat(1_000_000));
    for (form, error) in [
        ("", "invalid_request"),
        ("scope=iot:catalog:read", "invalid_request"),
        ("grant_type=", "invalid_request"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        ("grant_type=client_credentials&scope=a&scope=b", "invalid_request"),
        ("grant_type=client_credentials&x=%ff", "invalid_request"),
        ("grant_type=client_credentials&client_secret=s", "invalid_request"),
        ("grant_type=password", "unsupported_grant_type"),
        ("grant_type=refresh_token&refresh_token=x", "unsupported_grant_type"),
        ("grant_type=urn:ietf:params:oauth:grant-type:device_code", "unsupported_grant_type"),
        ("grant_type=Client_Credentials", "unsupported_grant_type"),
        (&long, "invalid_request"),
    ] {
        let reply = device.asks_for_token(&hub, form).await;
        is_refused(&reply, 400, error);
    }
    let credentials = device.basic();
    for kind in [None, Some("application/json"), Some("text/plain"), Some("multipart/form-data; boundary=x")] {
        let mut headers = vec![("authorization", &*credentials)];
        headers.extend(kind.map(|kind| ("content-type", kind)));
        is_refused(&posts(&hub, "/oauth/token", &headers, GRANT).await, 400, "invalid_request");
    }
    let headers =
        [("authorization", &*credentials), ("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8")];
    assert_eq!(posts(&hub, "/oauth/token", &headers, GRANT).await.status, 200);
}

#[tokio::test]
async fn who_is_not_who_it_says_it_is_learns_nothing_2_3() {
    let hub = hub().with_realer().start().await;
    let (device, other) = (control_device(&hub).await, control_device(&hub).await);
    let id = device.id.as_str();
    let in_body = format!("{GRANT}&client_id={id}&client_secret={}", device.secret);
    let unknown = "cdv_01jv3k8q2m5n7p9r1s4t6v8w0x";
    let mut answers = BTreeSet::new();
    for (authorization, form) in [
        (None, GRANT),
        (None, &*in_body),
        (Some("Basic !".to_owned()), GRANT),
        (Some(format!("Bearer {}", device.secret)), GRANT),
        (Some(basic(id, "")), GRANT),
        (Some(basic(id, "another-secret-of-24-bytes-at-least")), GRANT),
        (Some(basic(id, &other.secret)), GRANT),
        (Some(basic(unknown, &device.secret)), GRANT),
        (Some(basic("no id", &device.secret)), GRANT),
        (Some(basic("", "")), "no form at all"),
    ] {
        let mut headers = vec![("content-type", FORM)];
        headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
        let reply = posts(&hub, "/oauth/token", &headers, form).await;
        is_refused(&reply, 401, "invalid_client");
        assert!(reply.header("www-authenticate").unwrap().starts_with("Basic realm="));
        answers.insert(reply.text());
        is_refused(&posts(&hub, "/oauth/revoke", &headers, form).await, 401, "invalid_client");
    }
    assert_eq!(answers.len(), 1, "all are told the same: {answers:?}");
}

#[tokio::test]
async fn a_device_of_the_registry_that_is_no_control_device_is_no_client_1_2() {
    let hub = hub().with_realer().start().await;
    let secret = DeviceSecret::random().unwrap();
    let id = rtio_server::hub::DeviceId::parse("PRINTER-001").unwrap();
    let new = rtio_server::hub::NewDevice { id, secret: secret.clone() };
    hub.core.device_manager().unwrap().add(vec![new]).await.unwrap();
    let headers = [("authorization", &*basic("PRINTER-001", secret.reveal())), ("content-type", FORM)];
    is_refused(&posts(&hub, "/oauth/token", &headers, GRANT).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_disabled_device_is_no_client_and_its_tokens_do_not_count_until_it_is_enabled() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    let manager = hub.core.device_manager().unwrap();
    manager.set_access(&device.id, Access::Disabled).await.unwrap();
    is_refused(&device.asks_for_token(&hub, GRANT).await, 401, "invalid_client");
    let reply = device.gets(&hub, &token, "/bootstrap").await;
    assert_eq!((reply.status, reply.json()["error"]["type"].as_str()), (401, Some("invalid_token")));
    manager.set_access(&device.id, Access::Enabled).await.unwrap();
    assert_eq!(device.gets(&hub, &device.token(&hub).await, "/bootstrap").await.status, 200);
}

#[tokio::test]
async fn a_secret_that_was_dropped_takes_its_tokens_along_and_one_that_was_kept_does_not() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let token = device.token(&hub).await;
    let manager = hub.core.device_manager().unwrap();
    manager.rotate(&device.id, DeviceSecret::random().unwrap(), OldSecret::Keep).await.unwrap();
    assert_eq!(device.gets(&hub, &token, "/bootstrap").await.status, 200);
    assert_eq!(device.asks_for_token(&hub, GRANT).await.status, 200);
    manager.rotate(&device.id, DeviceSecret::random().unwrap(), OldSecret::Drop).await.unwrap();
    assert_eq!(device.gets(&hub, &token, "/bootstrap").await.status, 401);
    is_refused(&device.asks_for_token(&hub, GRANT).await, 401, "invalid_client");
}

#[tokio::test]
async fn an_inactive_subscription_still_gets_tokens_2_2() {
    let hub = hub().with_realer().start().await;
    let device =
        control_device_with(&hub, |settings| settings.subscription = rtio_server::realer::Subscription::Inactive).await;
    let token = device.token(&hub).await;
    assert_eq!(device.gets(&hub, &token, "/bootstrap").await.status, 402);
}

#[tokio::test]
async fn a_new_token_leaves_earlier_ones_alone_and_each_ends_at_its_time_2_2() {
    let clock = Clock::stopped();
    let hub = hub().with(|config| config.realer.token_lifetime = Duration::from_secs(60)).with_realer().start().await;
    let device = control_device(&hub).await;
    let reply = device.asks_for_token(&hub, GRANT).await;
    assert_eq!((&*reply.field("expires_in"), &*reply.field("renew_after")), ("60", "48"));
    let first = reply.field("access_token");
    clock.passes(Duration::from_secs(30)).await;
    let second = device.token(&hub).await;
    assert_ne!(first, second);
    assert_eq!(device.gets(&hub, &first, "/commands").await.status, 200);
    clock.passes(Duration::from_secs(30)).await;
    let reply = device.gets(&hub, &first, "/commands").await;
    assert_eq!((reply.status, reply.json()["error"]["type"].as_str()), (401, Some("invalid_token")));
    assert_eq!(device.gets(&hub, &second, "/commands").await.status, 200);
}

#[tokio::test]
async fn a_revoked_token_ends_at_once_and_those_of_others_are_left_alone_2_4() {
    let hub = hub().with_realer().start().await;
    let (device, other) = (control_device(&hub).await, control_device(&hub).await);
    let (one, two, theirs) = (device.token(&hub).await, device.token(&hub).await, other.token(&hub).await);
    for token in [&one, &one, &theirs, "unknown"] {
        let reply = revokes(&hub, &device, &format!("token={token}&token_type_hint=access_token")).await;
        assert_eq!((reply.status, reply.json()), (200, json!({})), "{token}");
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    assert_eq!(device.gets(&hub, &one, "/bootstrap").await.status, 401);
    assert_eq!(device.gets(&hub, &two, "/bootstrap").await.status, 200);
    assert_eq!(other.gets(&hub, &theirs, "/bootstrap").await.status, 200);
    for form in ["", "token=", "token_type_hint=access_token", "token=a&token=b"] {
        is_refused(&revokes(&hub, &device, form).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back_2_3() {
    let clock = Clock::stopped();
    let hub = hub().with_realer().start().await;
    let (device, other) = (control_device(&hub).await, control_device(&hub).await);
    for _ in 0..20 {
        assert_eq!(device.asks_for_token(&hub, GRANT).await.status, 200);
    }
    let reply = device.asks_for_token(&hub, GRANT).await;
    is_refused(&reply, 429, "rate_limited");
    assert_eq!(reply.header("retry-after"), Some("5"));
    is_refused(&revokes(&hub, &device, "token=x").await, 429, "rate_limited");
    assert_eq!(other.asks_for_token(&hub, GRANT).await.status, 200);
    clock.passes(Duration::from_secs(5)).await;
    assert_eq!(device.asks_for_token(&hub, GRANT).await.status, 200);
}

#[tokio::test]
async fn an_address_that_fails_too_often_waits_2_3() {
    let clock = Clock::stopped();
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let (mut caller, wrong) = (hub.caller().await, basic(device.id.as_str(), "another-secret-of-24-bytes-at-least"));
    let headers = [("authorization", &*wrong), ("content-type", FORM)];
    for _ in 0..300 {
        let reply = caller.asks("POST", "/oauth/token", &headers, b"").await;
        assert_eq!(reply.status, 401);
        caller = hub.caller().await;
    }
    is_refused(&caller.asks("POST", "/oauth/token", &headers, b"").await, 429, "rate_limited");
    clock.passes(Duration::from_secs(1)).await;
    assert_eq!(device.asks_for_token(&hub, GRANT).await.status, 200);
}
