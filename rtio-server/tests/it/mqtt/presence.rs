//! A device is there, whichever protocol it speaks: operators see it, callers' groups reach it, and it can be sent away. (Contract §12.)

use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{rtio, run};
use crate::support::device::Device;
use crate::support::events::{EventReader, operated, operates};
use crate::support::mqtt::{Connect, DISCONNECT, MqttClient, PINGREQ, PINGRESP, Version, mqtt_device};
use crate::support::realer::control_device;
use crate::support::{Clock, TestHub, hub};

const BOTH: [Version; 2] = [Version::V3, Version::V5];

async fn operated_hub() -> (TestHub, tempfile::NamedTempFile) {
    let (builder, token) = operated(hub().with_realer().with_mqtt());
    (builder.start().await, token)
}

/// The hub ends it, and says why where there is a word for it.
async fn is_ended(mut client: MqttClient, version: Version, reason: u8) {
    let rest: Vec<_> = client.rest().await.iter().map(|end| (end.kind(), end.body[0])).collect();
    assert_eq!(rest, if version == Version::V3 { vec![] } else { vec![(DISCONNECT, reason)] });
}

#[tokio::test]
async fn operators_see_it_beside_the_others_12() {
    let (hub, _token) = operated_hub().await;
    let (device, other) = (mqtt_device(&hub).await, control_device(&hub).await);
    let _other = Device::verify_with(hub.peer().await, other.id.as_str(), &other.secret, 0).await;
    let id = device.it.id.as_str();
    let mut events = EventReader::begin(&hub, "").await;
    for version in BOTH {
        let mut client = device.connects_as(Connect { version, keep_alive: 77, ..device.connect() }).await;
        client.subscribes(&[&device.requests()]).await;
        let call = hub.is_called(&format!("/{id}/fan"), b"");
        client.message().await;
        let shown = operates(&hub, "GET", &format!("/v1/devices/{id}")).await.json();
        assert_eq!((&shown["id"], &shown["protocol"]), (&json!(id), &json!("mqtt")));
        assert_eq!((&shown["heartbeat_seconds"], &shown["calls_in_flight"]), (&json!(77), &json!(1)));
        assert!(shown["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{shown}");
        assert!(shown["capacity"].as_u64().unwrap() >= 504, "{shown}");
        let list = operates(&hub, "GET", "/v1/devices?id=cdv_*").await.json();
        let mut listed: Vec<_> = list["devices"].as_array().unwrap().iter().map(|device| &device["protocol"]).collect();
        listed.sort_by_key(|protocol| protocol.to_string());
        assert_eq!(listed, [&json!("mqtt"), &json!("rtio")]);
        let online = events.next().await.unwrap();
        assert_eq!((online.in_short(), &online.data["protocol"]), (format!("online {id}"), &json!("mqtt")));
        assert_eq!(online.data["epoch"], shown["epoch"]);
        assert!(hub.metrics().contains("rtio_devices_online 2"), "{}", hub.metrics());
        client.sends(&[0xe0, 0]).await;
        client.rest().await;
        assert_eq!(events.hears().await, format!("offline {id} closed_by_device"));
        assert_eq!(call.await.unwrap().status, 503);
    }
    let version = |result| hub.counts(&format!("mqtt_connects_total{{result=\"{result}\"}}"));
    assert_eq!((version("accepted"), version("credential")), (2, 0));
    assert_eq!(hub.counts("mqtt_sessions_ended_total{reason=\"left\"}"), 2);
}

#[tokio::test]
async fn operators_send_it_away_and_it_may_come_back_12() {
    let (hub, _token) = operated_hub().await;
    let device = mqtt_device(&hub).await;
    for version in BOTH {
        let mut events = EventReader::begin(&hub, "?kind=offline").await;
        let connect = Connect { version, starts_clean: false, session_expiry: 60, ..device.connect() };
        let mut client = device.connects_as(connect.clone()).await;
        client.subscribes(&[&device.desired()]).await;
        let path = format!("/v1/devices/{}", device.it.id);
        assert_eq!(operates(&hub, "DELETE", &path).await.status, 204);
        is_ended(client, version, 0x98).await;
        assert_eq!(events.hears().await, format!("offline {} disconnected", device.it.id));
        assert_eq!(operates(&hub, "DELETE", &path).await.status, 404);
        assert_eq!(device.tries(connect).await.1.body[..2], [1, 0], "with the session that it had");
        device.connects().await;
    }
}

#[tokio::test]
async fn the_command_line_shows_it_and_sends_it_away_12() {
    let (hub, token) = operated_hub().await;
    let device = mqtt_device(&hub).await;
    let client = device.connects5().await;
    let flags = format!("--admin http://{} --admin-token-file {}", hub.admin_addr(), token.path().display());
    let command = async |words: String| {
        let arguments = format!("{words} {flags}");
        tokio::task::spawn_blocking(move || run(&mut rtio(&arguments))).await.unwrap()
    };
    let (code, stdout, stderr) = command("online cdv_*".to_owned()).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.starts_with(device.it.id.as_str()) && stdout.ends_with("mqtt\n"), "{stdout}");
    let (code, _, stderr) = command(format!("disconnect {}", device.it.id)).await;
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    is_ended(client, Version::V5, 0x98).await;
}

#[tokio::test]
async fn a_group_call_reaches_it_by_pattern_12() {
    let (hub, _token) = operated_hub().await;
    let (three, five) = (mqtt_device(&hub).await, mqtt_device(&hub).await);
    let rtio = control_device(&hub).await;
    let _rtio = Device::verify_with(hub.peer().await, rtio.id.as_str(), &rtio.secret, 0).await.answers("/fan", b"rtio");
    let deaf = mqtt_device(&hub).await;
    let _deaf = deaf.connects().await;
    let (mut of_three, mut of_five) = (three.connects().await, five.connects5().await);
    of_three.subscribes(&[&three.requests()]).await;
    of_five.subscribes(&[&five.requests()]).await;
    let body = json!({"devices": ["cdv_*"], "uri": "/fan", "data": "on"}).to_string();
    let group = hub.is_asked("POST", "/v1/calls", &[], body.as_bytes());
    let asked = of_three.message().await;
    assert_eq!(&asked.text()[12..], " copost /fan\non");
    let answer = [&asked.payload[..12], b"\nthree"].concat();
    let publish = of_three.publish(0x30, 0, &three.responses(), &answer);
    of_three.sends(&publish).await;
    assert_eq!(of_five.message().await.payload, b"on");
    // That one goes without an answer.
    of_five.sends(&[0xe0, 0]).await;
    let text = group.await.unwrap().text();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let code = |id: &str| lines.iter().find(|line| line["device"] == id).unwrap()["code"].clone();
    assert_eq!(code(three.it.id.as_str()), "OK");
    assert_eq!(code(rtio.id.as_str()), "OK");
    assert_eq!(code(five.it.id.as_str()), "DEVICEID_OFFLINE");
    assert_eq!(code(deaf.it.id.as_str()), "NOT_FOUND");
}

#[tokio::test]
async fn calls_are_in_the_audit_log_as_any_others_12() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.jsonl");
    let hub = hub().with_flags(&["--audit-log", file.to_str().unwrap()]).with_realer().with_mqtt().start().await;
    let device = mqtt_device(&hub).await;
    let mut client = device.connects().await;
    client.subscribes(&[&device.requests()]).await;
    let call = hub.is_called(&format!("/{}/fan", device.it.id), b"s3cret");
    let asked = client.message().await;
    let publish = client.publish(0x30, 0, &device.responses(), &[&asked.payload[..12], b"\ns3cret"].concat());
    client.sends(&publish).await;
    assert_eq!(call.await.unwrap().status, 200);
    let it = device.it;
    hub.stops().await;
    let text = std::fs::read_to_string(&file).unwrap();
    let line: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&line["event"], &line["device"], &line["uri"]),
        (&json!("call"), &json!(it.id.as_str()), &json!("/fan"))
    );
    assert_eq!((&line["code"], &line["delivery"]), (&json!("OK"), &json!("answered")));
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn who_is_silent_for_one_and_a_half_keep_alives_is_offline_7_3() {
    let clock = Clock::stopped();
    for version in BOTH {
        let (hub, _token) = operated_hub().await;
        let device = mqtt_device(&hub).await;
        let mut events = EventReader::begin(&hub, "?kind=offline").await;
        let mut client = device.connects_as(Connect { version, keep_alive: 10, ..device.connect() }).await;
        clock.passes(Duration::from_secs(14)).await;
        client.sends(&PINGREQ).await;
        client.packet_of(PINGRESP).await;
        clock.passes(Duration::from_secs(14)).await;
        assert!(hub.core.is_online(&device.it.id), "it was heard 14 s ago");
        clock.passes(Duration::from_secs(6)).await;
        is_ended(client, version, 0x8d).await;
        assert_eq!(events.hears().await, format!("offline {} heartbeat", device.it.id));
    }
}
