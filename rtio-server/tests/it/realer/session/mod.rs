//! A control device that holds a session: the URIs of the runtime, and what is pushed to it.

mod feed;
mod push;
mod push_failures;
mod reads;
mod verification;

use rtio_proto::UriDigest;
use serde_json::{Value, json};

use crate::support::realer::ControlDevice;
use crate::support::{Device, Frame, TestHub};

/// The session of a control device.
async fn connects(hub: &TestHub, control: &ControlDevice) -> Device {
    connects_at_level(hub, control, 0).await
}

async fn connects_at_level(hub: &TestHub, control: &ControlDevice, level: u8) -> Device {
    Device::verify_with(hub.peer().await, control.id.as_str(), &control.secret, level).await
}

/// The hub's answer to a CoPOST: status and data.
async fn posts(device: &mut Device, uri: &str, body: &[u8]) -> (u8, Vec<u8>) {
    let message_id = device.reports(&[&[0x20], &UriDigest::of(uri).to_wire()[..], body].concat()).await;
    let answer = device.receives().await;
    assert_eq!(answer.message_id, message_id, "{answer:?}");
    (answer.body[0], answer.body[1..].to_vec())
}

/// The document that the hub answers, which has at most 504 bytes.
async fn asks(device: &mut Device, uri: &str, body: &[u8]) -> Value {
    let (status, data) = posts(device, uri, body).await;
    assert_eq!(status, 0x22, "{uri}");
    assert!(data.len() <= 504, "{}", String::from_utf8_lossy(&data));
    serde_json::from_slice(&data).expect("a document")
}

/// The same of JSON.
async fn feeds(device: &mut Device, body: &Value) -> Value {
    asks(device, "/iot/v1/feed-data", body.to_string().as_bytes()).await
}

/// All pages, merged as docs/realer.md says, and how many there were.
async fn reads(device: &mut Device, uri: &str) -> (Value, usize) {
    let mut whole = asks(device, uri, b"").await;
    let mut pages = 1;
    while let Some(next) = whole.as_object_mut().expect("an object").shift_remove("next") {
        assert_eq!(next, pages);
        merge(&mut whole, asks(device, uri, json!({ "page": next }).to_string().as_bytes()).await);
        pages += 1;
    }
    (whole, pages)
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            from.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from),
        (into, from) => *into = from,
    }
}

/// What the hub pushes next: its frame, and the desired state.
async fn is_pushed(device: &mut Device) -> (Frame, Value) {
    let request = device.receives_request().await;
    let expected = [&[0x20], &UriDigest::of("/iot/v1/desired-states").to_wire()[..]].concat();
    assert_eq!(request.body[..5], expected);
    let desired = serde_json::from_slice(&request.body[5..]).expect("a desired state");
    (request, desired)
}

/// Answers a push with JSON.
async fn answers(device: &mut Device, push: &Frame, body: &Value) {
    device.answers_request(push.message_id, &[&[0x22], body.to_string().as_bytes()].concat()).await;
}

/// A report that something is done.
fn done(value: &str) -> Value {
    json!({ "message_id": "m-1", "value": value, "value_received_at": "2026-05-12T08:31:10Z" })
}
