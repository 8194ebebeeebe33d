//! `GET /v1/events`: where a reader begins, how it goes on, what it is told when it is late, and what it may not cost.

use std::time::Duration;

use crate::support::caller::request;
use crate::support::events::{EventReader, come_and_go, comes, operated, operates, request_for};
use crate::support::{Caller, Clock, TestHub, eventually, hub};

/// A hub that keeps at most `max` events, and what keeps its operators' token.
async fn keeping(max: usize) -> (TestHub, tempfile::NamedTempFile) {
    let (hub, token) = operated(hub().with(|config| config.hub.max_events = max));
    (hub.start().await, token)
}

/// How many read events, as `/metrics` has it.
async fn has_readers(hub: &TestHub, count: u64) {
    eventually("the readers are counted", || hub.counts("event_readers") == count).await;
}

#[tokio::test]
async fn a_new_reader_gets_what_happens_from_now_on() {
    let (hub, _token) = keeping(1000).await;
    let _before = comes(&hub, "before");
    let mut caller = hub.operator().await;
    caller.sends(&request_for("", None)).await;
    let head = caller.head().await;
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    assert_eq!((head.header("cache-control"), head.header("x-accel-buffering")), (Some("no-store"), Some("no")));
    let newest = hub.core.events().newest();
    for expected in
        ["retry: 2000".to_owned(), ": events of presence".to_owned(), format!("id: {newest}"), String::new()]
    {
        assert_eq!(caller.line().await, Some(expected), "at once, before there is an event");
    }
    let _now = comes(&hub, "now");
    let id = hub.core.events().newest();
    assert_eq!(caller.line().await, Some(format!("id: {id}")));
    assert_eq!(caller.line().await.as_deref(), Some("event: online"));
    let data = caller.line().await.unwrap();
    let event: serde_json::Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    let keys: Vec<_> = event.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["id", "kind", "device", "epoch", "peer", "time", "protocol"]);
    assert_eq!((&event["device"], event["id"].to_string()), (&"now".into(), id.to_string()));
    assert_eq!(event["time"].as_str().unwrap().len(), "2026-11-22T07:40:01.123Z".len());
}

#[tokio::test]
async fn a_reader_that_comes_back_goes_on_where_it_was() {
    let (hub, _token) = keeping(1000).await;
    let mut reader = EventReader::begin(&hub, "").await;
    let begun_at = reader.last_id.clone();
    let one = comes(&hub, "one");
    assert_eq!(reader.hears().await, "online one");
    let seen = reader.last_id.clone();
    drop(reader);
    drop(one);
    let _two = comes(&hub, "two");
    let mut again = EventReader::resume(&hub, &seen).await;
    assert_eq!(
        (again.hears().await, again.hears().await),
        ("offline one closed_by_device".into(), "online two".into())
    );
    let mut from_the_start = EventReader::resume(&hub, &begun_at).await;
    assert_eq!(from_the_start.hears().await, "online one", "also one that has had no event");
    let mut by_parameter = EventReader::begin(&hub, &format!("?after={seen}")).await;
    assert_eq!(by_parameter.hears().await, "offline one closed_by_device");
    let mut by_both = EventReader::over(hub.operator().await, &format!("?after={begun_at}"), Some(&seen)).await;
    assert_eq!(by_both.hears().await, "offline one closed_by_device", "the header wins");
}

#[tokio::test]
async fn a_reader_that_is_ten_thousand_events_behind_gets_all_of_them() {
    let (hub, _token) = keeping(65_536).await;
    let start = hub.core.events().newest();
    come_and_go(&hub, 5000);
    let mut reader = EventReader::resume(&hub, &start.to_string()).await;
    for nth in 0..10_000 {
        let told = reader.next().await.unwrap();
        assert_eq!(told.number("id"), start.number() + 1 + nth);
        assert_eq!(told.event, if nth % 2 == 0 { "online" } else { "offline" });
    }
    assert_eq!(hub.counts("event_resets_total"), 0);
}

#[tokio::test]
async fn a_reader_that_is_too_late_is_told_how_much_it_missed() {
    let (hub, _token) = keeping(100).await;
    let start = hub.core.events().newest();
    come_and_go(&hub, 50);
    assert_eq!(EventReader::resume(&hub, &start.to_string()).await.hears().await, "online passing", "all are there");
    come_and_go(&hub, 10);
    let mut reader = EventReader::resume(&hub, &start.to_string()).await;
    let reset = reader.next().await.unwrap();
    assert_eq!(reset.in_short(), "reset 20");
    assert_eq!(reset.id, (start.number() + 20).to_string(), "who goes on from there has missed these only");
    for nth in 21..=120 {
        assert_eq!(reader.next().await.unwrap().number("id"), start.number() + nth);
    }
    assert_eq!(hub.counts("event_resets_total"), 1);
}

#[tokio::test]
async fn an_id_of_another_run_gets_what_is_kept_and_nobody_says_how_much_it_missed() {
    let (hub, _token) = keeping(100).await;
    let _device = comes(&hub, "dev");
    let newest = hub.core.events().newest().number();
    for foreign in [0, 1, newest - 2, newest + 1, u64::MAX] {
        let mut reader = EventReader::resume(&hub, &foreign.to_string()).await;
        let reset = reader.next().await.unwrap();
        assert_eq!((reset.in_short().as_str(), reset.id), ("reset null", (newest - 1).to_string()), "{foreign}");
        assert_eq!(reader.hears().await, "online dev");
    }
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused_with_its_reason() {
    let (hub, _token) = keeping(100).await;
    for (query, id, part) in [
        ("?kind=gone", None, "`gone` is none of online, replaced, offline"),
        ("?id=a%20b", None, "id: expected an id"),
        ("?since=1", None, "unknown parameter `since`"),
        ("?after=yesterday", None, "after: not the id of an event"),
        ("", Some("yesterday"), "Last-Event-ID: not the id of an event"),
    ] {
        let mut operator = hub.operator().await;
        operator.sends(&request_for(query, id)).await;
        let problem = operator.reply().await;
        assert_eq!((problem.status, problem.field("code").as_str()), (400, "BAD_REQUEST"));
        assert!(problem.field("detail").contains(part), "{problem:?}");
    }
    assert_eq!(operates(&hub, "POST", "/v1/events").await.status, 405);
    assert_eq!(hub.is_operated("GET", "/v1/events", &[]).await.status, 401);
    assert_eq!(hub.counts("event_readers"), 0);
}

#[tokio::test]
async fn a_filter_leaves_out_what_is_not_wanted() {
    let (hub, _token) = keeping(1000).await;
    let mut ends = EventReader::begin(&hub, "?kind=offline,replaced&id=PRINTER-*").await;
    let mut two = EventReader::begin(&hub, "?id=DOOR-1&id=PRINTER-2").await;
    let (one, other, door) = (comes(&hub, "PRINTER-1"), comes(&hub, "PRINTER-2"), comes(&hub, "DOOR-1"));
    drop(door);
    let taken_over = comes(&hub, "PRINTER-2");
    drop((one, other, taken_over));
    let expected = ["offline PRINTER-2 replaced", "replaced PRINTER-2", "offline PRINTER-1 closed_by_device"];
    for expected in expected {
        assert_eq!(ends.hears().await, expected);
    }
    for expected in
        ["online PRINTER-2", "online DOOR-1", "offline DOOR-1 closed_by_device", "offline PRINTER-2 replaced"]
    {
        assert_eq!(two.hears().await, expected);
    }
}

#[tokio::test]
async fn at_most_32_read_and_the_port_is_free_for_others() {
    let (hub, _token) = keeping(100).await;
    let mut readers = Vec::new();
    for _ in 0..32 {
        readers.push(EventReader::begin(&hub, "").await);
    }
    let mut operator = hub.operator().await;
    operator.sends(&request_for("", None)).await;
    let refused = operator.reply().await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("5")));
    assert_eq!(refused.field("code"), "TOO_MANY_REQUESTS");
    assert_eq!(hub.is_operated("GET", "/readyz", &[]).await.status, 200, "the others are not concerned");
    assert_eq!(hub.counts("event_readers"), 32);
    readers.pop();
    has_readers(&hub, 31).await;
    EventReader::begin(&hub, "").await;
}

#[tokio::test]
async fn a_reader_that_leaves_is_noticed_although_nothing_is_told_to_it() {
    let (hub, _token) = keeping(100).await;
    let reader = EventReader::begin(&hub, "?id=nobody").await;
    has_readers(&hub, 1).await;
    drop(reader);
    has_readers(&hub, 0).await;
}

#[tokio::test]
async fn a_stream_without_events_shows_every_15_seconds_that_it_is_there() {
    let clock = Clock::stopped();
    let (hub, _token) = keeping(100).await;
    let mut reader = EventReader::begin(&hub, "?id=dev").await;
    for _ in 0..4 {
        come_and_go(&hub, 2);
        clock.passes(Duration::from_millis(14_900)).await;
        reader.has_received_nothing();
        clock.passes(Duration::from_millis(200)).await;
        let place = format!("id: {}", hub.core.events().newest());
        for expected in [": keep-alive", &place, ""] {
            assert_eq!(reader.line().await.as_deref(), Some(expected), "what the filter left out counts as seen");
        }
    }
    let _device = comes(&hub, "dev");
    clock.passes(Duration::from_millis(100)).await;
    assert_eq!(reader.hears().await, "online dev");
    clock.passes(Duration::from_millis(14_800)).await;
    reader.has_received_nothing();
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_told_of_each_gap_when_it_does() {
    let (hub, _token) = keeping(1000).await;
    let start = hub.core.events().newest().number();
    let small = Caller::connect_with_small_buffer(hub.admin_addr()).await;
    let mut lazy = EventReader::over(small, "", None).await;
    let mut eager = EventReader::begin(&hub, "?id=last&kind=online").await;
    // Far more than all buffers on the way to it hold.
    for _ in 0..100 {
        come_and_go(&hub, 490);
        drop(comes(&hub, "last"));
        assert_eq!(eager.hears().await, "online last", "others are not held back");
    }
    let total = hub.core.events().newest().number() - start;
    let (mut told, mut missed, mut resets) = (0, 0, 0);
    while told + missed < total {
        let event = lazy.next().await.unwrap();
        if event.event == "reset" {
            resets += 1;
            missed += event.number("missed");
        } else {
            told += 1;
        }
        assert_eq!(event.id, (start + told + missed).to_string(), "each is told, or told of");
    }
    assert!(resets > 0 && told >= 1000, "{told} of {total} told, {resets} gaps");
}

#[tokio::test]
async fn a_reader_that_does_not_read_does_not_hold_the_end_of_the_hub() {
    let (hub, _token) = keeping(65_536).await;
    let start = hub.core.events().newest().to_string();
    come_and_go(&hub, 32_000);
    let mut stalled = Caller::connect_with_small_buffer(hub.admin_addr()).await;
    stalled.sends(&request_for("", Some(&start))).await;
    assert_eq!(stalled.head().await.status, 200);
    let mut half = hub.operator().await;
    half.sends(b"GET /healthz HTTP/1.1\r\nx: ").await;
    let begun = tokio::time::Instant::now();
    hub.stops().await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn readers_and_events_are_counted() {
    let (hub, _token) = keeping(100).await;
    let _reader = EventReader::begin(&hub, "").await;
    let (old, _new) = (comes(&hub, "dev"), comes(&hub, "dev"));
    drop(old);
    drop(comes(&hub, "other"));
    let metrics = hub.metrics();
    for line in [
        "rtio_events_total{kind=\"online\"} 2",
        "rtio_events_total{kind=\"replaced\"} 1",
        "rtio_events_total{kind=\"offline\"} 2",
        "rtio_event_readers 1",
        "rtio_event_resets_total 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test]
async fn a_request_that_waits_behind_a_stream_does_not_keep_it_from_ending_in_good_order() {
    let (hub, _token) = keeping(100).await;
    let mut caller = hub.operator().await;
    caller.sends(&[request_for("", None), request("GET", "/healthz", &[], b"")].concat()).await;
    assert_eq!(caller.head().await.status, 200);
    hub.shutdown.trigger();
    // The stream ends in good order, with its last chunk.
    assert!(!caller.lines().await.is_empty());
    hub.has_stopped().await;
}
