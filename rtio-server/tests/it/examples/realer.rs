//! The control devices among the examples: one that holds a session, one that polls, in shell, and one that speaks MQTT.

use std::process::Command;

use serde_json::{Value, json};

use super::Example;
use crate::support::realer::{ControlDevice, control_device, control_device_with};
use crate::support::{TestHub, hub, within};

/// A caller wants the relay to be `value`, and waits for what becomes of that.
async fn wants(hub: &TestHub, device: &ControlDevice, value: &str) -> Value {
    let wish = json!({"command_id": device.relay.as_str(), "value": value}).to_string();
    let path = format!("/{}/iot/v1/desired", device.id);
    hub.asks("POST", &path, &[("prefer", "wait=10")], wish.as_bytes()).await.json()
}

/// Waits until this was reported last of the relay and of the thermistor.
async fn is_reported(hub: &TestHub, device: &ControlDevice, relay: &str, thermistor: &str) {
    let reported = async {
        loop {
            let state = hub.asks("POST", &format!("/{}/iot/v1/state", device.id), &[], b"").await.json();
            let values = ["commands", "sensors"].map(|of| state[of][0]["reported"]["value"].clone());
            if values == [json!(relay), json!(thermistor)] {
                return;
            }
        }
    };
    within("the hub has both values", reported).await;
}

#[tokio::test]
async fn realer_greenhouse_does_what_is_desired_and_says_so_in_its_answer() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let flags = ["--id", device.id.as_str(), "--secret", &device.secret];
    let mut example = Example::start_with(&hub, "realer_greenhouse", &flags).await;
    example.prints("bootstrap ").await;
    for (value, status) in [("1", "applied"), ("0.5", "rejected"), ("0", "applied")] {
        let outcome = wants(&hub, &device, value).await;
        assert_eq!((&outcome["status"], &outcome["value"]), (&json!(status), &json!(value)), "{outcome}");
    }
    example.prints("applied 0").await;
    is_reported(&hub, &device, "0", "17.5").await;
}

#[tokio::test]
async fn poll_sh_does_what_is_desired_when_it_comes_the_next_time() {
    let hub = hub().with_realer().start().await;
    let (device, folder) = (control_device(&hub).await, tempfile::tempdir().expect("a folder"));
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/realer/poll.sh");
    let mut command = Command::new("sh");
    command.arg(script).env("HUB", format!("http://{}", hub.http_addr)).env("STATE", folder.path());
    command.env("CLIENT_ID", device.id.as_str()).env("CLIENT_SECRET", &device.secret).env("NO_PROXY", "*");
    let mut example = Example::spawn(&mut command);
    example.prints("created ").await;
    for (value, status) in [("1.0", "applied"), ("0.5", "rejected"), ("0", "applied")] {
        let outcome = wants(&hub, &device, value).await;
        assert_eq!((&outcome["status"], &outcome["value"]), (&json!(status), &json!(value)), "{outcome}");
    }
    is_reported(&hub, &device, "0", "21.5").await;
}

#[tokio::test]
async fn mqtt_greenhouse_does_what_is_desired_and_answers_calls() {
    let hub = hub().with_realer().with_mqtt().start().await;
    let device = control_device_with(&hub, |settings| settings.protocols.mqtt = true).await;
    let server = hub.http_addr.to_string();
    let flags = ["--server", &server, "--id", device.id.as_str(), "--secret", &device.secret];
    let mut example = Example::run("mqtt_greenhouse", &flags).await;
    example.prints("created ").await;
    for (value, status) in [("1", "applied"), ("0.5", "rejected")] {
        let outcome = wants(&hub, &device, value).await;
        assert_eq!((&outcome["status"], &outcome["value"]), (&json!(status), &json!(value)), "{outcome}");
    }
    let speed = hub.calls(&format!("/{}/fan/speed", device.id), b"now").await;
    assert_eq!((speed.status, &*speed.body), (200, &b"1450 rpm"[..]));
    is_reported(&hub, &device, "1", "17.5").await;
}
