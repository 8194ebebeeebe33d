//! The runtime against a fake hub: desired states are acted on once, and what is told arrives once, whatever the connection does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rtio_device_sdk::realer::{Answer, Realer, RealerError};
use rtio_device_sdk::{Capacity, StatusCode, UriDigest};
use rtio_proto::session::HubEvent;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::fake_hub::{FakeHub, HubEnd, Running, device, soon};

type Hub = HubEnd<TcpStream>;

const DESIRED: &str = "/iot/v1/desired-states";
const FEED_DATA: &str = "/iot/v1/feed-data";
const BOOTSTRAP: &str = "/iot/v1/bootstrap";

fn opened() -> Realer {
    Realer::builder().open().unwrap()
}

fn desired(id: &str, sequence: u64) -> Value {
    json!({"desired_id": id, "command_id": "cmd_1", "resource_id": null, "value": "1.0", "sequence_number": sequence,
        "issued_at": "2026-05-12T08:30:00Z", "expires_at": null, "new": 1})
}

fn states(open: &[Value]) -> Value {
    json!({"code": 2000, "catalog_revision": "cat-1", "runtime_revision": "run-1", "desired_states": open})
}

/// Answers the device's next request, which is to be of this URI, and returns it.
async fn asked(hub: &mut Hub, uri: &str, status: StatusCode, answer: impl Fn(&Value) -> Value) -> Value {
    let HubEvent::Report { message_id, digest, data } =
        soon(hub.wait(|event| matches!(event, HubEvent::Report { .. }))).await
    else {
        unreachable!()
    };
    let asked: Value = serde_json::from_slice(&data).unwrap();
    assert_eq!(digest, UriDigest::of(uri), "{asked}");
    let answer = answer(&asked).to_string();
    hub.apply(|session, _| session.answer_report(message_id, status, answer.as_bytes())).await;
    asked
}

async fn answered(hub: &mut Hub, uri: &str, answer: Value) -> Value {
    asked(hub, uri, StatusCode::Ok, move |_| answer.clone()).await
}

/// The device asks for desired states after each connection.
async fn greeted(hub: &mut Hub) {
    answered(hub, DESIRED, states(&[])).await;
}

async fn served(hub: &FakeHub, realer: &Realer) -> (Running, Hub) {
    let (running, mut hub_end) = hub.serve(device().realer(realer)).await;
    greeted(&mut hub_end).await;
    (running, hub_end)
}

async fn pushed(hub: &mut Hub, desired: &Value) -> (StatusCode, Value) {
    let (status, data) = hub.ask(DESIRED, desired.to_string().as_bytes()).await;
    (status, serde_json::from_slice(&data).unwrap_or(Value::Null))
}

/// Counts the desired states that it is called for.
fn counts(realer: &Realer) -> Arc<AtomicUsize> {
    let called = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&called);
    realer.on_desired("cmd_1", move |wish| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move { Answer::applied(wish.value) }
    });
    called
}

/// What every item of a batch, or the only item, becomes.
fn created(asked: &Value) -> Value {
    match asked["items"].as_array() {
        None => json!({"code": 2001, "status": "created"}),
        Some(items) => {
            let results = items.iter().enumerate().map(|(index, _)| json!({"index": index, "code": 2001}));
            json!({"code": 2000, "status": "completed", "results": results.collect::<Vec<_>>()})
        }
    }
}

/// Message ids of an item or a batch.
fn ids(asked: &Value) -> Vec<&str> {
    let items = asked["items"].as_array().map_or_else(|| std::slice::from_ref(asked), Vec::as_slice);
    items.iter().map(|item| item["message_id"].as_str().unwrap()).collect()
}

/// §9.3
#[tokio::test]
async fn a_push_is_answered_with_the_report_and_acted_on_once() {
    let (hub, realer) = (FakeHub::start().await, opened());
    let called = counts(&realer);
    let (running, mut hub_end) = served(&hub, &realer).await;
    let (status, report) = pushed(&mut hub_end, &desired("des_2", 2)).await;
    assert_eq!(status, StatusCode::Ok);
    assert_eq!((&report["value"], &report["report_status"]), (&json!("1.0"), &json!("applied")));
    assert_eq!((&report["sequence_number"], &report["command_id"]), (&json!(2), &Value::Null));
    assert!(report["message_id"].is_string() && report["value_received_at"].is_string(), "{report}");
    assert_eq!(pushed(&mut hub_end, &desired("des_2", 2)).await, (StatusCode::Ok, report), "the same again");
    let (_, stale) = pushed(&mut hub_end, &desired("des_1", 1)).await;
    assert_eq!((&stale["value"], &stale["report_status"]), (&json!("1.0"), &json!("stale")));
    let late = json!({"desired_id": "des_3", "command_id": "cmd_1", "value": "0", "sequence_number": 3,
        "expires_at": "2024-01-01T00:00:00Z"});
    assert_eq!(pushed(&mut hub_end, &late).await.1["report_status"], "stale");
    assert_eq!(called.load(Ordering::Relaxed), 1);

    let unknown = json!({"desired_id": "des_4", "command_id": "cmd_9", "value": "0", "sequence_number": 1});
    assert_eq!(pushed(&mut hub_end, &unknown).await, (StatusCode::Ok, Value::Null));
    assert_eq!(hub_end.ask(DESIRED, b"{").await.0, StatusCode::BadRequest);
    drop(running);
}

#[tokio::test]
async fn a_handler_that_panics_has_not_answered_and_is_called_again() {
    let (hub, realer) = (FakeHub::start().await, opened());
    let called = AtomicUsize::new(0);
    realer.on_desired("cmd_1", move |_| {
        let first = called.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            assert!(!first, "this is meant to be");
            Answer::rejected("0")
        }
    });
    let (_running, mut hub_end) = served(&hub, &realer).await;
    assert_eq!(pushed(&mut hub_end, &desired("des_1", 1)).await.0, StatusCode::InternalError);
    assert_eq!(pushed(&mut hub_end, &desired("des_1", 1)).await.1["report_status"], "rejected");
}

#[tokio::test]
async fn what_was_desired_while_the_device_was_away_is_asked_for_after_each_connection() {
    let (hub, realer) = (FakeHub::start().await, opened());
    let called = counts(&realer);
    let (_running, mut hub_end) = hub.serve(device().realer(&realer)).await;
    let asked_for = answered(&mut hub_end, DESIRED, states(&[desired("des_1", 1)])).await;
    assert_eq!(asked_for, json!({"page": 0}));
    let report = asked(&mut hub_end, FEED_DATA, StatusCode::Ok, created).await;
    assert_eq!((&report["command_id"], &report["desired_id"]), (&json!("cmd_1"), &json!("des_1")));
    // The hub pushes it, too, and then the connection is lost before the hub has kept the report.
    let (_, again) = pushed(&mut hub_end, &desired("des_1", 1)).await;
    assert_eq!(again["message_id"], report["message_id"]);
    drop(hub_end);
    let mut hub_end = hub.accept().await;
    answered(&mut hub_end, DESIRED, states(&[desired("des_1", 1)])).await;
    let again = asked(&mut hub_end, FEED_DATA, StatusCode::Ok, created).await;
    assert_eq!(again, report);
    soon(realer.all_sent()).await;
    assert_eq!(called.load(Ordering::Relaxed), 1);
}

/// What a device did is told also where the answer to the push was lost and its desired state is over when the device is back.
#[tokio::test]
async fn an_answer_that_may_be_lost_with_the_connection_is_told_again() {
    let (hub, realer) = (FakeHub::start().await, opened());
    let called = counts(&realer);
    let (_running, mut hub_end) = served(&hub, &realer).await;
    let (_, report) = pushed(&mut hub_end, &desired("des_1", 1)).await;
    drop(hub_end);
    let mut hub_end = hub.accept().await;
    greeted(&mut hub_end).await;
    let again = asked(&mut hub_end, FEED_DATA, StatusCode::Ok, created).await;
    assert_eq!((&again["message_id"], &again["value"]), (&report["message_id"], &report["value"]));
    assert_eq!(again["desired_id"], "des_1");
    soon(realer.all_sent()).await;
    assert_eq!(called.load(Ordering::Relaxed), 1);
    // The hub has it: it is not told a third time.
    drop(hub_end);
    let mut hub_end = hub.accept().await;
    greeted(&mut hub_end).await;
    assert_eq!(realer.waiting(), 0);
}

#[tokio::test]
async fn a_handler_that_comes_late_gets_what_was_desired_before() {
    let (hub, realer) = (FakeHub::start().await, opened());
    let (_running, mut hub_end) = served(&hub, &realer).await;
    assert_eq!(pushed(&mut hub_end, &desired("des_1", 1)).await, (StatusCode::Ok, Value::Null));
    counts(&realer);
    answered(&mut hub_end, DESIRED, states(&[desired("des_1", 1)])).await;
    let report = asked(&mut hub_end, FEED_DATA, StatusCode::Ok, created).await;
    assert_eq!(report["report_status"], "applied");
}

/// §6.4, §11: oldest first, in batches that fit, with the same id until the hub has it.
#[tokio::test]
async fn what_was_told_offline_arrives_in_order_and_a_lost_answer_changes_no_id() {
    let (hub, realer) = (FakeHub::start().await, opened());
    for number in 0..7 {
        realer.reading("sns_1", f64::from(number) + 0.5).await.unwrap();
    }
    let (_running, mut hub_end) = served(&hub, &realer).await;
    let first = hub_end.wait(|event| matches!(event, HubEvent::Report { .. })).await;
    let HubEvent::Report { data, .. } = first else { unreachable!() };
    let lost: Value = serde_json::from_slice(&data).unwrap();
    assert_eq!(ids(&lost).len(), 3, "{lost}");
    drop(hub_end);
    let mut hub_end = hub.accept().await;
    greeted(&mut hub_end).await;
    let mut values = Vec::new();
    while values.len() < 7 {
        let batch = asked(&mut hub_end, FEED_DATA, StatusCode::Ok, created).await;
        if values.is_empty() {
            assert_eq!(batch, lost);
        }
        let items = batch["items"].as_array().map_or_else(|| vec![batch.clone()], Clone::clone);
        values.extend(items.iter().map(|item| item["value"].as_str().unwrap().to_owned()));
    }
    assert_eq!(values, ["0.5", "1.5", "2.5", "3.5", "4.5", "5.5", "6.5"]);
    soon(realer.all_sent()).await;
}

#[tokio::test]
async fn items_are_judged_one_by_one() {
    let (hub, realer) = (FakeHub::start().await, opened());
    for number in 0..3 {
        realer.reading("sns_1", number).await.unwrap();
    }
    let (_running, mut hub_end) = served(&hub, &realer).await;
    let results = json!({"code": 2000, "status": "partial", "results": [
        {"index": 0, "code": 4009, "error": {"type": "message_conflict", "message": "m"}},
        {"index": 1, "code": 4022, "error": {"type": "validation_failed", "message": "m"}},
        {"index": 2, "code": 2000, "status": "replayed"}]});
    let batch = answered(&mut hub_end, FEED_DATA, results).await;
    let renamed = asked(&mut hub_end, FEED_DATA, StatusCode::Ok, created).await;
    assert_eq!(renamed["value"], "0");
    assert!(!ids(&batch).contains(&ids(&renamed)[0]));
    soon(realer.all_sent()).await;
}

#[tokio::test]
async fn a_larger_capacity_has_larger_batches() {
    let (hub, realer) = (FakeHub::start().await, opened());
    for number in 0..30 {
        realer.reading("sns_1", number).await.unwrap();
    }
    let (_running, mut hub_end) = hub.serve(device().capacity(Capacity::Bytes4096).realer(&realer)).await;
    greeted(&mut hub_end).await;
    let batch = asked(&mut hub_end, FEED_DATA, StatusCode::Ok, created).await;
    assert!(ids(&batch).len() > 20, "{}", ids(&batch).len());
}

#[tokio::test]
async fn the_descriptor_is_put_together_and_known_to_be_out_of_date() {
    let (hub, realer) = (FakeHub::start().await, opened());
    let (running, mut hub_end) = served(&hub, &realer).await;
    let page = |next: Option<u64>, command: &str| {
        json!({"code": 2000, "catalog_revision": "cat-1", "runtime_revision": "run-1", "next": next, "commands": [
            {"id": command, "value": "0", "value_type": "Binary", "kind": "relay", "pin_port": "6"}]})
    };
    let asking = tokio::spawn({
        let realer = realer.clone();
        async move { realer.bootstrap().await }
    });
    answered(&mut hub_end, BOOTSTRAP, page(Some(1), "cmd_1")).await;
    assert_eq!(answered(&mut hub_end, BOOTSTRAP, page(None, "cmd_2")).await, json!({"page": 1}));
    let descriptor = soon(asking).await.unwrap().unwrap();
    assert_eq!(descriptor.commands.iter().map(|command| &*command.id).collect::<Vec<_>>(), ["cmd_1", "cmd_2"]);

    let outdated = tokio::spawn({
        let realer = realer.clone();
        async move { realer.outdated().await }
    });
    counts(&realer);
    answered(&mut hub_end, DESIRED, states(&[])).await;
    // A command that the descriptor knows and the program does not is the program's choice; another one is news.
    let of = |command: &str| json!({"desired_id": "des_9", "command_id": command, "value": "0", "sequence_number": 1});
    pushed(&mut hub_end, &of("cmd_2")).await;
    assert!(!outdated.is_finished());
    pushed(&mut hub_end, &of("cmd_3")).await;
    soon(outdated).await.unwrap();
    drop(running);
}

#[tokio::test]
async fn refusals_are_told_and_what_cannot_be_sent_is_not_taken() {
    let (hub, realer) = (FakeHub::start().await, opened());
    let (_running, mut hub_end) = served(&hub, &realer).await;
    let asking = tokio::spawn({
        let realer = realer.clone();
        async move { realer.bootstrap().await }
    });
    let refused = json!({"code": 4002, "error": {"type": "subscription_inactive", "message": "not active"}});
    answered(&mut hub_end, BOOTSTRAP, refused).await;
    let told = soon(asking).await.unwrap().unwrap_err();
    assert_eq!(told.to_string(), "refused with 4002 subscription_inactive: not active");
    assert_eq!(realer.report("cmd_1", "").await, Err(RealerError::BadValue { chars: 0 }));
    assert_eq!(realer.report("cmd_1", "x".repeat(256)).await, Err(RealerError::BadValue { chars: 256 }));
    let wide = realer.report("cmd_1", "\u{10ffff}".repeat(255)).await;
    assert!(matches!(wide, Err(RealerError::TooLarge { max: 507, .. })), "{wide:?}");
    assert_eq!(realer.waiting(), 0);
}

/// §11, `subscription_inactive`: the wait of an hour is over as soon as the hub shows that the device is served again.
#[tokio::test]
async fn who_is_served_again_goes_on_at_once() {
    let (hub, realer) = (FakeHub::start().await, opened());
    counts(&realer);
    let (_running, mut hub_end) = hub.serve(device().realer(&realer)).await;
    let refused = json!({"code": 4002, "error": {"type": "subscription_inactive", "message": "not active"}});
    answered(&mut hub_end, DESIRED, refused.clone()).await;
    // By a descriptor.
    let asking = tokio::spawn({
        let realer = realer.clone();
        async move { realer.bootstrap().await }
    });
    let document = json!({"code": 2000, "catalog_revision": "cat-1", "runtime_revision": "run-1"});
    answered(&mut hub_end, BOOTSTRAP, document).await;
    soon(asking).await.unwrap().unwrap();
    answered(&mut hub_end, DESIRED, states(&[])).await;
    realer.reading("sns_1", 20.5).await.unwrap();
    answered(&mut hub_end, FEED_DATA, refused).await;
    // By a push.
    pushed(&mut hub_end, &desired("des_1", 1)).await;
    let sent = asked(&mut hub_end, FEED_DATA, StatusCode::Ok, created).await;
    assert_eq!(sent["value"], "20.5");
    soon(realer.all_sent()).await;
}

/// §5.2, §6.4: over restarts.
#[tokio::test]
async fn what_is_kept_survives_the_program() {
    let (hub, folder) = (FakeHub::start().await, tempfile::tempdir().unwrap());
    let open = || Realer::builder().keep_in(folder.path()).open().unwrap();
    let first = {
        let realer = open();
        counts(&realer);
        realer.reading("sns_1", 20.5).await.unwrap();
        let (running, mut hub_end) = hub.serve(device().realer(&realer)).await;
        let (_, report) = pushed(&mut hub_end, &desired("des_1", 1)).await;
        running.ended.abort();
        assert!(running.ended.await.is_err());
        let in_use = Realer::builder().keep_in(folder.path()).open();
        assert!(matches!(in_use, Err(RealerError::NotKept { .. })), "{in_use:?}");
        report
    };
    // The runtime goes with the last task that had it.
    let realer = soon(async {
        loop {
            match Realer::builder().keep_in(folder.path()).open() {
                Ok(realer) => return realer,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    let called = counts(&realer);
    assert_eq!(realer.waiting(), 1);
    let (_running, mut hub_end) = served(&hub, &realer).await;
    let (_, again) = pushed(&mut hub_end, &desired("des_1", 1)).await;
    assert_eq!((again, called.load(Ordering::Relaxed)), (first, 0));
    let sent = asked(&mut hub_end, FEED_DATA, StatusCode::Ok, created).await;
    assert_eq!(sent["value"], "20.5");
    soon(realer.all_sent()).await;
}
