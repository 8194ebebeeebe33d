//! `/metrics`: what is counted, and that docs/metrics.md says so.

use std::collections::{BTreeMap, BTreeSet};

use rtio_proto::StatusCode;
use rtio_server::admin::Guard;

use crate::support::{TestHub, hub};

const DOCUMENT: &str = include_str!("../../../docs/metrics.md");

async fn scrape(hub: &TestHub) -> String {
    let reply = hub.is_operated("GET", "/metrics", &[]).await;
    assert_eq!(reply.status, 200);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(reply.header("content-type"), Some(kind));
    reply.text()
}

/// Type and labels by the name that Prometheus stores.
type Described = BTreeMap<String, (String, BTreeSet<String>)>;

/// What the text of a scrape has. The name of a counter ends in `_total`, that of an information in `_info`.
fn exposed(text: &str) -> Described {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types
        .map(|(name, kind)| {
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            let samples = text.lines().filter(|line| belongs_to(line, name) && !line.starts_with('#'));
            let labels = samples.filter_map(|line| Some(line.split_once('{')?.1.split_once('}')?.0));
            let keys = labels.flat_map(|labels| labels.split(',').filter_map(|pair| Some(pair.split_once('=')?.0)));
            let keys = keys.filter(|key| *key != "le").map(str::to_owned).collect();
            (format!("{name}{suffix}"), (kind.to_owned(), keys))
        })
        .collect()
}

/// Whether the sample's name is the metric's, with or without a suffix of the format's.
fn belongs_to(line: &str, name: &str) -> bool {
    let Some(rest) = line.strip_prefix(name) else { return false };
    ["", "_total", "_info", "_bucket", "_sum", "_count"]
        .iter()
        .any(|suffix| rest.strip_prefix(suffix).is_some_and(|rest| rest.starts_with(['{', ' '])))
}

/// What the tables of the document have.
fn documented() -> Described {
    let rows = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let labels =
            cells[2].split(", ").filter(|label| *label != "none").map(|label| label.trim_matches('`').to_owned());
        (cells[0].trim_matches('`').to_owned(), (cells[1].to_owned(), labels.collect()))
    })
    .collect()
}

/// Whether the document says that the metric is not there from the start.
fn is_there_later(name: &str) -> bool {
    let row = DOCUMENT.lines().find(|line| line.starts_with(&format!("| `{name}`")));
    row.is_some_and(|row| row.contains("| once: "))
}

#[tokio::test]
async fn the_document_describes_each_metric_and_no_other() {
    let hub = hub().with_operators(Guard::Closed).start().await;
    let (exposed, documented) = (exposed(&scrape(&hub).await), documented());
    for (name, described) in &exposed {
        assert_eq!(documented.get(name), Some(described), "{name}: docs/metrics.md on the left, the hub on the right");
    }
    for name in documented.keys().filter(|name| !is_there_later(name)) {
        assert!(exposed.contains_key(name), "docs/metrics.md describes {name}, which the hub does not have");
    }
}

#[tokio::test]
async fn the_document_describes_each_metric_of_mqtt_which_is_there_from_the_start_where_mqtt_is() {
    let hub = hub().with_realer().with_mqtt().start().await;
    let (exposed, documented) = (exposed(&hub.metrics()), documented());
    let of_mqtt = |described: &Described| {
        let names = described.iter().filter(|(name, _)| name.starts_with("rtio_mqtt_"));
        names.map(|(name, described)| (name.clone(), described.clone())).collect::<Vec<_>>()
    };
    assert_eq!(of_mqtt(&exposed), of_mqtt(&documented));
}

#[tokio::test]
async fn what_happens_is_counted() {
    let hub = hub().with_operators(Guard::Closed).start().await;
    let mut device = hub.device("dev").await;
    let _unverified = hub.peer().await;
    let call = hub.is_called("/dev/uri", b"");
    let request = device.receives_request().await;
    let text = scrape(&hub).await;
    assert_has(&text, "rtio_devices_online 1");
    assert_has(&text, "rtio_calls_in_flight 1");
    device.answers_request(request.message_id, b"\x22done").await;
    assert_eq!(call.await.unwrap().status, 200);
    let call = hub.is_called("/dev/unknown", b"");
    let request = device.receives_request().await;
    device.answers_request(request.message_id, b"\x25").await;
    assert_eq!(call.await.unwrap().status, 404);
    assert_eq!(hub.calls("/nobody/uri", b"").await.status, 503);
    let (mut caller, observer) = hub.observes(&mut device, "/dev/state").await;
    let notification = device.notifies(StatusCode::Continue, observer, b"frame").await;
    caller.line().await.unwrap();
    device.receives_answer(notification, &[0x33, observer.to_be_bytes()[0], observer.to_be_bytes()[1]]).await;
    let report = device.reports(b"\x20\x01\x02\x03\x04").await;
    device.receives_answer(report, b"\x25").await;
    let text = scrape(&hub).await;
    for line in [
        "rtio_calls_in_flight 0",
        "rtio_calls_total{outcome=\"ok\"} 1",
        "rtio_calls_total{outcome=\"refused\"} 1",
        "rtio_calls_total{outcome=\"offline\"} 1",
        "rtio_call_duration_seconds_count 2",
        "rtio_observations_total{outcome=\"ok\"} 1",
        "rtio_observations_open 1",
        "rtio_observation_frames_total 1",
        "rtio_reports_total{outcome=\"not_found\"} 1",
        "rtio_unverified_connections 1",
        "rtio_sessions_ended_total{reason=\"peer_gone\"} 0",
        concat!("rtio_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
    ] {
        assert_has(&text, line);
    }
    assert!(!text.contains("\"dev\"") && !text.contains("\"nobody\""), "no device id is in it: {text}");
}

fn assert_has(text: &str, line: &str) {
    assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
}
