//! What a device reads over its session: documents in pages.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use rtio_server::realer::ports::CatalogChange;
use rtio_server::realer::{Command, CommandId, Subscription};
use serde_json::{Value, json};

use super::{asks, connects, connects_at_level, posts, reads};
use crate::support::realer::{ControlDevice, control_device, control_device_with};
use crate::support::{Clock, TestHub, hub};

/// Further commands of the device.
async fn has_commands(hub: &TestHub, control: &ControlDevice, numbers: std::ops::Range<usize>) {
    let command = |nth: usize| {
        let id = CommandId::new(hub.realer().now_ms()).unwrap();
        let (label, pin_port) = (format!("command {nth}"), nth.to_string());
        let command = Command { id, label, pin_port, ..control.command() };
        CatalogChange::PutCommand { device: control.id.clone(), command }
    };
    hub.changes_catalog(numbers.map(command).collect()).await;
}

fn value(document: impl serde::Serialize) -> Value {
    serde_json::to_value(document).unwrap()
}

#[tokio::test]
async fn s3_a_bootstrap_is_read_page_by_page() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    has_commands(&hub, &control, 0..20).await;
    let mut device = connects(&hub, &control).await;
    let (bootstrap, pages) = reads(&mut device, "/iot/v1/bootstrap").await;
    assert_eq!(bootstrap, value(hub.realer().bootstrap(&control.id).await.unwrap()));
    assert!(bootstrap["available_protocols"].as_array().unwrap().contains(&json!("rtio")), "{bootstrap}");
    assert_eq!(bootstrap["endpoints"]["rtio"]["feed_data"], "/iot/v1/feed-data");
    assert!(pages > 5, "{pages}");
}

#[tokio::test]
async fn s3_larger_messages_make_larger_pages() {
    let hub = hub().with_flags(&["--max-payload", "4088"]).with_realer().start().await;
    let control = control_device(&hub).await;
    has_commands(&hub, &control, 0..12).await;
    let mut counts = Vec::new();
    for level in 0..=3 {
        let mut device = connects_at_level(&hub, &control, level).await;
        let mut pages = 0;
        let mut next = Some(json!(0));
        while let Some(page) = next {
            let (status, data) =
                posts(&mut device, "/iot/v1/bootstrap", json!({ "page": page }).to_string().as_bytes()).await;
            assert!(status == 0x22 && data.len() <= (512 << level) - 8, "{}", data.len());
            next = serde_json::from_slice::<Value>(&data).unwrap().get("next").cloned();
            pages += 1;
        }
        counts.push(pages);
    }
    assert!(counts.windows(2).all(|pair| pair[0] > pair[1]) && counts[3] == 1, "{counts:?}");
}

#[tokio::test]
async fn s4_catalogs_have_both_revisions_on_each_page() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    has_commands(&hub, &control, 0..9).await;
    let mut device = connects(&hub, &control).await;
    let (commands, pages) = reads(&mut device, "/iot/v1/commands").await;
    assert_eq!(commands["commands"], value(hub.realer().commands(&control.id).await.unwrap())["commands"]);
    let (sensors, _) = reads(&mut device, "/iot/v1/sensors").await;
    assert_eq!(sensors["sensors"], value(hub.realer().sensors(&control.id).await.unwrap())["sensors"]);
    let bootstrap = value(hub.realer().bootstrap(&control.id).await.unwrap());
    for page in 0..pages {
        let read = asks(&mut device, "/iot/v1/commands", json!({ "page": page }).to_string().as_bytes()).await;
        for name in ["code", "catalog_revision", "runtime_revision"] {
            assert_eq!(read[name], bootstrap[name], "{read}");
        }
    }
    has_commands(&hub, &control, 9..10).await;
    let changed = asks(&mut device, "/iot/v1/commands", br#"{"page":1}"#).await;
    assert_ne!(changed["catalog_revision"], bootstrap["catalog_revision"], "a change between pages shows");
}

#[tokio::test]
async fn s5_desired_states_are_read_and_stay() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    let (none, _) = reads(&mut device, "/iot/v1/desired-states").await;
    assert_eq!(none["desired_states"], json!([]));
    let wish = control.is_wished(&hub, "1.0").await;
    for _ in 0..2 {
        let (open, _) = reads(&mut device, "/iot/v1/desired-states").await;
        assert_eq!(open, value(hub.realer().desired_states(&control.id).await.unwrap()));
        assert_eq!(open["desired_states"][0]["desired_id"], wish.id.as_str());
    }
}

#[tokio::test]
async fn s1_6_what_makes_no_sense_is_a_document_too() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    for name in ["bootstrap", "commands", "sensors", "desired-states"] {
        let uri = format!("/iot/v1/{name}");
        for (body, code, label) in [
            (&b"{"[..], 4000, "bad_request"),
            (b"\xFF\0", 4000, "bad_request"),
            (b"[1]", 4000, "bad_request"),
            (br#"{"page":-1}"#, 4022, "validation_failed"),
            (br#"{"page":"1"}"#, 4022, "validation_failed"),
            (br#"{"page":99}"#, 4004, "resource_not_found"),
            (br#"{"page":18446744073709551615}"#, 4004, "resource_not_found"),
        ] {
            let document = asks(&mut device, &uri, body).await;
            assert_eq!(document["code"], code, "{uri} {document}");
            assert_eq!(document["error"]["type"], label, "{uri} {document}");
        }
        assert_eq!(asks(&mut device, &uri, b"{}").await["code"], 2000, "{uri}");
    }
}

#[tokio::test]
async fn s1_6_who_is_not_served_is_told_so() {
    let hub = hub().with_realer().start().await;
    let control = control_device(&hub).await;
    let mut device = connects(&hub, &control).await;
    control.is_changed(&hub, |settings| settings.subscription = Subscription::Inactive).await;
    for name in ["bootstrap", "commands", "sensors", "desired-states", "feed-data"] {
        let document = asks(&mut device, &format!("/iot/v1/{name}"), b"").await;
        assert_eq!(document["code"], 4002, "{name} {document}");
    }
    control.is_changed(&hub, |settings| settings.protocols.rtio = false).await;
    assert_eq!(asks(&mut device, "/iot/v1/bootstrap", b"").await["code"], 4003);
    control.is_changed(&hub, |_| {}).await;
    assert_eq!(asks(&mut device, "/iot/v1/bootstrap", b"").await["code"], 2000);
}

#[tokio::test]
async fn s1_7_a_device_that_runs_wild_is_slowed_and_pages_do_not_count() {
    let hub = hub().with_realer().start().await;
    let control = control_device_with(&hub, |settings| settings.plan.minimum_interval_ms = None).await;
    let mut device = connects(&hub, &control).await;
    let clock = Clock::stopped();
    for _ in 0..100 {
        assert_eq!(asks(&mut device, "/iot/v1/bootstrap", br#"{"page":1}"#).await["code"], 2000);
    }
    for _ in 0..32 {
        assert_eq!(asks(&mut device, "/iot/v1/sensors", b"").await["code"], 2000);
    }
    for (uri, code) in [("bootstrap", 4029), ("commands", 4029), ("desired-states", 2000), ("feed-data", 4000)] {
        let document = asks(&mut device, &format!("/iot/v1/{uri}"), b"").await;
        assert_eq!(document["code"], code, "{uri}: {document}");
        let retry_after = (code == 4029).then_some(1);
        assert_eq!(document["error"].get("retry_after").and_then(Value::as_u64), retry_after, "{document}");
    }
    clock.passes(std::time::Duration::from_secs(1)).await;
    let codes = [2000, 2000, 4029];
    for code in codes {
        assert_eq!(asks(&mut device, "/iot/v1/sensors", b"").await["code"], code, "two a second");
    }
}
