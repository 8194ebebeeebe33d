//! Observations of how a device stands and of what it tells: live, resumed, slow, capped, and their ends.

use std::time::Duration;

use rtio_server::realer::ports::CatalogChange;
use rtio_server::realer::{Command, DeviceSettings, Subscription};
use serde_json::{Value, json};

use super::{data_of, event, observes, path, tells};
use crate::support::caller::request;
use crate::support::realer::{control_device, settings};
use crate::support::tokens::Issuer;
use crate::support::{Caller, hub};

#[tokio::test]
async fn state_begins_with_all_and_goes_on_with_what_changes() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let mut caller = observes(&hub, &path(&device, "state"), None).await;
    let (id, code, whole) = event(&mut caller).await;
    assert_eq!((code.as_str(), &whole["change"]), ("CONTINUE", &json!(id.unwrap())));
    assert_eq!(whole, hub.calls(&path(&device, "state"), b"").await.json());
    tells(&hub, &device, device.reading("m1", "21.5")).await;
    let (next, _, change) = event(&mut caller).await;
    assert!(next > id, "{next:?} {id:?}");
    assert_eq!((&change["commands"], &change["sensors"][0]["reported"]["value"]), (&json!([]), &json!("21.5")));
    let wish = hub.calls(&path(&device, "desired"), &super::wish(&device, "1.0")).await.json();
    let (_, _, change) = event(&mut caller).await;
    assert_eq!(change["commands"][0]["desired"][0]["desired_id"], wish["desired_id"]);
    assert_eq!((&change["commands"][0]["sync"], &change["sensors"]), (&json!("pending"), &json!([])));
}

#[tokio::test]
async fn who_watches_sees_a_wish_expire_5_1() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let mut caller = observes(&hub, &path(&device, "state"), None).await;
    event(&mut caller).await;
    let wish = json!({"command_id": device.relay.as_str(), "value": "1.0", "expires_in": 1}).to_string();
    hub.calls(&path(&device, "desired"), wish.as_bytes()).await;
    let status = async |caller: &mut Caller| event(caller).await.2["commands"][0]["desired"][0]["status"].clone();
    assert_eq!(status(&mut caller).await, "pending");
    assert_eq!(status(&mut caller).await, "expired");
}

/// §12: what an operator changes is seen at once.
#[tokio::test]
async fn who_watches_sees_what_operators_change() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let mut caller = observes(&hub, &path(&device, "state"), None).await;
    event(&mut caller).await;
    let mut changed = async |change| {
        hub.realer().change_catalog(vec![change]).await.unwrap();
        event(&mut caller).await.2
    };
    let id = device.id.clone();
    let inactive = DeviceSettings { subscription: Subscription::Inactive, ..settings(&device) };
    let seen = changed(CatalogChange::ChangeDevice { id: id.clone(), settings: inactive.clone() }).await;
    assert_eq!(
        (&seen["subscription"], &seen["commands"], &seen["sensors"]),
        (&json!("inactive"), &json!([]), &json!([]))
    );
    let named = DeviceSettings { label: "attic".to_owned(), ..inactive };
    assert_eq!(changed(CatalogChange::ChangeDevice { id: id.clone(), settings: named }).await["label"], "attic");
    let command = Command { label: "lamp".to_owned(), ..device.command() };
    let seen = changed(CatalogChange::PutCommand { device: id.clone(), command }).await;
    assert_eq!(seen["commands"][0]["label"], "lamp");
    let seen = changed(CatalogChange::RemoveResource(device.resource.clone())).await;
    assert_eq!((seen["commands"].as_array().unwrap().len(), seen["sensors"].as_array().unwrap().len()), (1, 1));
    let gone = changed(CatalogChange::RemoveSensor { device: id, id: device.thermistor.clone() }).await;
    assert_ne!(gone["catalog_revision"], seen["catalog_revision"]);
}

#[tokio::test]
async fn state_goes_on_after_an_event_with_what_has_changed_since() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let mut caller = observes(&hub, &path(&device, "state"), None).await;
    let id = event(&mut caller).await.0.unwrap();
    drop(caller);
    let mut nothing_new = observes(&hub, &path(&device, "state"), Some(&id.to_string())).await;
    nothing_new.receives_nothing().await;
    tells(&hub, &device, device.reading("m1", "21.5")).await;
    tells(&hub, &device, device.reading("m2", "22")).await;
    let mut again = observes(&hub, &path(&device, "state"), Some(&id.to_string())).await;
    let (next, _, change) = event(&mut again).await;
    assert!(next.unwrap() > id);
    assert_eq!((&change["commands"], &change["sensors"][0]["reported"]["value"]), (&json!([]), &json!("22")));
    let all = event(&mut observes(&hub, &path(&device, "state"), Some("0")).await).await.2;
    assert_eq!((all["commands"].as_array().unwrap().len(), all["sensors"].as_array().unwrap().len()), (1, 1));
}

#[tokio::test]
async fn feed_data_is_told_from_now_on_and_resumed_without_loss_or_doubles() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    tells(&hub, &device, device.reading("before", "1")).await;
    let mut caller = observes(&hub, &path(&device, "feed-data"), None).await;
    let first = tells(&hub, &device, device.reading("m0", "2")).await;
    let (id, code, record) = event(&mut caller).await;
    assert_eq!((id, code.as_str(), &record["message_id"]), (Some(first), "CONTINUE", &json!("m0")));
    // The caller takes three records and breaks off, again and again, while the device goes on.
    let (mut seen, mut told) = (vec![first], vec![first]);
    while seen.len() < 100 {
        for _ in 0..4 {
            let message = format!("m{}", told.len());
            told.push(tells(&hub, &device, device.reading(&message, "3")).await);
        }
        caller = observes(&hub, &path(&device, "feed-data"), seen.last().map(u64::to_string).as_deref()).await;
        for _ in 0..3 {
            seen.push(event(&mut caller).await.0.unwrap());
        }
    }
    while seen.len() < told.len() {
        seen.push(event(&mut caller).await.0.unwrap());
    }
    assert_eq!(seen, told);
    let all = event(&mut observes(&hub, &path(&device, "feed-data"), Some("0")).await).await.2;
    assert_eq!(all["message_id"], "before");
}

#[tokio::test]
async fn the_compatible_form_and_lines_are_resumed_too() {
    use base64::Engine;
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let first = tells(&hub, &device, device.reading("m1", "1")).await;
    tells(&hub, &device, device.reading("m2", "2")).await;
    let data = base64::engine::general_purpose::STANDARD.encode(json!({"after": first}).to_string());
    let body = json!({"method": "obget", "id": 7, "uri": "/iot/v1/feed-data", "data": data}).to_string();
    let mut compatible = hub.caller().await;
    compatible.sends(&request("POST", &format!("/{}", device.id), &[], body.as_bytes())).await;
    let mut lines = hub.caller().await;
    lines.sends(&request("GET", &path(&device, "feed-data"), &[("last-event-id", &first.to_string())], b"")).await;
    for (caller, id) in [(&mut compatible, 7), (&mut lines, 0)] {
        assert_eq!(caller.head().await.header("content-type"), Some("application/x-ndjson"));
        let line: Value = serde_json::from_str(&caller.line().await.unwrap()).unwrap();
        assert_eq!((&line["id"], &line["fid"], &line["code"]), (&json!(id), &json!(0), &json!("CONTINUE")));
        assert_eq!(data_of(&line)["message_id"], "m2");
    }
}

#[tokio::test]
async fn what_cannot_be_observed_is_refused() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let asks = async |name: &str, after: &str| {
        let headers = [("last-event-id", after)];
        hub.asks("GET", &path(&device, name), &headers, b"").await.problem()
    };
    let bad = (400, "BAD_REQUEST".to_owned(), "not_sent".to_owned());
    for after in ["x", "-1", "99999999999999999999", "9223372036854775807", "1000"] {
        assert_eq!(asks("state", after).await, bad, "{after}");
        assert_eq!(asks("feed-data", after).await, bad, "{after}");
    }
    for name in ["bootstrap", "commands", "sensors", "desired"] {
        assert_eq!(asks(name, "").await.0, 405, "{name}");
    }
    assert_eq!(asks("states", "").await.0, 404);
    let nobody = rtio_server::realer::new_control_device(1).unwrap();
    assert_eq!(hub.asks("GET", &format!("/{nobody}/iot/v1/state"), &[], b"").await.problem().1, "NOT_FOUND");
    let body = json!({"method": "obget", "id": 7, "uri": "/iot/v1/bootstrap"}).to_string();
    let reply = hub.asks("POST", &format!("/{}", device.id), &[], body.as_bytes()).await;
    assert_eq!(reply.text(), "{\"id\":7,\"fid\":0,\"code\":\"METHOD_NOT_ALLOWED\",\"data\":\"\"}\n");
}

#[tokio::test]
async fn a_slow_reader_misses_no_record_and_holds_nobody_up() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let mut slow = Caller::connect_with_small_buffer(hub.http_addr).await;
    slow.sends(&request("GET", &path(&device, "feed-data"), &[], b"")).await;
    assert_eq!(slow.head().await.status, 200);
    let mut quick = observes(&hub, &path(&device, "feed-data"), None).await;
    let value = "v".repeat(255);
    let mut told = Vec::new();
    let mut command = device.command();
    command.value_type = "Customary".to_owned();
    let change = CatalogChange::PutCommand { device: device.id.clone(), command };
    hub.changes_catalog(vec![change]).await;
    for batch in 0..20 {
        let item = |nth: usize| {
            json!({
                "command_id": device.relay.as_str(),
                "message_id": format!("m{batch}-{nth:0>100}"),
                "value": value,
                "value_received_at": "2026-05-12T08:31:10Z",
            })
        };
        let items = json!({"items": (0..100).map(item).collect::<Vec<_>>()}).to_string();
        let results = hub.realer().feed_batch(&device.id, items.as_bytes()).await.unwrap().results;
        for result in results {
            told.push(result.feed_data_id.unwrap());
            assert_eq!(event(&mut quick).await.0, result.feed_data_id);
        }
    }
    for id in told {
        let line: Value = serde_json::from_str(&slow.line().await.unwrap()).unwrap();
        assert_eq!(data_of(&line)["feed_data_id"], id);
    }
}

#[tokio::test]
async fn observations_count_among_all_and_are_given_back() {
    let hub = hub().with(|config| config.hub.max_observations = 2).with_realer().start().await;
    let device = control_device(&hub).await;
    let one = observes(&hub, &path(&device, "state"), None).await;
    let _other = observes(&hub, &path(&device, "feed-data"), None).await;
    let refused = hub.asks("GET", &path(&device, "state"), &[], b"").await;
    assert_eq!(refused.problem().1, "TOO_MANY_OBSERVERS");
    assert_eq!(hub.realer().changes().watched(), 1, "both watch one device");
    drop(one);
    crate::support::eventually("the place is free", || hub.core.observations() == 1).await;
    observes(&hub, &path(&device, "state"), None).await;
}

#[tokio::test]
async fn an_observation_ends_with_the_hub_the_token_and_the_device() {
    let issuer = Issuer::new();
    let hub = issuer.is_trusted_by(hub().with_realer()).start().await;
    let device = control_device(&hub).await;
    let soon = rtio_server::token::unix_now().as_secs() - 9;
    let short = format!("Bearer {}", issuer.token(json!({"sub": device.id.as_str(), "exp": soon})));
    let long = format!("Bearer {}", issuer.token(json!({"sub": device.id.as_str()})));
    let observes = async |token: &str| {
        let mut caller = hub.caller().await;
        let headers = [("authorization", token), ("accept", "text/event-stream")];
        caller.sends(&request("GET", &path(&device, "state"), &headers, b"")).await;
        assert_eq!(caller.head().await.status, 200);
        assert_eq!(event(&mut caller).await.1, "CONTINUE");
        caller
    };
    let (mut until_expiry, mut until_removal) = (observes(&short).await, observes(&long).await);
    let (id, code, _) = event(&mut until_expiry).await;
    assert_eq!((id, code.as_str()), (None, "TERMINATE"), "an end has no id that a reader would go on from");
    hub.core.device_manager().unwrap().remove(&device.id).await.unwrap();
    assert_eq!(event(&mut until_removal).await.1, "NOT_FOUND");
    drop(until_removal);
    tokio::time::timeout(Duration::from_secs(20), hub.stops()).await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_hub_is_the_end_of_its_observations() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let mut caller = observes(&hub, &path(&device, "feed-data"), None).await;
    hub.shutdown.trigger();
    assert_eq!(event(&mut caller).await.1, "TERMINATE");
    hub.has_stopped().await;
}
