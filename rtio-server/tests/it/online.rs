//! Who is online, as operators see it, and the end of a session by their hand.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::collections::BTreeSet;

use rtio_server::admin::Guard;
use serde_json::Value;

use crate::program::{Running, rtio, run};
use crate::support::{TestHub, eventually, hub};

/// No test has another host header than this one's `hub`, so a token is simpler than an open port.
const TOKEN: &str = "a-token-of-sixteen-or-more";

/// A hub with operators, and what keeps their token.
async fn operated() -> (TestHub, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, TOKEN).unwrap();
    (hub().with_operators(Guard::File(file.path().to_owned())).start().await, file)
}

async fn asks(hub: &TestHub, method: &str, path: &str) -> (u16, Value) {
    let reply = hub.is_operated(method, path, &[("authorization", &format!("Bearer {TOKEN}"))]).await;
    (reply.status, if reply.body.is_empty() { Value::Null } else { reply.json() })
}

/// The ids on a page, and where the next one begins.
async fn page(hub: &TestHub, query: &str) -> (Vec<String>, Option<String>) {
    let (status, page) = asks(hub, "GET", &format!("/v1/devices?{query}")).await;
    assert_eq!(status, 200, "{page}");
    let ids = page["devices"].as_array().unwrap().iter().map(|device| device["id"].as_str().unwrap().to_owned());
    (ids.collect(), page["next"].as_str().map(str::to_owned))
}

#[tokio::test]
async fn a_device_is_shown_with_its_session() {
    let (hub, _token) = operated().await;
    let before = jiff::Timestamp::now();
    let mut device = hub.device_at_level("PRINTER-001", 2).await;
    let call = hub.is_called("/PRINTER-001/uri", b"");
    let request = device.receives_request().await;
    let (_watcher, _) = hub.observes(&mut device, "/PRINTER-001/state").await;
    let (status, shown) = asks(&hub, "GET", "/v1/devices/PRINTER-001").await;
    assert_eq!(status, 200);
    assert_eq!((&shown["id"], &shown["protocol"]), (&"PRINTER-001".into(), &"rtio".into()));
    assert!(shown["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{shown}");
    assert_eq!((&shown["capacity"], &shown["heartbeat_seconds"]), (&Value::from(2048), &Value::from(300)));
    assert_eq!((&shown["calls_in_flight"], &shown["observations"]), (&Value::from(1), &Value::from(1)));
    let time = |name: &str| shown[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let slack = jiff::SignedDuration::from_secs(1);
    assert!(time("since") + slack >= before && time("since") <= time("last_heard"), "{shown}");
    assert!(time("last_heard") <= jiff::Timestamp::now() + slack, "{shown}");
    assert_eq!(asks(&hub, "GET", "/v1/devices").await.1["devices"][0]["id"], "PRINTER-001");
    device.answers_request(request.message_id, b"\x22").await;
    assert_eq!(call.await.unwrap().status, 200);
}

#[tokio::test]
async fn pages_show_each_device_once_while_others_come_and_go() {
    let (hub, _token) = operated().await;
    let mut stay = Vec::new();
    for nth in 0..12 {
        stay.push(hub.device(&format!("STAY-{nth}")).await);
    }
    let (mut seen, mut after, mut passing) = (Vec::new(), None::<String>, Vec::new());
    loop {
        let cursor = after.map(|after| format!("&after={after}")).unwrap_or_default();
        let (ids, next) = page(&hub, &format!("limit=3{cursor}")).await;
        assert!(ids.len() <= 3);
        seen.extend(ids);
        passing.push(hub.device(&format!("PASSING-{}", passing.len())).await);
        if passing.len() % 2 == 0 {
            passing.truncate(passing.len() - 1);
            passing.push(hub.device(&format!("OTHER-{}", passing.len())).await);
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let staying: Vec<_> = seen.iter().filter(|id| id.starts_with("STAY-")).collect();
    assert_eq!((staying.len(), staying.iter().collect::<BTreeSet<_>>().len()), (12, 12), "{seen:?}");
}

#[tokio::test]
async fn a_pattern_picks_devices() {
    let (hub, _token) = operated().await;
    let _devices = (hub.device("PRINTER-1").await, hub.device("PRINTER-2").await, hub.device("DOOR-1").await);
    let picked = async |query: &str| page(&hub, query).await.0.into_iter().collect::<BTreeSet<_>>();
    let set = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(picked("id=PRINTER-*").await, set(&["PRINTER-1", "PRINTER-2"]));
    assert_eq!(picked("id=*-1").await, set(&["PRINTER-1", "DOOR-1"]));
    assert_eq!(picked("id=DOOR-1").await, set(&["DOOR-1"]));
    assert_eq!(picked("id=door*").await, set(&[]));
    assert_eq!(page(&hub, "id=PRINTER-*&limit=2").await.0.len(), 2);
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_with_its_reason() {
    let (hub, _token) = operated().await;
    for (query, part) in [
        ("limit=0", "limit is from 1 to 1000"),
        ("limit=1001", "limit is from 1 to 1000"),
        ("limit=x", "limit"),
        ("id=a%20b", "id: expected an id"),
        ("after=AAAA", "after is of no list of this hub"),
        ("sort=id", "unknown field `sort`"),
    ] {
        let (status, problem) = asks(&hub, "GET", &format!("/v1/devices?{query}")).await;
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(status, 400, "{query}");
        assert!(detail.contains(part), "{query}: {detail}");
    }
    assert_eq!(asks(&hub, "GET", "/v1/devices/a%20b").await.0, 400);
    assert_eq!(asks(&hub, "POST", "/v1/devices").await.0, 405);
}

#[tokio::test]
async fn a_device_that_is_disconnected_is_gone_and_may_come_back() {
    let (hub, _token) = operated().await;
    let mut device = hub.device("PRINTER-001").await;
    let call = hub.is_called("/PRINTER-001/uri", b"");
    device.receives_request().await;
    assert_eq!(asks(&hub, "DELETE", "/v1/devices/PRINTER-001").await, (204, Value::Null));
    assert_eq!(call.await.unwrap().problem().1, "DEVICEID_OFFLINE");
    device.is_closed().await;
    hub.ends_session("disconnected", 0).await;
    eventually("the device is gone", || hub.core.devices_online() == 0).await;
    for method in ["GET", "DELETE"] {
        let (status, problem) = asks(&hub, method, "/v1/devices/PRINTER-001").await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("DEVICEID_OFFLINE")));
    }
    let _again = hub.device("PRINTER-001").await;
    assert_eq!(asks(&hub, "GET", "/v1/devices/PRINTER-001").await.0, 200);
}

#[test]
fn the_commands_for_operators_find_the_token_in_the_data_folder() {
    let parent = tempfile::tempdir().unwrap();
    let data = format!("--data-dir {}", parent.path().join("data").display());
    let flags = "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0";
    let mut serving = Running::start(&mut rtio(&format!("{flags} {data}")));
    let (devices, _, admin) = (serving.value_of("devices"), serving.value_of("callers"), serving.value_of("admin"));
    let mut printer = Running::start(&mut rtio(&format!("device run PRINTER-001 --server {devices}")));
    assert_eq!(printer.line(), "serving as PRINTER-001\n");
    let ask = |command: &str| run(&mut rtio(&format!("{command} --admin {admin}")));
    let (code, stdout, stderr) = ask(&format!("online {data}"));
    assert_eq!(code, Some(0), "{stderr}");
    assert!(
        stdout.starts_with("PRINTER-001  127.0.0.1:") && stdout.ends_with("calls 0  observations 0  rtio\n"),
        "{stdout}"
    );
    let (_, stdout, _) = ask(&format!("online PRINTER-* --json {data}"));
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["id"], "PRINTER-001");
    assert_eq!(ask(&format!("online DOOR-* {data}")), (Some(0), String::new(), String::new()));
    assert_eq!(ask("online").0, Some(8), "without the token");
    assert_eq!(ask(&format!("disconnect DOOR-1 {data}")).0, Some(3));
    assert_eq!(ask(&format!("disconnect PRINTER-001 {data}")), (Some(0), String::new(), String::new()));
    let (code, _, stderr) = ask("online --admin-token-file /nowhere/token");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cannot read /nowhere/token"), "{stderr}");
}
