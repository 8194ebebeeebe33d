//! Desired states are set, listed, and waited for. (Contract §5.)

use std::time::Duration;

use serde_json::{Value, json};

use super::{NOON_MS, bytes, details, json as to_json, runtime};
use crate::realer::fake_store::greenhouse::{HEATER, LAMP, NORTH, SOUTH, THERMOMETER, VAGUE, device};
use crate::realer::{DesiredId, Lifecycle, Refusal};

fn lamp(value: &str) -> Vec<u8> {
    bytes(&json!({ "command_id": LAMP, "value": value }))
}

#[tokio::test]
async fn a_wish_is_listed_until_it_is_answered() {
    let (realer, ..) = runtime();
    let mut changes = realer.changes().watch(&device());
    let wish = json!({ "command_id": HEATER, "resource_id": SOUTH, "value": "21.5", "expires_in": 60 });
    let desired = realer.wish(&device(), &bytes(&wish)).await.unwrap();
    changes.changed().await;
    let item = json!({
        "desired_id": desired.id.as_str(),
        "command_id": HEATER,
        "resource_id": SOUTH,
        "value": "21.5",
        "sequence_number": 1,
        "issued_at": "2026-05-12T08:30:00Z",
        "expires_at": "2026-05-12T08:31:00Z",
    });
    let list = to_json(realer.desired_states(&device()).await.unwrap());
    assert_eq!((&list["code"], &list["catalog_revision"]), (&json!(2000), &json!("cat-1")));
    assert_eq!(list["runtime_revision"], to_json(realer.bootstrap(&device()).await.unwrap())["runtime_revision"]);
    assert_eq!(list["desired_states"], json!([item]));
    let mut document = item;
    (document["status"], document["closed_at"]) = (json!("pending"), json!(null));
    assert_eq!(to_json(realer.desired_document(&desired)), document);
    let answer = json!({ "message_id": "h-1", "value": "20", "value_received_at": "2026-05-12T08:30:00Z",
        "report_status": "rejected" });
    realer.report(&device(), &desired, &bytes(&answer)).await.unwrap();
    assert_eq!(realer.desired_states(&device()).await.unwrap().desired_states, []);
}

#[tokio::test]
async fn a_wish_waits_as_long_as_it_says_or_as_is_configured() {
    let (realer, _, clock) = runtime();
    let lives = |wish: Value| {
        let realer = &realer;
        async move {
            let desired = realer.wish(&device(), &bytes(&wish)).await.unwrap();
            desired.expires_ms.map(|expires| expires - desired.issued_ms)
        }
    };
    assert_eq!(lives(json!({ "command_id": LAMP, "value": true })).await, Some(15 * 60_000));
    assert_eq!(lives(json!({ "command_id": LAMP, "value": 1, "expires_in": 1 })).await, Some(1000));
    let year = Some(31_536_000_000);
    assert_eq!(lives(json!({ "command_id": LAMP, "value": "1", "expires_in": 31_536_000 })).await, year);
    assert_eq!(lives(json!({ "command_id": LAMP, "value": "1", "expires_in": null })).await, None);
    clock.set(i64::MAX - 1);
    assert_eq!(realer.desired_states(&device()).await.unwrap().desired_states[0].expires_at, None);
}

#[tokio::test]
async fn a_wish_that_makes_no_sense_is_refused() {
    let (realer, ..) = runtime();
    for (wish, field, problem) in [
        (json!([]), "body", "no object"),
        (json!({ "value": "1" }), "command_id", "required"),
        (json!({ "command_id": LAMP }), "value", "required"),
        (json!({ "command_id": LAMP, "value": null }), "value", "required"),
        (json!({ "command_id": LAMP, "value": "" }), "value", "empty"),
        (json!({ "command_id": LAMP, "value": "2" }), "value", "neither 0 nor 1"),
        (json!({ "command_id": LAMP, "value": [1] }), "value", "no string"),
        (json!({ "command_id": THERMOMETER, "value": "1" }), "command_id", "no id of this kind"),
        (json!({ "command_id": 7, "value": "1" }), "command_id", "no string"),
        (json!({ "command_id": LAMP, "value": "1", "resource_id": NORTH }), "resource_id", "unknown"),
        (json!({ "command_id": HEATER, "value": "1" }), "resource_id", "required"),
        (json!({ "command_id": HEATER, "resource_id": NORTH, "value": "101" }), "value", "out of range"),
        (json!({ "command_id": LAMP, "value": "1", "expires_in": 0 }), "expires_in", "not 1 to 31536000 seconds"),
        (
            json!({ "command_id": LAMP, "value": "1", "expires_in": 31_536_001 }),
            "expires_in",
            "not 1 to 31536000 seconds",
        ),
        (json!({ "command_id": LAMP, "value": "1", "expires_in": -1 }), "expires_in", "no integer from 0"),
        (json!({ "command_id": LAMP, "value": "1", "expires_in": 1.5 }), "expires_in", "no integer from 0"),
        (json!({ "command_id": LAMP, "value": "1", "expires_in": "60" }), "expires_in", "no integer from 0"),
        (json!({ "command_id": LAMP, "value": "1", "expire_in": 60 }), "expire_in", "unknown field"),
    ] {
        let refusal = realer.wish(&device(), &bytes(&wish)).await.unwrap_err();
        assert_eq!(details(refusal), [(field.to_owned(), problem)], "{wish}");
    }
    let unknown = json!({ "command_id": "cmd_zzzzzzzzzzzzzzzzzzzzzzzzzz", "value": "1" });
    for wish in [unknown, json!({ "command_id": VAGUE, "value": "1" })] {
        assert_eq!(realer.wish(&device(), &bytes(&wish)).await, Err(Refusal::NotFound("command")), "{wish}");
    }
    let twice = format!(r#"{{"command_id":"{LAMP}","value":"0","value":"1"}}"#);
    let refusal = realer.wish(&device(), twice.as_bytes()).await.unwrap_err();
    assert_eq!(details(refusal), [("value".to_owned(), "there more than once")]);
}

#[tokio::test(start_paused = true)]
async fn an_outcome_is_told_as_soon_as_there_is_one() {
    let (realer, ..) = runtime();
    let desired = realer.wish(&device(), &lamp("1")).await.unwrap();
    let answer = json!({ "message_id": "l-1", "value": "1", "value_received_at": "2026-05-12T08:30:00Z" });
    let device_id = device();
    let wait = realer.outcome(&device_id, &desired.id, Duration::MAX);
    let report = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        realer.report(&device(), &desired, &bytes(&answer)).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(wait, report);
    assert_eq!(outcome.unwrap().lifecycle, Lifecycle::Applied);
    let later = realer.outcome(&device(), &desired.id, Duration::ZERO).await.unwrap();
    assert_eq!((later.lifecycle, later.closed_ms), (Lifecycle::Applied, Some(NOON_MS)));
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_does_not_come_in_time_is_pending() {
    let (realer, ..) = runtime();
    let desired = realer.wish(&device(), &lamp("1")).await.unwrap();
    let begun = tokio::time::Instant::now();
    let outcome = realer.outcome(&device(), &desired.id, Duration::from_secs(5)).await.unwrap();
    assert_eq!((outcome.lifecycle, begun.elapsed().as_secs()), (Lifecycle::Pending, 5));
    assert_eq!(realer.changes().watched(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_is_replaced_or_whose_time_is_over_has_an_outcome() {
    let (realer, _, clock) = runtime();
    let first = realer.wish(&device(), &lamp("1")).await.unwrap();
    let second =
        realer.wish(&device(), &bytes(&json!({ "command_id": LAMP, "value": "0", "expires_in": 2 }))).await.unwrap();
    assert_eq!((first.sequence, second.sequence), (1, 2));
    let outcome = realer.outcome(&device(), &first.id, Duration::MAX).await.unwrap();
    assert_eq!(outcome.lifecycle, Lifecycle::Superseded);
    let device_id = device();
    let wait = realer.outcome(&device_id, &second.id, Duration::from_secs(60));
    let time = async {
        tokio::time::sleep(Duration::from_millis(1999)).await;
        clock.set(NOON_MS + 2000);
    };
    let (outcome, ()) = tokio::join!(wait, time);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.lifecycle, outcome.closed_ms), (Lifecycle::Expired, second.expires_ms));
    // §5.1: a late answer is kept, and changes nothing about it.
    let late = json!({ "message_id": "l-1", "value": "0", "value_received_at": "2026-05-12T08:30:02Z" });
    let late = to_json(realer.report(&device(), &second, &bytes(&late)).await.unwrap());
    assert_eq!(late["warnings"][0]["type"], "desired_state_closed");
    assert_eq!(realer.outcome(&device(), &second.id, Duration::ZERO).await.unwrap().lifecycle, Lifecycle::Expired);
}

#[tokio::test]
async fn a_desired_state_that_is_not_there_has_no_outcome() {
    let (realer, store, _) = runtime();
    let id = DesiredId::new(0).unwrap();
    let outcome = realer.outcome(&device(), &id, Duration::MAX).await;
    assert_eq!(outcome, Err(Refusal::NotFound("desired state")));
    store.break_down();
    assert_eq!(realer.outcome(&device(), &id, Duration::MAX).await, Err(Refusal::Unavailable));
    assert_eq!(realer.wish(&device(), &lamp("1")).await, Err(Refusal::Unavailable));
}
