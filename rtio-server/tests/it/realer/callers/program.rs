//! `rtio call` and `rtio observe` of a control device's `/iot/v1/…`.

use serde_json::{Value, json};

use super::{answer, open, tells};
use crate::program::{Running, rtio, run};
use crate::support::hub;
use crate::support::realer::control_device;

#[tokio::test(flavor = "multi_thread")]
async fn the_command_reads_wishes_and_observes() {
    let hub = hub().with_realer().start().await;
    let device = control_device(&hub).await;
    let at = format!("--hub http://{}", hub.http_addr);
    let (code, out, err) = run(&mut rtio(&format!("call {at} {} /iot/v1/state", device.id)));
    let state: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, err.as_str(), &state["code"]), (Some(0), "", &json!(2000)));

    let mut observer = Running::start(&mut rtio(&format!("observe {at} {} /iot/v1/state", device.id)));
    assert_eq!(serde_json::from_str::<Value>(&observer.line()).unwrap(), state);

    let wish = String::from_utf8(super::wish(&device, "1.0")).unwrap();
    let mut command = rtio(&format!("call {at} {} /iot/v1/desired --wait 60s", device.id));
    let wishes = tokio::task::spawn_blocking(move || run(command.arg(wish)));
    let desired = open(&hub, &device).await;
    tells(&hub, &device, answer(&device, &desired, "applied", 12)).await;
    let (code, out, err) = wishes.await.unwrap();
    let outcome: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out} {err}"));
    assert_eq!((code, &outcome["status"]), (Some(0), &json!("applied")));
    let change: Value = serde_json::from_str(&observer.line()).unwrap();
    assert_eq!(change["commands"][0]["id"], device.relay.as_str());

    let (code, _, err) = run(rtio(&format!("call {at} {} /iot/v1/desired", device.id)).arg("{}"));
    assert!(code == Some(6) && err.contains("validation_failed"), "{code:?} {err}");
    let (code, _, err) = run(&mut rtio(&format!("call {at} {} /iot/v1/other", device.id)));
    assert!(code == Some(5) && err.contains("resource_not_found"), "{code:?} {err}");
}
