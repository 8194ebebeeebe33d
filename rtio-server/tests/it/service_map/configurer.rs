//! The configurer's document: how the hub follows it, and what keeps the last good one in force.

use std::time::Duration;

use serde_json::{Value, json};

use super::{NOT_FOUND, ONCE, asks, copost, hub_asking};
use crate::support::configurer::{FakeConfigurer, Manner};
use crate::support::{Clock, eventually, hub};

#[tokio::test]
async fn what_appears_changes_and_vanishes_in_the_document_does_so_for_devices() {
    let configurer = FakeConfigurer::start().await;
    let hub = hub_asking(&configurer).await;
    let mut device = hub.device("dev").await;
    hub.has_polled("changed", 1).await;
    assert_eq!(device.asks("/a").await, NOT_FOUND);
    configurer.maps(&json!({"/a": configurer.at("/one")}));
    hub.has_polled("changed", 2).await;
    assert_eq!(device.asks("/a").await, b"\x22/one:hi");
    configurer.maps(&json!({"/a": configurer.at("/two"), "/b": {"url": configurer.at("/b"), "timeout": "2s"}}));
    hub.has_polled("changed", 3).await;
    assert_eq!(device.asks("/a").await, b"\x22/two:hi");
    assert_eq!(device.asks("/b").await, b"\x22/b:hi");
    assert_eq!(hub.mapped(), (0, 2));
    configurer.maps(&json!({"/b": configurer.at("/b")}));
    hub.has_polled("changed", 4).await;
    assert_eq!(device.asks("/a").await, NOT_FOUND);
    assert_eq!(device.asks("/b").await, b"\x22/b:hi");
    hub.polls_again("same").await;
    let question = &configurer.questions()[0];
    assert_eq!((question["method"].as_str(), question.as_object().unwrap().len()), (Some("getconfig"), 2));
}

#[tokio::test]
async fn a_bad_answer_keeps_the_last_good_map() {
    let configurer = FakeConfigurer::start().await;
    configurer.maps(&json!({"/a": configurer.at("/one")}));
    let hub = hub_asking(&configurer).await;
    hub.has_polled("changed", 1).await;
    let mut device = hub.device("dev").await;
    // Were the document taken in spite of what is wrong, the URI would be gone.
    configurer.maps(&json!({}));
    for (manner, outcome) in [
        (Manner::Garbage, "nonsense"),
        (Manner::OtherId, "nonsense"),
        (Manner::NoDigest, "nonsense"),
        (Manner::OtherDigest, "digest"),
        (Manner::Code("INTERNAL_SERVER_ERROR"), "refused"),
        (Manner::Status(500), "status"),
        (Manner::Status(204), "status"),
        (Manner::Half, "broken"),
        (Manner::Closes, "broken"),
        (Manner::TooLong, "too_long"),
    ] {
        configurer.becomes(manner);
        hub.polls_again(outcome).await;
        assert_eq!(device.asks("/a").await, b"\x22/one:hi", "{manner:?}");
    }
    assert!(hub.readiness.missing().is_empty());
    configurer.becomes(Manner::Sound);
    hub.has_polled("changed", 2).await;
    assert_eq!(device.asks("/a").await, NOT_FOUND);
}

#[tokio::test]
async fn a_document_that_is_no_map_keeps_the_last_good_one() {
    let configurer = FakeConfigurer::start().await;
    let url = configurer.at("/one");
    configurer.maps(&json!({"/a": url}));
    let hub = hub_asking(&configurer).await;
    hub.has_polled("changed", 1).await;
    let mut device = hub.device("dev").await;
    let document = |map: Value| json!({ "deviceservicemap": map }).to_string();
    for (bad, outcome) in [
        (String::new(), "document"),
        ("{}".to_owned(), "document"),
        (document(json!(null)), "document"),
        (document(json!({"/b": "not a URL"})), "document"),
        (document(json!({"/b": {"url": url, "retries": 3}})), "document"),
        (document(json!({"": url})), "document"),
        (document(json!({"x".repeat(129): url})), "document"),
        (document(json!({"/plumless": url, "/buckeroo": url})), "collision"),
    ] {
        configurer.documents(bad.clone());
        hub.polls_again(outcome).await;
        assert_eq!(device.asks("/a").await, b"\x22/one:hi", "{bad}");
    }
}

#[tokio::test]
async fn a_full_map_is_taken_and_one_of_100_000_uris_is_refused() {
    let configurer = FakeConfigurer::start().await;
    let hub = hub().with_ports_of(|config| asks(config, &configurer, ONCE)).start().await;
    hub.has_polled("changed", 1).await;
    let map = |count: usize| (0..count).map(|nth| (format!("/uris/{nth:05}"), json!(configurer.at("/one")))).collect();
    configurer.maps(&Value::Object(map(65_536)));
    hub.reload.trigger();
    hub.has_polled("changed", 2).await;
    assert_eq!(hub.mapped(), (0, 65_536));
    configurer.maps(&Value::Object(map(100_000)));
    hub.reload.trigger();
    hub.has_polled("document", 1).await;
    assert_eq!(hub.mapped(), (0, 65_536));
    let mut device = hub.device("dev").await;
    assert_eq!(device.asks("/uris/65535").await, b"\x22/one:hi");
    assert_eq!(device.asks("/uris/65536").await, NOT_FOUND);
}

#[tokio::test]
async fn a_hub_without_its_first_map_says_so() {
    let configurer = FakeConfigurer::start().await;
    configurer.becomes(Manner::Status(503));
    let hub = hub_asking(&configurer).await;
    hub.has_polled("status", 1).await;
    assert_eq!(hub.readiness.missing(), ["configurer: no map yet"]);
    assert_eq!(hub.counts("configurer_last_good_answer_seconds"), 0);
    configurer.becomes(Manner::Sound);
    eventually("the hub is ready", || hub.readiness.missing().is_empty()).await;
    assert!(hub.counts("configurer_last_good_answer_seconds") > 0);
}

#[tokio::test]
async fn a_configurer_that_never_answers_is_given_up_after_5_seconds_and_asked_again() {
    let clock = Clock::stopped();
    let configurer = FakeConfigurer::start().await;
    configurer.becomes(Manner::Hangs);
    let hub = hub().with_ports_of(|config| asks(config, &configurer, Duration::from_secs(1))).start().await;
    clock.passes(Duration::from_millis(10)).await;
    eventually("it is asked", || configurer.questions().len() == 1).await;
    clock.passes(Duration::from_millis(4_900)).await;
    assert_eq!(hub.counts("configurer_polls_total{outcome=\"timed_out\"}"), 0);
    clock.passes(Duration::from_millis(200)).await;
    hub.has_polled("timed_out", 1).await;
    clock.passes(Duration::from_millis(1_010)).await;
    eventually("it is asked again", || configurer.questions().len() == 2).await;
}

#[tokio::test]
async fn what_is_under_way_to_a_uri_that_vanishes_ends_well() {
    let configurer = FakeConfigurer::start().await;
    configurer.maps(&json!({"/a": configurer.at("/hangs")}));
    let hub = hub_asking(&configurer).await;
    hub.has_polled("changed", 1).await;
    let mut device = hub.device("dev").await;
    let before = device.reports(&copost("/a")).await;
    eventually("it is posted", || configurer.questions().iter().any(|asked| asked["method"] == "copost")).await;
    configurer.maps(&json!({}));
    hub.has_polled("changed", 2).await;
    assert_eq!(device.asks("/a").await, NOT_FOUND);
    configurer.lets_go();
    device.receives_answer(before, b"\x22/hangs:hi").await;
}

#[tokio::test]
async fn uris_of_one_definition_share_its_limits_also_across_a_change_of_the_map() {
    let configurer = FakeConfigurer::start().await;
    let narrow = json!({"url": configurer.at("/hangs"), "max-in-flight": 1});
    configurer.maps(&json!({"/a": narrow, "/b": narrow}));
    let hub = hub_asking(&configurer).await;
    hub.has_polled("changed", 1).await;
    let mut device = hub.device("dev").await;
    let first = device.reports(&copost("/a")).await;
    eventually("it is posted", || configurer.questions().iter().any(|asked| asked["method"] == "copost")).await;
    assert_eq!(device.asks("/b").await, b"\x21", "there is no place at the service");
    configurer.maps(&json!({"/b": narrow, "/c": narrow, "/d": configurer.at("/d")}));
    hub.has_polled("changed", 2).await;
    for uri in ["/b", "/c"] {
        assert_eq!(device.asks(uri).await, b"\x21", "nor is there one later: {uri}");
    }
    assert_eq!(device.asks("/d").await, b"\x22/d:hi");
    configurer.lets_go();
    device.receives_answer(first, b"\x22/hangs:hi").await;
}
