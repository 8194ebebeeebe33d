//! What is published, and how it is acknowledged. (Contract §1.6, §7.4, §7.5.)

use super::*;
use crate::realer::fake_store::greenhouse::{LAMP, VAGUE};

#[tokio::test]
async fn s7_5_an_item_is_created_once_and_replayed_after_that() {
    let scene = Scene::new();
    let mut changes = scene.realer.changes().watch(&device());
    let item = message(thermometer(), &reading("t-1", "20.75"));
    let acks = scene.publishes(vec![item.clone(), item.clone()]).await;
    changes.changed().await;
    let created = json!({
        "message_id": "t-1", "sensor_id": THERMOMETER, "status": "created", "retryable": false, "feed_data_id": 1,
        "warnings": [], "acknowledged_at": "2026-05-12T08:30:00Z",
    });
    let mut replayed = created.clone();
    replayed["status"] = json!("replayed");
    assert_eq!(acks, [(AckOutcome::Created, created), (AckOutcome::Replayed, replayed)]);
    let conflict = scene.publishes_one(thermometer(), &reading("t-1", "21")).await;
    let expected = json!({
        "message_id": "t-1", "sensor_id": THERMOMETER, "status": "rejected", "retryable": false,
        "error": { "type": "message_conflict", "message": "this message_id was used for another payload" },
        "acknowledged_at": "2026-05-12T08:30:00Z",
    });
    assert_eq!(conflict, expected);
    // §6.4: one key for both transports, and for each route of the source.
    let mut over_https = reading("t-1", "20.75");
    over_https["sensor_id"] = json!(THERMOMETER);
    let over_https = scene.realer.feed_item(&device(), over_https.to_string().as_bytes()).await.unwrap();
    assert!(!over_https.is_created());
    assert_eq!(scene.publishes_one(heater(NORTH), &reading("h-1", "1")).await["status"], "created");
    assert_eq!(scene.publishes_one(heater(SOUTH), &reading("h-1", "1")).await["status"], "replayed");
}

#[tokio::test]
async fn s7_4_an_answer_closes_its_desired_state() {
    let scene = Scene::new();
    let wish = json!({ "command_id": HEATER, "resource_id": SOUTH, "value": "21.5" }).to_string();
    let desired = scene.realer.wish(&device(), wish.as_bytes()).await.unwrap();
    let mut report = reading("h-1", "20");
    (report["desired_id"], report["report_status"]) = (json!(desired.id.as_str()), json!("rejected"));
    (report["sequence_number"], report["command_id"]) = (json!(9), json!(HEATER));
    let ack = scene.publishes_one(heater(SOUTH), &report).await;
    assert_eq!((&ack["status"], &ack["command_id"]), (&json!("created"), &json!(HEATER)), "{ack}");
    let warnings: Vec<_> = ack["warnings"].as_array().unwrap().iter().map(|warning| &warning["type"]).collect();
    assert_eq!(warnings, ["sequence_number_mismatch"], "the route's own source may be named");
    assert_eq!(scene.realer.open_on(&device(), &[desired_topic(SOUTH)]).await.unwrap(), []);
}

fn desired_topic(of: &str) -> Topic {
    Topic::Desired { resource: resource(of), command: command(HEATER) }
}

#[tokio::test]
async fn s7_5_a_message_that_makes_no_sense_is_told_what_is_wrong() {
    let scene = Scene::new();
    let with = |field: &str, value: Value| {
        let mut item = reading("t-1", "20");
        item[field] = value;
        item
    };
    for (item, field, problem) in [
        (json!([]), "body", "no object"),
        (json!(7), "body", "no object"),
        (with("value", json!(null)), "value", "required"),
        (with("value", json!("warm")), "value", "no decimal number"),
        (with("value_received_at", json!("2026-05-12 08:00")), "value_received_at", "no time with a zone"),
        (with("desired_id", json!("des_00000000000000000000000001")), "desired_id", "not of a sensor"),
        (with("report_status", json!("applied")), "report_status", "without desired_id"),
        (with("sensor_id", json!("sns_00000000000000000000000002")), "sensor_id", "not that of the topic"),
        (with("sensor_id", json!(7)), "sensor_id", "no string"),
        (with("command_id", json!(HEATER)), "command_id", "not that of the topic"),
    ] {
        let ack = scene.publishes_one(thermometer(), &item).await;
        let error = json!({ "field": field, "problem": problem });
        assert_eq!(ack["error"]["details"], json!([error]), "{item} {ack}");
        assert_eq!((&ack["error"]["type"], &ack["retryable"]), (&json!("validation_failed"), &json!(false)));
        assert_eq!(ack["message_id"], item.get("message_id").cloned().unwrap_or_default());
    }
    let ack = scene.publishes_one(thermometer(), &with("colour", json!("red"))).await;
    assert_eq!(ack["warnings"][0]["type"], "unknown_field");
}

/// §7.5: an id is told again even if it is none, as long as it is no book.
#[tokio::test]
async fn s7_5_the_message_id_is_copied() {
    let scene = Scene::new();
    let long = |length| "x".repeat(length);
    for (id, told) in [
        (json!("é"), json!("é")),
        (json!(""), json!("")),
        (json!(long(129)), json!(long(129))),
        (json!(long(512)), json!(long(512))),
        (json!(long(513)), json!(null)),
        (json!(7), json!(null)),
        (json!(null), json!(null)),
    ] {
        let mut item = reading("", "20");
        item["message_id"] = id;
        let ack = scene.publishes_one(thermometer(), &item).await;
        assert_eq!((&ack["status"], &ack["message_id"]), (&json!("rejected"), &told));
    }
    let twice =
        Published { payload: br#"{"message_id":"a","message_id":"b"}"#.to_vec(), ..message(thermometer(), &json!(0)) };
    let no_json = Published { payload: br#"{"message_id":"a""#.to_vec(), ..twice.clone() };
    for (published, error) in [(twice, "validation_failed"), (no_json, "bad_request")] {
        let ack = scene.publishes(vec![published]).await.remove(0).1;
        assert_eq!((&ack["message_id"], &ack["error"]["type"]), (&json!(null), &json!(error)));
    }
}

/// §1.6: of all that is wrong, what comes first in the contract's order is told.
#[tokio::test(start_paused = true)]
async fn s1_6_checks_are_made_in_the_order_of_the_contract() {
    let limit = |settings: &mut DeviceSettings| {
        (settings.plan.minimum_interval_ms, settings.plan.max_request_bytes) = (Some(3_200_000), Some(100));
    };
    let scene = Scene::with(limit);
    let nowhere = Route { resource: resource(SOUTH), ..thermometer() };
    // Of each, the one before it is put right.
    let large = format!("{{\"x\":\"{}\"", "y".repeat(100)).into_bytes();
    let broken = b"{\"x\":".to_vec();
    let invalid = json!({ "message_id": "t-1" }).to_string().into_bytes();
    let conflict = json!({ "message_id": "t-0", "value": "x", "value_received_at": "2026-05-12T08:29:10Z" });
    let conflict = conflict.to_string().into_bytes();
    let at =
        |route: &Route, payload: &[u8]| Published { route: route.clone(), payload: payload.to_vec(), retain: true };
    let now = async |published: Published| scene.publishes(vec![published]).await.remove(0).1["error"].clone();
    assert_eq!(now(at(&nowhere, &large)).await["type"], "payload_too_large");
    assert_eq!(now(at(&nowhere, &broken)).await["type"], "bad_request");
    for payload in [&invalid, &conflict] {
        assert_eq!(now(at(&nowhere, payload)).await["type"], "resource_not_found");
        let error = now(at(&thermometer(), payload)).await;
        assert_eq!(error["type"], "validation_failed");
        let details = error["details"].as_array().unwrap();
        assert_eq!(details.last().unwrap(), &json!({ "field": "retain", "problem": "not off" }));
    }
    // Six have come of 32, and the next may come every 320 s.
    for _ in 6..32 {
        assert_eq!(now(at(&nowhere, &large)).await["type"], "payload_too_large");
    }
    let error = now(at(&nowhere, &large)).await;
    assert_eq!((&error["type"], &error["retry_after"]), (&json!("rate_limited"), &json!(320)));
    scene.realer.change_catalog(vec![change(&scene, |it| it.subscription = Subscription::Inactive)]).await.unwrap();
    let error = now(at(&nowhere, &large)).await;
    assert_eq!((&error["type"], error.get("retry_after")), (&json!("subscription_inactive"), None));
}

fn change(scene: &Scene, change: impl FnOnce(&mut DeviceSettings)) -> CatalogChange {
    let mut settings = scene.settings.clone();
    change(&mut settings);
    CatalogChange::ChangeDevice { id: device(), settings }
}

#[tokio::test]
async fn s7_5_a_route_that_is_not_in_the_catalog_is_not_found() {
    let scene = Scene::new();
    let of = |resource_id: &str, source| Route { resource: resource(resource_id), source };
    let unknown = "cmd_zzzzzzzzzzzzzzzzzzzzzzzzzz";
    for route in [
        of(SOUTH, SourceId::Sensor(sensor(THERMOMETER))),
        of(NORTH, SourceId::Command(command(LAMP))),
        of(NORTH, SourceId::Command(command(VAGUE))),
        of(NORTH, SourceId::Command(command(unknown))),
        of("res_zzzzzzzzzzzzzzzzzzzzzzzzzz", SourceId::Command(command(HEATER))),
    ] {
        let ack = scene.publishes_one(route.clone(), &reading("m", "1")).await;
        let error = &ack["error"];
        assert_eq!((&error["type"], &ack["retryable"]), (&json!("resource_not_found"), &json!(false)), "{route:?}");
        assert_eq!(error["message"], "there is no such route");
    }
    assert_eq!(scene.store.last_feed_data(&device()).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn s1_7_a_burst_is_taken_and_then_ten_times_the_pace_of_polling() {
    let scene = Scene::with(|settings| settings.plan.minimum_interval_ms = Some(5000));
    let batch = |from: u32, count: u32| -> Vec<_> {
        (from..from + count).map(|nth| message(thermometer(), &reading(&format!("t-{nth}"), "1"))).collect()
    };
    let count = async |published: Vec<Published>| {
        let acks = scene.publishes(published).await;
        let created = acks.iter().take_while(|(outcome, _)| *outcome == AckOutcome::Created).count();
        assert!(acks[created..].iter().all(|(_, ack)| ack["error"]["retry_after"] == 1 && ack["retryable"] == true));
        created
    };
    assert_eq!(count(batch(0, 40)).await, 32);
    tokio::time::advance(Duration::from_millis(499)).await;
    assert_eq!(count(batch(32, 1)).await, 0);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(count(batch(32, 2)).await, 1);
    // Counted by itself: nothing has come over HTTPS.
    let known = scene.store.control_device(&device()).await.unwrap().unwrap();
    assert_eq!(scene.realer.space(&known, crate::realer::Family::FeedData, 1), Ok(()));
}

#[tokio::test]
async fn s7_5_one_that_is_refused_does_not_undo_others() {
    let scene = Scene::new();
    let broken = Published { payload: b"?".to_vec(), ..message(thermometer(), &json!(0)) };
    let retained = Published { retain: true, ..message(thermometer(), &reading("t-2", "2")) };
    let published = vec![
        message(thermometer(), &reading("t-1", "1")),
        broken,
        message(heater(SOUTH), &reading("h-1", "1")),
        retained,
        message(thermometer(), &reading("t-1", "1")),
    ];
    let acks = scene.publishes(published).await;
    let told: Vec<_> =
        acks.iter().map(|(_, ack)| (ack["message_id"].as_str(), ack["status"].as_str().unwrap())).collect();
    let expected = [
        (Some("t-1"), "created"),
        (None, "rejected"),
        (Some("h-1"), "created"),
        (Some("t-2"), "rejected"),
        (Some("t-1"), "replayed"),
    ];
    assert_eq!(told, expected);
    assert_eq!(scene.publishes(Vec::new()).await, []);
}

#[tokio::test]
async fn s7_5_what_cannot_be_kept_now_may_be_sent_again() {
    let scene = Scene::new();
    scene.store.break_down();
    let published = ["t-1", "t-2"].map(|id| message(thermometer(), &reading(id, "1")));
    for ((_, ack), id) in scene.publishes(published.to_vec()).await.iter().zip(["t-1", "t-2"]) {
        let error = &ack["error"];
        assert_eq!((&ack["message_id"], &error["type"]), (&json!(id), &json!("service_unavailable")));
        assert_eq!((&ack["retryable"], error.get("retry_after")), (&json!(true), None));
    }
}

#[tokio::test]
async fn s7_2_who_may_not_use_mqtt_any_more_publishes_nothing() {
    let scene = Scene::new();
    scene.is_changed(|settings| settings.protocols.mqtt = false).await;
    assert_eq!(scene.publishes_one(thermometer(), &reading("t-1", "1")).await["error"]["type"], "forbidden");
    scene.store.forget_device(&device());
    let ack = scene.publishes_one(thermometer(), &reading("t-1", "1")).await;
    assert_eq!(ack["error"]["type"], "resource_not_found");
}
