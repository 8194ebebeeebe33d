//! Feed data comes in. (Contract §6, §7.4.)

use serde_json::{Value, json};

use super::{NOON_MS, bytes, details, json as to_json, runtime};
use crate::realer::fake_store::greenhouse::{self, HEATER, LAMP, THERMOMETER, VAGUE, device};
use crate::realer::fake_store::{FakeClock, FakeStore};
use crate::realer::{Config, Plan, Realer, Refusal};

fn reading(message: &str, value: &str) -> Value {
    json!({
        "sensor_id": THERMOMETER,
        "message_id": message,
        "value": value,
        "value_received_at": "2026-05-12T08:29:10Z",
    })
}

#[tokio::test]
async fn an_item_is_created_once_and_replayed_after_that() {
    let (realer, ..) = runtime();
    let mut changes = realer.changes().watch(&device());
    let created = realer.feed_item(&device(), &bytes(&reading("t-1", "20.75"))).await.unwrap();
    assert!(created.is_created());
    changes.changed().await;
    let mut expected = json!({
        "code": 2001, "status": "created", "feed_data_id": 1, "message_id": "t-1", "warnings": [],
    });
    assert_eq!(to_json(&created), expected);
    // §6.4: the time is compared as an instant.
    let mut again = reading("t-1", "20.75");
    again["value_received_at"] = json!("2026-05-12T10:29:10.000+02:00");
    let replayed = realer.feed_item(&device(), &bytes(&again)).await.unwrap();
    assert!(!replayed.is_created());
    (expected["code"], expected["status"]) = (json!(2000), json!("replayed"));
    assert_eq!(to_json(&replayed), expected);
    let other = realer.feed_item(&device(), &bytes(&reading("t-1", "21"))).await;
    assert_eq!(other, Err(Refusal::Conflict));
}

#[tokio::test]
async fn warnings_are_told_and_told_again_on_a_replay() {
    let (realer, ..) = runtime();
    let mut item = reading("t-1", "");
    (item["value"], item["colour"]) = (json!(21.5), json!("red"));
    item["value_received_at"] = json!("9999-12-31T23:59:59Z");
    for status in ["created", "replayed"] {
        let result = to_json(realer.feed_item(&device(), &bytes(&item)).await.unwrap());
        let types: Vec<_> = result["warnings"].as_array().unwrap().iter().map(|warning| &warning["type"]).collect();
        assert_eq!(types, ["value_coerced", "unknown_field", "observed_in_future"]);
        assert_eq!(result["status"], status);
    }
}

#[tokio::test]
async fn a_source_of_nobody_is_not_found_and_one_without_a_definition_neither() {
    let (realer, ..) = runtime();
    for (field, id, what) in [
        ("sensor_id", "sns_zzzzzzzzzzzzzzzzzzzzzzzzzz", "sensor"),
        ("command_id", "cmd_zzzzzzzzzzzzzzzzzzzzzzzzzz", "command"),
        ("command_id", VAGUE, "command"),
    ] {
        let mut item = reading("m", "1");
        item.as_object_mut().unwrap().remove("sensor_id");
        item[field] = json!(id);
        assert_eq!(realer.feed_item(&device(), &bytes(&item)).await, Err(Refusal::NotFound(what)), "{id}");
    }
}

#[tokio::test]
async fn a_batch_handles_its_items_in_order_and_each_by_itself() {
    let (realer, ..) = runtime();
    let mut unknown = reading("t-9", "1");
    unknown["sensor_id"] = json!("sns_zzzzzzzzzzzzzzzzzzzzzzzzzz");
    let items = [
        reading("t-1", "20.75"),
        reading("t-1", "20.75"),
        reading("t-1", "99"),
        json!({ "sensor_id": THERMOMETER, "message_id": "t-2" }),
        json!("nonsense"),
        unknown,
        reading("t-3", "warm"),
        reading("t-4", "20.80"),
    ];
    let batch = to_json(realer.feed_batch(&device(), &bytes(&json!({ "items": items }))).await.unwrap());
    assert_eq!((&batch["code"], &batch["status"]), (&json!(2000), &json!("partial")));
    let results = batch["results"].as_array().unwrap();
    let told = |result: &Value| {
        json!([result["index"], result["code"], result["status"], result["message_id"], result["error"]["type"]])
    };
    let expected = [
        json!([0, 2001, "created", "t-1", null]),
        json!([1, 2000, "replayed", "t-1", null]),
        json!([2, 4009, "rejected", "t-1", "message_conflict"]),
        json!([3, 4022, "rejected", "t-2", "validation_failed"]),
        json!([4, 4022, "rejected", null, "validation_failed"]),
        json!([5, 4004, "rejected", "t-9", "resource_not_found"]),
        json!([6, 4022, "rejected", "t-3", "validation_failed"]),
        json!([7, 2001, "created", "t-4", null]),
    ];
    assert_eq!(results.iter().map(told).collect::<Vec<_>>(), expected);
    assert_eq!((&results[1]["feed_data_id"], &results[7]["feed_data_id"]), (&json!(1), &json!(2)));
    assert_eq!(results[2].get("feed_data_id"), None);
    assert_eq!(results[0].get("error"), None);
}

#[tokio::test]
async fn a_batch_is_completed_or_rejected_as_a_whole_where_all_items_are() {
    let (realer, ..) = runtime();
    for (items, status) in [
        (vec![reading("t-1", "1"), reading("t-2", "2")], "completed"),
        (vec![reading("t-1", "1"), reading("t-2", "2")], "completed"),
        (vec![reading("t-1", "3"), json!({})], "rejected"),
        (vec![json!(null)], "rejected"),
    ] {
        let batch = realer.feed_batch(&device(), &bytes(&json!({ "items": items }))).await.unwrap();
        assert_eq!((batch.code, batch.status, batch.results.len()), (2000, status, items.len()));
    }
}

#[tokio::test]
async fn a_batch_has_one_item_at_least_and_no_more_than_the_plan_allows() {
    let mut rows = greenhouse::rows();
    rows.device.settings.plan = Plan { max_batch_items: Some(2), ..Plan::default() };
    let realer = FakeStore::of([rows]).runtime(&FakeClock::at(NOON_MS));
    let items = |count: usize| json!({ "items": (0..count).map(|n| reading(&n.to_string(), "1")).collect::<Vec<_>>() });
    for (body, problem) in [
        (json!({}), "required"),
        (json!({ "items": null }), "required"),
        (json!({ "items": {} }), "no array"),
        (json!({ "items": [] }), "empty"),
        (items(3), "more than limits.max_batch_items"),
    ] {
        let refusal = realer.feed_batch(&device(), &bytes(&body)).await.unwrap_err();
        assert_eq!(details(refusal), [("items".to_owned(), problem)], "{body}");
    }
    assert_eq!(details(realer.feed_batch(&device(), b"[]").await.unwrap_err())[0].0, "body");
    assert!(matches!(realer.feed_batch(&device(), b"{\"items\":[").await, Err(Refusal::Malformed(_))));
    assert_eq!(realer.feed_batch(&device(), &bytes(&items(2))).await.unwrap().status, "completed");
}

#[tokio::test]
async fn the_label_of_a_replay_is_as_configured() {
    let mut config = Config::default();
    config.codes.replayed = "duplicate".to_owned();
    let realer = Realer::new(FakeStore::of([greenhouse::rows()]), FakeClock::at(NOON_MS), config);
    let body = bytes(&json!({ "items": [reading("t-1", "1"), reading("t-1", "1")] }));
    let batch = realer.feed_batch(&device(), &body).await.unwrap();
    assert_eq!((batch.status, batch.results[1].status.as_str()), ("completed", "duplicate"));
}

#[tokio::test]
async fn the_answer_to_a_push_need_not_say_what_it_answers() {
    let (realer, ..) = runtime();
    let wish = json!({ "command_id": LAMP, "value": "1" });
    let desired = realer.wish(&device(), &bytes(&wish)).await.unwrap();
    let answer = json!({ "message_id": "l-1", "value": "1", "value_received_at": "2026-05-12T08:30:00Z" });
    for (field, value) in [
        ("command_id", json!(HEATER)),
        ("sensor_id", json!(THERMOMETER)),
        ("desired_id", json!("des_zzzzzzzzzzzzzzzzzzzzzzzzzz")),
        ("message_id", json!("")),
        ("message_id", json!(null)),
    ] {
        let mut wrong = answer.clone();
        wrong[field] = value;
        let refusal = realer.report(&device(), &desired, &bytes(&wrong)).await.unwrap_err();
        assert_eq!(details(refusal)[0].0, field, "{wrong}");
    }
    let mut whole = answer.clone();
    (whole["command_id"], whole["desired_id"]) = (json!(LAMP), json!(desired.id.as_str()));
    whole["report_status"] = json!("applied");
    assert!(realer.report(&device(), &desired, &bytes(&answer)).await.unwrap().is_created());
    assert!(!realer.report(&device(), &desired, &bytes(&whole)).await.unwrap().is_created(), "it says the same");
    assert!(!realer.feed_item(&device(), &bytes(&whole)).await.unwrap().is_created(), "whichever way it comes");
    let closed = realer.store().desired_state(&device(), &desired.id).await.unwrap().unwrap();
    assert_eq!(realer.desired_document(&closed).status, "applied");
}
