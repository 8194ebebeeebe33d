//! What a device with MQTT gets over HTTPS: its topics, and passwords. (Contract §7.1, §7.2.)

use rtio_server::realer::ports::CatalogChange;
use rtio_server::realer::{Protocols, Refusal, Subscription};
use serde_json::{Value, json};

use super::https_admission::is_refused;
use crate::support::realer::{ControlDevice, bearer, control_device, control_device_with};
use crate::support::{Clock, Reply, TestHub, hub};

const PATH: &str = "/iot/v1/mqtt-credentials";
const BROKER: &str = "mqtts://broker.example:8883";
const SCOPES: &str = "iot:catalog:read iot:mqtt:connect iot:mqtt:ack:read";

async fn hub_with_broker() -> TestHub {
    hub().with(|config| config.realer.broker_url = BROKER.to_owned().into()).with_realer().start().await
}

async fn mqtt_device(hub: &TestHub) -> ControlDevice {
    control_device_with(hub, |it| it.protocols = Protocols { mqtt: true, ..Protocols::default() }).await
}

async fn asks(hub: &TestHub, token: &str, kind: &str, body: &str) -> Reply {
    let headers = [("authorization", &*bearer(token)), ("content-type", kind)];
    hub.asks("POST", PATH, &headers, body.as_bytes()).await
}

#[tokio::test]
async fn the_catalog_has_all_that_a_connection_needs_7_1() {
    let hub = hub_with_broker().await;
    let device = mqtt_device(&hub).await;
    let token = device.token(&hub).await;
    let body = device.gets(&hub, &token, "/mqtt").await.json();
    let id = json!(device.id.as_str());
    assert_eq!((&body["code"], &body["device_id"], &body["mqtt_client_id"]), (&json!(2000), &id, &id));
    assert_eq!((&body["broker_url"], &body["credential_endpoint"]), (&json!(BROKER), &json!(PATH)));
    assert_eq!(body["credential_request"], json!({"device_id": id}));
    assert!(body["feed_data_ack_topic"].as_str().unwrap().contains(device.id.as_str()));
    let routes = body["routes"].as_array().unwrap();
    assert_eq!(routes.len(), 2);
    for route in routes {
        assert_eq!(route["resource_id"], json!(device.resource.as_str()));
        assert_eq!(route["desired_topic"].is_string(), route["source_type"] == "command", "{route}");
    }
    let bootstrap = device.gets(&hub, &token, "/bootstrap").await.json();
    assert_eq!(bootstrap["available_protocols"], json!(["https", "mqtt", "rtio"]));
    assert_eq!(bootstrap["endpoints"]["mqtt"]["credentials"], json!(PATH));
}

#[tokio::test]
async fn without_mqtt_of_the_device_or_of_the_hub_there_is_no_credential_endpoint_7_1() {
    let (with, without) = (hub_with_broker().await, hub().with_realer().start().await);
    for (hub, device) in [(&with, control_device(&with).await), (&without, mqtt_device(&without).await)] {
        let token = device.token(hub).await;
        let reply = device.gets(hub, &token, "/mqtt").await;
        let body = reply.json();
        assert_eq!(
            (reply.status, &body["credential_endpoint"], &body["broker_url"]),
            (200, &Value::Null, &Value::Null)
        );
        let protocols = device.gets(hub, &token, "/bootstrap").await.json()["available_protocols"].clone();
        assert_eq!(protocols, json!(["https", "rtio"]));
    }
}

#[tokio::test]
async fn a_credential_is_shown_once_and_lives_for_its_time_7_2() {
    let clock = Clock::stopped();
    let hub = hub_with_broker().await;
    let device = mqtt_device(&hub).await;
    let token = device.token_for(&hub, SCOPES).await;
    let named = json!({"device_id": device.id.as_str()}).to_string();
    let mut passwords = Vec::new();
    for body in ["{}", &named, r#"{"device_id":null,"unknown":1}"#] {
        let reply = asks(&hub, &token, "application/json", body).await;
        assert_eq!((reply.status, reply.header("cache-control")), (201, Some("no-store")), "{reply:?}");
        let (password, id) = (reply.field("mqtt_credential"), device.id.as_str());
        assert!(password.starts_with("mqc_") && password.len() > 40, "{password}");
        let expected = json!({
            "code": 2001, "mqtt_client_id": id, "mqtt_username": id, "mqtt_credential": password,
            "expires_in": 900, "renew_after": 720
        });
        assert_eq!(reply.json(), expected);
        passwords.push(password);
    }
    let realer = hub.realer();
    let holder =
        async |password: &str| realer.store().mqtt_credential(&device.id, password, realer.now_ms()).await.unwrap();
    for password in &passwords {
        let Some(rtio_server::realer::ports::TokenHolder::Device { scopes, .. }) = holder(password).await else {
            panic!("a new one does not end the ones before");
        };
        assert_eq!(scopes.to_string(), SCOPES, "the rights are those of the token");
        is_refused(&device.gets(&hub, password, "/bootstrap").await, 401, 4001, "invalid_token");
    }
    assert_eq!(holder(&token).await, None, "a token is no password");
    clock.leaps(std::time::Duration::from_secs(900)).await;
    assert_eq!(holder(&passwords[0]).await, None);
}

/// Whatever tokens come later, the rights stay; when the secret behind it or the device goes, so does the credential.
#[tokio::test]
async fn a_credential_has_the_rights_and_the_life_it_was_issued_with_7_2() {
    let hub = hub_with_broker().await;
    let device = mqtt_device(&hub).await;
    let all = format!("{SCOPES} iot:mqtt:feed-data:write iot:mqtt:desired:read");
    let mut issued = Vec::new();
    for scopes in [SCOPES, &all] {
        let token = device.token_for(&hub, scopes).await;
        let password = asks(&hub, &token, "application/json", "{}").await.field("mqtt_credential");
        issued.push((password, scopes, token));
    }
    let realer = hub.realer();
    for (password, scopes, token) in &issued {
        let grant = realer.connect_mqtt(&device.id, password).await.unwrap();
        let left = grant.expires_ms - realer.now_ms();
        assert_eq!((grant.scopes.to_string().as_str(), grant.max_payload_bytes), (*scopes, 5120));
        assert!((800_000..=900_000).contains(&left), "{left}");
        assert_eq!(realer.connect_mqtt(&device.id, token).await, Err(Refusal::BadToken), "a token is no password");
    }
    let (password, other) = (&issued[0].0, mqtt_device(&hub).await);
    assert_eq!(realer.connect_mqtt(&other.id, password).await, Err(Refusal::BadToken));
    hub.changes_catalog(vec![CatalogChange::RemoveDevice(device.id.clone())]).await;
    assert!(realer.connect_mqtt(&device.id, password).await.is_err());
}

#[tokio::test]
async fn who_gets_no_credential_is_told_why_7_2() {
    let hub = hub_with_broker().await;
    let (device, other) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let token = device.token_for(&hub, SCOPES).await;
    let theirs = json!({"device_id": other.id.as_str()}).to_string();
    is_refused(&asks(&hub, &token, "application/json", &theirs).await, 403, 4003, "forbidden");
    is_refused(&asks(&hub, &token, "application/json", r#"{"device_id":"nobody"}"#).await, 403, 4003, "forbidden");
    for wrong in ["[]", "7", r#"{"device_id":7}"#, r#"{"device_id":{}}"#] {
        is_refused(&asks(&hub, &token, "application/json", wrong).await, 422, 4022, "validation_failed");
    }
    is_refused(&asks(&hub, &token, "application/json", "").await, 400, 4000, "bad_request");
    is_refused(&asks(&hub, &token, "text/plain", "{}").await, 415, 4015, "unsupported_media_type");
    let huge = format!("{{\"x\":\"{}\"}}", "y".repeat(1_000_000));
    is_refused(&asks(&hub, &token, "application/json", &huge).await, 413, 4013, "payload_too_large");
    let with = Protocols { mqtt: true, ..Protocols::default() };
    device
        .is_changed(&hub, |settings| (settings.protocols, settings.subscription) = (with, Subscription::Inactive))
        .await;
    is_refused(&asks(&hub, &token, "application/json", "{}").await, 402, 4002, "subscription_inactive");
    // The token was given while the device had MQTT.
    device.is_changed(&hub, |_| {}).await;
    is_refused(&asks(&hub, &token, "application/json", "{}").await, 403, 4003, "forbidden");
}

#[tokio::test]
async fn credentials_keep_a_distance_of_their_own_1_7() {
    let _clock = Clock::stopped();
    let hub = hub_with_broker().await;
    let device = control_device_with(&hub, |settings| {
        settings.protocols.mqtt = true;
        settings.plan.minimum_interval_ms = Some(5000);
    })
    .await;
    let token = device.token_for(&hub, SCOPES).await;
    assert_eq!(device.gets(&hub, &token, "/mqtt").await.status, 200);
    assert_eq!(asks(&hub, &token, "application/json", "{}").await.status, 201);
    is_refused(&asks(&hub, &token, "application/json", "{}").await, 429, 4029, "rate_limited");
}
