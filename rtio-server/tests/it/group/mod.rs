//! Group calls: `POST /v1/calls`, and `rtio call --all` (docs/caller-http.md §7).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod answers;
mod ends;
mod pace;
mod program;
mod requests;
mod rights;

use serde_json::{Value, json};

use crate::support::caller::request;
use crate::support::{Caller, TestHub};

/// A call of `/uri` of these devices.
fn of(devices: &[&str]) -> Value {
    json!({"devices": devices, "uri": "/uri", "data": "now"})
}

/// The same, with one more field or another value.
fn with(mut call: Value, field: &str, value: impl Into<Value>) -> Value {
    call[field] = value.into();
    call
}

/// Whoever has begun a group call.
async fn begins(hub: &TestHub, call: &Value) -> Caller {
    begins_with(hub, &[], call).await
}

async fn begins_with(hub: &TestHub, headers: &[(&str, &str)], call: &Value) -> Caller {
    let mut caller = hub.caller().await;
    caller.sends(&request("POST", "/v1/calls", headers, call.to_string().as_bytes())).await;
    let head = caller.head().await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("application/x-ndjson")), "{head:?}");
    caller
}

/// The next line.
async fn line(caller: &mut Caller) -> Value {
    serde_json::from_str(&caller.line().await.expect("a line")).unwrap()
}

/// `ID CODE`, for the next line of a device.
async fn told(caller: &mut Caller) -> String {
    short(&line(caller).await)
}

fn short(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
    let missing = line["missing"].as_str().map_or_else(String::new, |missing| format!(" missing {missing}"));
    format!("{} {}{missing}", text("device"), text("code"))
}

/// All lines of a whole group call: those of devices in short, sorted; and the last one.
async fn all(hub: &TestHub, headers: &[(&str, &str)], call: &Value) -> (Vec<String>, Value) {
    rest(begins_with(hub, headers, call).await).await
}

async fn rest(mut caller: Caller) -> (Vec<String>, Value) {
    let mut lines: Vec<Value> = caller.lines().await.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = lines.pop().expect("a last line");
    let mut told: Vec<_> = lines.iter().map(short).collect();
    told.sort();
    (told, last)
}

/// Devices and codes of a summary.
fn summary(last: &Value) -> (u64, &Value) {
    let summary = &last["summary"];
    (summary["devices"].as_u64().unwrap_or_else(|| panic!("{last} is no summary")), &summary["codes"])
}
