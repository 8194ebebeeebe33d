//! What callers find below `/iot/v1/` of a control device (docs/caller-http.md §8): the hub answers on its behalf.

mod calls;
mod desired;
mod program;
mod streams;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rtio_server::realer::DesiredId;
use serde_json::{Value, json};

use crate::support::caller::request;
use crate::support::realer::ControlDevice;
use crate::support::{Caller, Reply, TestHub};

/// Device URIs of this device that callers ask for.
fn path(device: &ControlDevice, name: &str) -> String {
    format!("/{}/iot/v1/{name}", device.id)
}

/// What the device told, as if it had come over any transport.
async fn tells(hub: &TestHub, device: &ControlDevice, item: Value) -> u64 {
    let body = item.to_string();
    hub.realer().feed_item(&device.id, body.as_bytes()).await.expect("the item is sound").feed_data_id
}

/// An answer of the device's relay to a desired state, observed in that second of 2026-05-12T08:31.
fn answer(device: &ControlDevice, desired: &DesiredId, status: &str, second: u32) -> Value {
    json!({
        "command_id": device.relay.as_str(),
        "message_id": format!("answer-{second}"),
        "value": if status == "applied" { "1.0" } else { "0.0" },
        "value_received_at": format!("2026-05-12T08:31:{second:02}Z"),
        "desired_id": desired.as_str(),
        "report_status": status,
    })
}

/// A wish about the device's relay.
fn wish(device: &ControlDevice, value: &str) -> Vec<u8> {
    json!({"command_id": device.relay.as_str(), "value": value}).to_string().into_bytes()
}

/// The desired state that waits for the device, once there is one.
async fn open(hub: &TestHub, device: &ControlDevice) -> DesiredId {
    loop {
        let now = hub.realer().now_ms();
        let open = hub.realer().store().open_desired(&device.id, now).await.expect("the store works");
        if let Some(desired) = open.first() {
            return desired.id.clone();
        }
        tokio::task::yield_now().await;
    }
}

/// Status, code and error type of a document.
fn refusal(reply: &Reply) -> (u16, u64, String) {
    assert_eq!(reply.header("content-type"), Some("application/json"), "{reply:?}");
    let document = reply.json();
    let number = document["code"].as_u64().expect("a document has a code");
    (reply.status, number, document["error"]["type"].as_str().unwrap_or_default().to_owned())
}

/// A caller that observes as server-sent events.
async fn observes(hub: &TestHub, path: &str, after: Option<&str>) -> Caller {
    let mut caller = hub.caller().await;
    let accept = ("accept", "text/event-stream");
    let headers: Vec<_> = [accept].into_iter().chain(after.map(|id| ("last-event-id", id))).collect();
    caller.sends(&request("GET", path, &headers, b"")).await;
    let head = caller.head().await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    caller
}

/// The next event: its id, its code and what its data says.
async fn event(caller: &mut Caller) -> (Option<u64>, String, Value) {
    let (mut id, mut object) = (None, None);
    while let Some(line) = caller.line().await {
        match line.split_once(": ") {
            Some(("id", number)) => id = Some(number.parse().expect("ids are numbers")),
            Some(("data", data)) => object = Some(serde_json::from_str::<Value>(data).expect("data is JSON")),
            Some(_) | None if line.is_empty() => break,
            Some(_) | None => {}
        }
    }
    let object = object.expect("an event has data");
    (id, object["code"].as_str().expect("a code").to_owned(), data_of(&object))
}

/// What the data of a frame says; `null` where it has none.
fn data_of(frame: &Value) -> Value {
    let data = STANDARD.decode(frame["data"].as_str().expect("data")).expect("base64");
    if data.is_empty() { Value::Null } else { serde_json::from_slice(&data).expect("a document") }
}
