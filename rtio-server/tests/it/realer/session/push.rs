//! Desired states reach a device that holds a session as soon as they are set, or as it comes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::time::Duration;

use rtio_server::realer::ports::CatalogChange;
use rtio_server::realer::{Command, CommandId, DesiredState, Lifecycle, Subscription};
use serde_json::{Value, json};

use super::{answers, connects, done, feeds, is_pushed};
use crate::support::realer::{ControlDevice, control_device};
use crate::support::{TestHub, eventually, hub};

/// Somebody wants the command to be `value`.
pub(super) async fn wish(hub: &TestHub, control: &ControlDevice, command: &CommandId, value: &str) -> DesiredState {
    let body = json!({ "command_id": command.as_str(), "value": value }).to_string();
    hub.realer().wish(&control.id, body.as_bytes()).await.unwrap()
}

/// How a desired state ends.
async fn outcome(hub: &TestHub, control: &ControlDevice, wish: &DesiredState) -> Lifecycle {
    let wait = Duration::from_secs(10);
    hub.realer().outcome(&control.id, &wish.id, wait).await.unwrap().lifecycle
}

/// How it stands now.
pub(super) async fn now(hub: &TestHub, control: &ControlDevice, wish: &DesiredState) -> Lifecycle {
    hub.realer().outcome(&control.id, &wish.id, Duration::ZERO).await.unwrap().lifecycle
}

/// Pushes that ended so.
pub(super) fn pushes(hub: &TestHub, outcome: &str) -> u64 {
    let name = format!("rtio_realer_pushes_total{{outcome=\"{outcome}\"}} ");
    hub.metrics().lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |count| count.parse().unwrap())
}

/// A second command, with a context of its own.
pub(super) async fn has_lamp(hub: &TestHub, control: &ControlDevice) -> CommandId {
    let id = CommandId::new(hub.realer().now_ms()).unwrap();
    let command = Command { id: id.clone(), label: "lamp".to_owned(), resources: Vec::new(), ..control.command() };
    hub.changes_catalog(vec![CatalogChange::PutCommand { device: control.id.clone(), command }]).await;
    id
}

#[tokio::test]
async fn s5_1_the_answer_to_a_push_is_the_report() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    let set = wish(&hub, &control, &control.relay, "1.0").await;
    let (push, desired) = is_pushed(&mut device).await;
    // §7.6
    let document = serde_json::to_value(hub.realer().desired_states(&control.id).await.unwrap()).unwrap();
    assert_eq!(desired, document["desired_states"][0]);
    assert_eq!(desired["desired_id"], set.id.as_str());
    answers(&mut device, &push, &done("1.0")).await;
    assert_eq!(outcome(&hub, &control, &set).await, Lifecycle::Applied);
    let kept = hub.realer().store().feed_data(&control.id, 0, 9).await.unwrap();
    assert_eq!((kept.len(), kept[0].value.as_str()), (1, "1.0"));
    eventually("it is counted", || pushes(&hub, "answered") == 1).await;
}

#[tokio::test]
async fn s6_1_a_push_may_be_answered_with_each_status() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    for (nth, (status, ends)) in
        [("applied", Lifecycle::Applied), ("rejected", Lifecycle::Rejected), ("stale", Lifecycle::Stale)]
            .into_iter()
            .enumerate()
    {
        let set = wish(&hub, &control, &control.relay, "1.0").await;
        let (push, _) = is_pushed(&mut device).await;
        let mut report = done("0.0");
        report["message_id"] = json!(format!("m-{nth}"));
        report["report_status"] = json!(status);
        answers(&mut device, &push, &report).await;
        assert_eq!(outcome(&hub, &control, &set).await, ends);
    }
}

#[tokio::test]
async fn s5_a_device_may_report_later() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    let set = wish(&hub, &control, &control.relay, "1.0").await;
    let (push, _) = is_pushed(&mut device).await;
    device.answers_request(push.message_id, b"\x22").await;
    eventually("it is counted", || pushes(&hub, "delivered") == 1).await;
    assert_eq!(now(&hub, &control, &set).await, Lifecycle::Pending);
    let mut report = done("1.0");
    report["command_id"] = json!(control.relay.as_str());
    report["desired_id"] = json!(set.id.as_str());
    assert_eq!(feeds(&mut device, &report).await["code"], 2001);
    assert_eq!(now(&hub, &control, &set).await, Lifecycle::Applied);
}

#[tokio::test]
async fn s5_without_a_handler_nothing_more_is_pushed_in_the_session() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    let first = wish(&hub, &control, &control.relay, "1.0").await;
    let (push, _) = is_pushed(&mut device).await;
    device.answers_request(push.message_id, b"\x25").await;
    eventually("it is counted", || pushes(&hub, "no_handler") == 1).await;
    let second = wish(&hub, &control, &control.relay, "0.0").await;
    device.receives_nothing().await;
    assert_eq!(now(&hub, &control, &first).await, Lifecycle::Superseded);
    assert_eq!(now(&hub, &control, &second).await, Lifecycle::Pending, "it is left to polling");
    // The next session may have one.
    let mut device = connects(&hub, &control).await;
    let (_, desired) = is_pushed(&mut device).await;
    assert_eq!(desired["desired_id"], second.id.as_str());
}

#[tokio::test]
async fn s5_open_ones_are_pushed_in_order_when_a_device_comes() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let lamp = has_lamp(&hub, &control).await;
    let relayed = wish(&hub, &control, &control.relay, "1.0").await;
    while hub.realer().now_ms() <= relayed.issued_ms {
        tokio::task::yield_now().await;
    }
    let lit = wish(&hub, &control, &lamp, "0.5").await;
    for _ in 0..2 {
        let mut device = connects(&hub, &control).await;
        let (push, desired) = is_pushed(&mut device).await;
        assert_eq!(desired["desired_id"], relayed.id.as_str());
        device.receives_nothing().await;
        device.answers_request(push.message_id, b"\x22").await;
        let (push, desired) = is_pushed(&mut device).await;
        assert_eq!(desired["desired_id"], lit.id.as_str());
        device.answers_request(push.message_id, b"\x22").await;
        device.receives_nothing().await;
    }
}

#[tokio::test]
async fn s5_what_was_superseded_while_another_is_pushed_is_skipped() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    let first = wish(&hub, &control, &control.relay, "1.0").await;
    let (push, _) = is_pushed(&mut device).await;
    let second = wish(&hub, &control, &control.relay, "2.0").await;
    let third = wish(&hub, &control, &control.relay, "3.0").await;
    device.receives_nothing().await;
    answers(&mut device, &push, &done("1.0")).await;
    let (push, desired) = is_pushed(&mut device).await;
    assert_eq!(desired["desired_id"], third.id.as_str());
    let mut report = done("3.0");
    report["message_id"] = json!("m-3");
    answers(&mut device, &push, &report).await;
    assert_eq!(outcome(&hub, &control, &third).await, Lifecycle::Applied);
    assert_eq!(now(&hub, &control, &first).await, Lifecycle::Superseded);
    assert_eq!(now(&hub, &control, &second).await, Lifecycle::Superseded);
    let state: Vec<_> = hub.realer().store().feed_data(&control.id, 0, 9).await.unwrap();
    assert_eq!(state.len(), 2, "the late report is kept all the same");
}

#[tokio::test]
async fn s1_6_a_device_that_is_not_served_is_told_nothing() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    control.is_changed(&hub, |settings| settings.subscription = Subscription::Inactive).await;
    let set = wish(&hub, &control, &control.relay, "1.0").await;
    device.receives_nothing().await;
    // What has waited is told as soon as the device is served again, in the session that it has.
    control.is_changed(&hub, |settings| settings.subscription = Subscription::Active).await;
    let (_, desired): (_, Value) = is_pushed(&mut device).await;
    assert_eq!(desired["desired_id"], set.id.as_str());
}
