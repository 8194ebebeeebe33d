//! Pushes that do not get through, and what becomes of them.

use std::time::Duration;

use rtio_server::realer::Lifecycle;
use rtio_server::realer::ports::CatalogChange;
use serde_json::json;

use super::push::{has_lamp, now, pushes, wish};
use super::{answers, connects, done, is_pushed};
use crate::support::realer::control_device;
use crate::support::{Clock, eventually, hub};

#[tokio::test]
async fn a_take_over_in_the_middle_of_a_push_has_it_pushed_again() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    let set = wish(&hub, &control, &control.relay, "1.0").await;
    is_pushed(&mut device).await;
    let mut newcomer = connects(&hub, &control).await;
    let (push, desired) = is_pushed(&mut newcomer).await;
    assert_eq!(desired["desired_id"], set.id.as_str());
    answers(&mut newcomer, &push, &done("1.0")).await;
    eventually("it is applied", || pushes(&hub, "answered") == 1).await;
    assert_eq!(now(&hub, &control, &set).await, Lifecycle::Applied);
    assert_eq!(pushes(&hub, "gone"), 1);
}

#[tokio::test]
async fn an_answer_that_is_no_report_changes_nothing_and_holds_nothing_up() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let lamp = has_lamp(&hub, &control).await;
    let mut device = connects(&hub, &control).await;
    for (nth, garbage) in
        [&b"\x22ok"[..], b"\x22{}", b"\x22\xFF", b"\x22{\"value\":1}", b"\x22[]"].into_iter().enumerate()
    {
        let set = wish(&hub, &control, &control.relay, "1.0").await;
        let (push, _) = is_pushed(&mut device).await;
        device.answers_request(push.message_id, garbage).await;
        eventually("it is counted", || pushes(&hub, "bad_answer") == nth as u64 + 1).await;
        assert_eq!(now(&hub, &control, &set).await, Lifecycle::Pending);
        device.receives_nothing().await;
    }
    let lit = wish(&hub, &control, &lamp, "1.0").await;
    let (push, desired) = is_pushed(&mut device).await;
    assert_eq!(desired["desired_id"], lit.id.as_str());
    // One of the device's own answers to another one.
    let mut report = done("1.0");
    report["desired_id"] = json!("des_01jv3m5r0a0b0c0d0e0f0g0h2a");
    answers(&mut device, &push, &report).await;
    eventually("it is counted", || pushes(&hub, "bad_answer") == 6).await;
    assert_eq!(now(&hub, &control, &lit).await, Lifecycle::Pending);
}

#[tokio::test]
async fn a_device_that_fails_or_never_answers_is_tried_a_few_times() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    let set = wish(&hub, &control, &control.relay, "1.0").await;
    let clock = Clock::stopped();
    let (push, _) = is_pushed(&mut device).await;
    device.answers_request(push.message_id, b"\x21").await;
    eventually("it is counted", || pushes(&hub, "failed") == 1).await;
    for (nth, pause) in [(1, 1), (2, 2), (3, 4)] {
        clock.passes(Duration::from_secs(pause) - STEP).await;
        device.has_received_nothing();
        clock.passes(STEP + TICK).await;
        let (_, desired) = is_pushed(&mut device).await;
        assert_eq!(desired["desired_id"], set.id.as_str());
        clock.passes(Duration::from_secs(10) + TICK).await;
        eventually("it is counted", || pushes(&hub, "silent") == nth).await;
    }
    clock.passes(Duration::from_secs(60)).await;
    device.has_received_nothing();
    assert_eq!(now(&hub, &control, &set).await, Lifecycle::Pending, "it is left to polling");
    // A new one is a new try.
    let set = wish(&hub, &control, &control.relay, "2.0").await;
    let (push, desired) = is_pushed(&mut device).await;
    assert_eq!(desired["desired_id"], set.id.as_str());
    answers(&mut device, &push, &done("2.0")).await;
    eventually("it is applied", || pushes(&hub, "answered") == 1).await;
}

#[tokio::test]
async fn what_fits_no_message_is_left_to_polling() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let lamp = has_lamp(&hub, &control).await;
    let text = rtio_server::realer::Command { value_type: "Customary".to_owned(), ..control.command() };
    hub.changes_catalog(vec![CatalogChange::PutCommand { device: control.id.clone(), command: text }]).await;
    let mut device = connects(&hub, &control).await;
    let long = wish(&hub, &control, &control.relay, &"é".repeat(255)).await;
    eventually("it is counted", || pushes(&hub, "too_large") == 1).await;
    let short = wish(&hub, &control, &lamp, "1.0").await;
    let (_, desired) = is_pushed(&mut device).await;
    assert_eq!(desired["desired_id"], short.id.as_str());
    assert_eq!(now(&hub, &control, &long).await, Lifecycle::Pending);
}

/// Short against the pauses.
const STEP: Duration = Duration::from_millis(300);

/// A timer that is due may be late by a millisecond.
const TICK: Duration = Duration::from_millis(5);
