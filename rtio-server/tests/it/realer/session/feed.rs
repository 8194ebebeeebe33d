//! Feed data over a session.

use std::time::Duration;

use rtio_server::realer::Lifecycle;
use serde_json::{Value, json};

use super::{asks, connects, connects_at_level, feeds, posts};
use crate::support::hub;
use crate::support::realer::{control_device, control_device_with};

#[tokio::test]
async fn s6_2_an_item_is_created_replayed_and_in_conflict() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    let created = feeds(&mut device, &control.reading("m-1", "20.75")).await;
    let number = created["feed_data_id"].as_u64().unwrap();
    let expected = json!({
        "code": 2001, "status": "created", "feed_data_id": number, "message_id": "m-1", "warnings": [],
    });
    assert_eq!(created, expected);
    let replayed = feeds(&mut device, &control.reading("m-1", "20.75")).await;
    assert_eq!((&replayed["code"], &replayed["status"]), (&json!(2000), &json!("replayed")));
    assert_eq!(replayed["feed_data_id"], number);
    let conflict = feeds(&mut device, &control.reading("m-1", "99")).await;
    assert_eq!((&conflict["code"], &conflict["error"]["type"]), (&json!(4009), &json!("message_conflict")));
    assert_eq!(hub.realer().store().feed_data(&control.id, 0, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn s6_2_a_result_that_is_too_long_has_what_firmware_branches_on() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    let mut item = control.reading(&"\"".repeat(128), "1");
    // Coerced and unknown, from the future.
    item["value"] = json!(1);
    item["x"] = json!(1);
    item["value_received_at"] = json!("2999-01-01T00:00:00Z");
    let result = feeds(&mut device, &item).await;
    assert_eq!((&result["code"], &result["status"]), (&json!(2001), &json!("created")), "{result}");
    assert_eq!(result.get("message_id"), None, "{result}");
    assert!(result["warnings"].as_array().unwrap().contains(&json!({ "type": "value_coerced" })), "{result}");
}

#[tokio::test]
async fn s6_3_a_short_batch_has_a_result_for_each() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    let items = [control.reading("m-1", "1"), control.reading("m-2", "2"), control.reading("m-1", "3")];
    let answer = feeds(&mut device, &json!({ "items": items })).await;
    assert_eq!((&answer["code"], &answer["status"]), (&json!(2000), &json!("partial")), "{answer}");
    let codes: Vec<_> = answer["results"].as_array().unwrap().iter().map(|result| result["code"].clone()).collect();
    assert_eq!(codes, [2001, 2001, 4009]);
    let again = feeds(&mut device, &json!({ "items": items[..2] })).await;
    assert_eq!(again["status"], "completed");
    assert_eq!(again["results"][1]["status"], "replayed");
}

/// A level above 0 has room for longer requests, also where answers have 504 bytes.
#[tokio::test]
async fn s6_3_the_answer_to_a_batch_always_fits() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    for level in [0, 3] {
        let mut device = connects_at_level(&hub, &control, level).await;
        let tiny = |count| json!({ "items": vec![json!({}); count] });
        let answer = feeds(&mut device, &tiny(5)).await;
        assert_eq!((&answer["code"], &answer["status"]), (&json!(2000), &json!("rejected")), "{answer}");
        assert!(answer["results"].as_array().unwrap().iter().all(|result| result["code"] == 4022), "{answer}");
        let answer = feeds(&mut device, &tiny(6)).await;
        assert_eq!((&answer["code"], &answer["error"]["details"][0]["field"]), (&json!(4022), &json!("items")));
        assert_eq!(feeds(&mut device, &tiny(150)).await["code"], 4022);
    }
}

#[tokio::test]
async fn s6_1_what_is_no_item_is_refused_and_nothing_is_kept() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    let mut stranger = control.reading("m-1", "1");
    stranger["sensor_id"] = json!("sns_01jv3ka9z8y7x6w5v4t3s2r1q0");
    for (body, code) in [
        (Vec::new(), 4000),
        (b"{".to_vec(), 4000),
        (b"\xFF\xFE".to_vec(), 4000),
        (b"{}".to_vec(), 4022),
        (br#"{"items":[]}"#.to_vec(), 4022),
        (br#"{"items":null}"#.to_vec(), 4022),
        (br#"{"items":{}}"#.to_vec(), 4022),
        (stranger.to_string().into_bytes(), 4004),
        (control.reading("", "1").to_string().into_bytes(), 4022),
        (control.reading("m-1", "warm").to_string().into_bytes(), 4022),
    ] {
        let answer = asks(&mut device, "/iot/v1/feed-data", &body).await;
        assert_eq!(answer["code"], code, "{} {answer}", String::from_utf8_lossy(&body));
    }
    assert_eq!(hub.realer().store().last_feed_data(&control.id).await.unwrap(), 0);
}

#[tokio::test]
async fn s1_7_a_body_over_the_budget_is_too_large() {
    let hub = hub().with_realer().start().await;
    let control = control_device_with(&hub, |settings| settings.plan.max_request_bytes = Some(200)).await;
    let mut device = connects(&hub, &control).await;
    let body = |len: usize| format!("{:<len$}", control.reading("m-1", "1").to_string()).into_bytes();
    assert_eq!(asks(&mut device, "/iot/v1/feed-data", &body(201)).await["code"], 4013);
    assert_eq!(asks(&mut device, "/iot/v1/feed-data", &body(200)).await["code"], 2001);
}

#[tokio::test]
async fn s5_1_an_item_closes_a_desired_state() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let wish = control.is_wished(&hub, "1.0").await;
    let mut device = connects(&hub, &control).await;
    // It was open when the device came.
    let (push, _) = super::is_pushed(&mut device).await;
    device.answers_request(push.message_id, b"\x22").await;
    let item = json!({
        "command_id": control.relay.as_str(), "message_id": "m-1", "value": "1.0",
        "value_received_at": "2026-05-12T08:31:10Z", "desired_id": wish.id.as_str(), "sequence_number": wish.sequence,
    });
    let answer: Value = feeds(&mut device, &item).await;
    assert_eq!(answer["code"], 2001, "{answer}");
    let outcome = hub.realer().outcome(&control.id, &wish.id, Duration::ZERO).await.unwrap();
    assert_eq!(outcome.lifecycle, Lifecycle::Applied);
    assert_eq!(posts(&mut device, "/iot/v1/nothing", b"").await.0, 0x25);
}
