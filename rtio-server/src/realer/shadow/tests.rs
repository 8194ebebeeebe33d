//! What happens when the store fails, the device is removed, and what no change tells of: on a store in memory.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::{Value, json};

use super::Shadow;
use crate::hub::ports::{Shadow as _, ShadowFeed};
use crate::hub::{AnsweredBy, CallError, CallRequest, ObservationItem, StatusCode};
use crate::realer::fake_store::greenhouse::{LAMP, device};
use crate::realer::fake_store::{FakeClock, FakeStore, greenhouse};
use crate::realer::{Family, Realer};

struct Scene {
    store: Arc<FakeStore>,
    clock: Arc<FakeClock>,
    realer: Arc<Realer>,
    shadow: Shadow,
}

impl Scene {
    fn new() -> Self {
        let (store, clock) = (FakeStore::of([greenhouse::rows()]), FakeClock::at(1_000_000));
        let realer = Arc::new(store.runtime(&clock));
        let shadow = Shadow::new(Arc::clone(&realer), Weak::new());
        Self { store, clock, realer, shadow }
    }

    async fn calls(&self, uri: &str, data: &[u8]) -> (u16, Value) {
        let answered = self.shadow.call(&device(), request(uri, data)).await;
        let AnsweredBy::Hub { status } = answered.by else { panic!("{answered:?}") };
        (status, serde_json::from_slice(&answered.data).unwrap())
    }

    async fn observes(&self, uri: &str) -> Box<dyn ShadowFeed> {
        self.shadow.observe(&device(), request(uri, b"")).await.unwrap()
    }

    /// Somebody wants the lamp to be `value`.
    async fn wishes(&self, value: &str) {
        let wish = json!({"command_id": LAMP, "value": value}).to_string();
        assert_eq!(self.calls("/iot/v1/desired", wish.as_bytes()).await.0, 202);
    }

    /// The device was here just now.
    async fn comes(&self) {
        let known = self.realer.store.control_device(&device()).await.unwrap().unwrap();
        self.realer.space(&known, Family::FeedData, 1).unwrap();
    }
}

fn request<'a>(uri: &'a str, data: &'a [u8]) -> CallRequest<'a> {
    CallRequest::new(uri, data, None, Duration::ZERO)
}

async fn next(feed: &mut Box<dyn ShadowFeed>) -> ObservationItem {
    poll_fn(|cx| feed.poll_next(cx)).await
}

/// Id and document of an event.
async fn event(feed: &mut Box<dyn ShadowFeed>) -> (u64, Value) {
    match next(feed).await {
        ObservationItem::Event { id, data } => (id, serde_json::from_slice(&data).unwrap()),
        other @ (ObservationItem::Frame(_) | ObservationItem::End(_)) => panic!("{other:?}"),
    }
}

fn end_status(item: ObservationItem) -> StatusCode {
    let ObservationItem::End(Err(CallError::ShadowRefused(refusal))) = item else { panic!("{item:?}") };
    refusal.status
}

#[tokio::test]
async fn while_the_store_fails_calls_are_503_and_streams_end_1_6() {
    let scene = Scene::new();
    let mut streams = [scene.observes("/iot/v1/state").await, scene.observes("/iot/v1/feed-data").await];
    event(&mut streams[0]).await;
    scene.store.break_down();
    let wish = json!({"command_id": LAMP, "value": "1"}).to_string();
    for (name, data) in [("bootstrap", ""), ("state", ""), ("feed-data", ""), ("desired", wish.as_str())] {
        let (status, document) = scene.calls(&format!("/iot/v1/{name}"), data.as_bytes()).await;
        assert_eq!((status, &document["error"]["type"]), (503, &json!("service_unavailable")), "{name}");
    }
    for name in ["state", "feed-data"] {
        let refused = scene.shadow.observe(&device(), request(&format!("/iot/v1/{name}"), b"")).await.map(drop);
        assert_eq!(refused.unwrap_err().status, StatusCode::InternalError, "{name}");
    }
    scene.realer.changes.tell(&device());
    for stream in &mut streams {
        assert_eq!(end_status(next(stream).await), StatusCode::InternalError);
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_comes_or_stays_away_is_told_of_by_and_by_12() {
    let scene = Scene::new();
    scene.wishes("1").await;
    let mut stream = scene.observes("/iot/v1/state").await;
    let (id, all) = event(&mut stream).await;
    assert_eq!(all["online"], false);
    scene.comes().await;
    let (again, frame) = event(&mut stream).await;
    assert_eq!((again, &frame["online"], &frame["commands"]), (id, &json!(true), &json!([])));
    let away = i64::try_from(scene.realer.config.offline_after().as_millis()).unwrap();
    scene.clock.set(1_000_000 + away);
    assert_eq!(event(&mut stream).await.1["online"], false);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_at_once_and_what_comes_together_is_told_together() {
    let scene = Scene::new();
    scene.wishes("0").await;
    let mut stream = scene.observes("/iot/v1/state").await;
    let (first, _) = event(&mut stream).await;
    scene.wishes("1").await;
    scene.wishes("0").await;
    scene.wishes("1").await;
    let begun = tokio::time::Instant::now();
    let (id, change) = event(&mut stream).await;
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(id > first);
    let lamp = &change["commands"][0];
    assert_eq!((&lamp["desired"][0]["sequence_number"], &lamp["value"]), (&json!(4), &json!("1")));
    let rest = tokio::time::timeout(Duration::from_secs(3600), event(&mut stream)).await;
    assert!(rest.is_err(), "{rest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_removed_ends_its_streams_even_if_nobody_tells() {
    for uri in ["/iot/v1/state", "/iot/v1/feed-data"] {
        let scene = Scene::new();
        let mut stream = scene.observes(uri).await;
        scene.store.forget_device(&device());
        if uri == "/iot/v1/state" {
            event(&mut stream).await;
        }
        assert_eq!(end_status(next(&mut stream).await), StatusCode::NotFound, "{uri}");
    }
}
