//! Who may connect. (Contract §7.2.)

use super::*;
use crate::hub::Credential;
use crate::realer::ports::NewToken;
use crate::realer::{Admitted, ControlDevice};

const ALL: &str = "iot:mqtt:connect iot:mqtt:ack:read iot:mqtt:feed-data:write iot:mqtt:desired:read";

/// A credential that a token of these scopes asked for.
async fn credential(scene: &Scene, names: &str) -> String {
    let device = Box::new(known(scene).await);
    let limits = device.settings.plan.limits(scene.realer.config());
    let credential = Credential(std::num::NonZeroU32::MIN);
    let admitted = Admitted { device, credential, scopes: scopes(names), limits };
    let document = scene.realer.issue_mqtt_credential(admitted, b"{}").await.unwrap();
    document.mqtt_credential.reveal().to_owned()
}

async fn known(scene: &Scene) -> ControlDevice {
    scene.store.control_device(&device()).await.unwrap().unwrap()
}

#[tokio::test]
async fn s7_2_rights_and_life_are_those_of_the_credential() {
    let scene = Scene::with(|settings| settings.plan.max_request_bytes = Some(777));
    let few = credential(&scene, "iot:mqtt:connect iot:mqtt:ack:read").await;
    scene.clock.set(NOON_MS + 60_000);
    let all = credential(&scene, ALL).await;
    for (password, names, issued_ms) in
        [(few, "iot:mqtt:connect iot:mqtt:ack:read", NOON_MS), (all, ALL, NOON_MS + 60_000)]
    {
        let grant = scene.realer.connect_mqtt(&device(), &password).await.unwrap();
        assert_eq!((grant.scopes, grant.max_payload_bytes), (scopes(names), 777));
        assert_eq!(grant.expires_ms, issued_ms + 900_000, "not of the newest");
        scene.clock.set(grant.expires_ms - 1);
        assert!(scene.realer.connect_mqtt(&device(), &password).await.is_ok());
        scene.clock.set(grant.expires_ms);
        assert_eq!(scene.realer.connect_mqtt(&device(), &password).await, Err(Refusal::BadToken));
        scene.clock.set(NOON_MS + 60_000);
    }
}

#[tokio::test]
async fn s7_2_who_is_not_served_does_not_connect() {
    let scene = Scene::new();
    let password = credential(&scene, ALL).await;
    let connects = async || scene.realer.connect_mqtt(&device(), &password).await.map(drop);
    assert_eq!(connects().await, Ok(()));
    let other = DeviceId::parse("cdv_zzzzzzzzzzzzzzzzzzzzzzzzzz").unwrap();
    assert_eq!(scene.realer.connect_mqtt(&other, &password).await, Err(Refusal::BadToken));
    for wrong in ["", "mqc_", greenhouse::SECRET] {
        assert_eq!(scene.realer.connect_mqtt(&device(), wrong).await, Err(Refusal::BadToken), "{wrong}");
    }
    scene.is_changed(|settings| settings.subscription = Subscription::Inactive).await;
    assert_eq!(connects().await, Err(Refusal::SubscriptionInactive));
    scene.is_changed(|settings| settings.protocols.mqtt = false).await;
    assert_eq!(connects().await, Err(Refusal::Forbidden("this device may not use mqtt")));
    scene.is_changed(|_| {}).await;
    assert_eq!(connects().await, Ok(()));
    scene.store.forget_device(&device());
    assert!(connects().await.is_err());
    scene.store.break_down();
    assert_eq!(connects().await, Err(Refusal::Unavailable));
}

#[tokio::test]
async fn s7_2_without_a_broker_or_the_scope_nobody_connects() {
    let scene = Scene::new();
    let secret = DeviceSecret::parse("a credential of another scope").unwrap();
    let token = NewToken {
        device: device(),
        credential: Credential(std::num::NonZeroU32::MIN),
        token: secret.clone(),
        scopes: scopes("iot:mqtt:ack:read"),
        issued_ms: NOON_MS,
        expires_ms: NOON_MS + 1,
    };
    scene.store.add_mqtt_credential(token).await.unwrap();
    let refusal = scene.realer.connect_mqtt(&device(), secret.reveal()).await.unwrap_err();
    assert_eq!(refusal.error_type().name(), "insufficient_scope");
    let password = credential(&scene, ALL).await;
    let without = scene.store.runtime(&scene.clock);
    assert!(matches!(without.connect_mqtt(&device(), &password).await, Err(Refusal::Forbidden(_))));
}
