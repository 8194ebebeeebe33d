//! Desired states on their way to a session that has topics, and its end. (Contract §7.2, §7.3, §7.6.) Over the session of this project's
//! own, tests/it has them.

use core::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::*;
use crate::hub::fake_link::fake_hub;
use crate::hub::{
    CallError, CallId, CallReply, Cap, Credential, DeviceLink, Ending, Feed, ObservationId, OfflineCause, Presence,
    RequestParts,
};
use crate::realer::fake_store::greenhouse::{self, HEATER, LAMP, NORTH, SOUTH, device, resource};
use crate::realer::fake_store::{FakeClock, FakeStore};
use crate::realer::ports::CatalogChange;
use crate::realer::{Config, DeviceSettings, Subscription, Topic};

#[tokio::test(start_paused = true)]
async fn s7_6_a_desired_state_is_published_on_the_topic_of_its_route() {
    let scene = Scene::new();
    let (link, _presence) = scene.connects(Protocol::Mqtt);
    link.listens_to(&[SOUTH]);
    let value = "0".repeat(200);
    scene.wishes(json!({ "command_id": HEATER, "resource_id": SOUTH, "value": value })).await;
    let told = link.told();
    let [(topic, payload)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*topic, desired_topic(SOUTH));
    let document = serde_json::to_value(scene.realer.desired_states(&device()).await.unwrap()).unwrap();
    assert_eq!(*payload, document["desired_states"][0], "all of it, however long");
    scene.wishes(json!({ "command_id": HEATER, "resource_id": SOUTH, "value": "2" })).await;
    let values: Vec<_> = link.told().into_iter().map(|(_, payload)| payload["value"].clone()).collect();
    assert_eq!(values, [json!(value), json!("2")], "each once");
}

#[tokio::test(start_paused = true)]
async fn s7_3_what_nobody_listens_to_is_left_to_who_subscribes() {
    let scene = Scene::new();
    let (link, _presence) = scene.connects(Protocol::Mqtt);
    link.listens_to(&[SOUTH]);
    for wish in [
        json!({ "command_id": LAMP, "value": "1" }),
        json!({ "command_id": HEATER, "resource_id": NORTH, "value": "1" }),
        json!({ "command_id": HEATER, "resource_id": SOUTH, "value": "2" }),
    ] {
        scene.wishes(wish).await;
    }
    assert_eq!(link.told().len(), 1);
    link.listens_to(&[NORTH, SOUTH]);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(link.told().len(), 1, "the session asks by itself for what is open");
    scene.realer.look_again(&device());
    settle().await;
    assert_eq!(link.told().len(), 2, "unless that failed");
    let north = Topic::parse(&device(), &desired_topic(NORTH)).unwrap();
    assert_eq!(scene.realer.open_on(&device(), &[north]).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn s7_3_a_session_without_room_is_told_when_it_has_some() {
    let scene = Scene::new();
    let (link, _presence) = scene.connects(Protocol::Mqtt);
    link.listens_to(&[SOUTH]);
    link.0.lock().is_full = true;
    scene.wishes(json!({ "command_id": HEATER, "resource_id": SOUTH, "value": "2", "expires_in": null })).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(link.told().is_empty());
    link.0.lock().is_full = false;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(link.told().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn s7_2_a_device_that_is_served_no_more_loses_its_session() {
    let changes: [fn(&mut DeviceSettings); 2] =
        [|settings| settings.subscription = Subscription::Inactive, |settings| settings.protocols.mqtt = false];
    for change in changes {
        let scene = Scene::new();
        let (link, _presence) = scene.connects(Protocol::Mqtt);
        scene.is_changed(|settings| settings.label = "another".to_owned()).await;
        assert_eq!(link.ended(), None, "it is served all the same");
        scene.is_changed(change).await;
        assert_eq!(link.0.lock().ending, Some(Ending::Revoked));
        assert!(link.told().is_empty());
    }
}

/// It may lose its subscription while it connects, and whatever it waits for.
#[tokio::test(start_paused = true)]
async fn s7_2_a_session_that_begins_too_late_ends_and_so_does_one_that_has_no_room() {
    let scene = Scene::new();
    let (link, _presence) = scene.connects(Protocol::Mqtt);
    link.listens_to(&[SOUTH]);
    link.0.lock().is_full = true;
    scene.wishes(json!({ "command_id": HEATER, "resource_id": SOUTH, "value": "2", "expires_in": null })).await;
    tokio::time::sleep(Duration::from_secs(3600)).await;
    scene.is_changed(|settings| settings.subscription = Subscription::Inactive).await;
    assert_eq!(link.0.lock().ending, Some(Ending::Revoked), "although it rests");
    let (late, _presence) = scene.connects(Protocol::Mqtt);
    settle().await;
    assert_eq!(late.0.lock().ending, Some(Ending::Revoked));
}

#[tokio::test(start_paused = true)]
async fn a_session_of_this_projects_own_goes_on_without_the_runtime() {
    let scene = Scene::new();
    let (link, _presence) = scene.connects(Protocol::Rtio);
    scene.is_changed(|settings| settings.subscription = Subscription::Inactive).await;
    assert_eq!(link.ended(), None);
}

#[tokio::test]
async fn only_the_session_that_is_meant_ends() {
    let hub = fake_hub(9);
    let (first, second) = (Arc::new(TopicLink::new(Protocol::Mqtt)), Arc::new(TopicLink::new(Protocol::Mqtt)));
    let _first = hub.attach(device(), Arc::clone(&first) as _);
    let (old, _) = hub.info(&device()).unwrap();
    let _second = hub.attach(device(), Arc::clone(&second) as _);
    assert!(!hub.revoke_session(&device(), old));
    assert_eq!(second.ended(), None);
    let (new, _) = hub.info(&device()).unwrap();
    assert!(hub.revoke_session(&device(), new));
    assert_eq!(second.0.lock().ending, Some(Ending::Revoked));
}

/// A greenhouse that may use MQTT, and a pusher that works for it.
struct Scene {
    realer: Arc<Realer>,
    hub: Arc<Hub>,
    settings: DeviceSettings,
    pusher: JoinHandle<()>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.pusher.abort();
    }
}

impl Scene {
    fn new() -> Self {
        let mut rows = greenhouse::rows();
        rows.device.settings.protocols.mqtt = true;
        let settings = rows.device.settings.clone();
        rows.commands[0].value_type = "Text".to_owned();
        let config = Config { broker_url: "mqtts://hub.example:8883".to_owned().into(), ..Config::default() };
        let realer = Arc::new(Realer::new(FakeStore::of([rows]), FakeClock::at(1_000_000), config));
        let hub = fake_hub(9);
        let pusher = Pusher::new(Arc::clone(&realer), Arc::clone(&hub), &mut Registry::default());
        Self { realer, hub, settings, pusher: tokio::spawn(pusher.run()) }
    }

    fn connects(&self, protocol: Protocol) -> (Arc<TopicLink>, Presence) {
        let link = Arc::new(TopicLink::new(protocol));
        let presence = self.hub.attach(device(), Arc::clone(&link) as _);
        (link, presence)
    }

    async fn wishes(&self, wish: Value) {
        self.realer.wish(&device(), wish.to_string().as_bytes()).await.unwrap();
        settle().await;
    }

    /// Something else is agreed with the device.
    async fn is_changed(&self, change: impl FnOnce(&mut DeviceSettings)) {
        let mut settings = self.settings.clone();
        change(&mut settings);
        self.realer.change_catalog(vec![CatalogChange::ChangeDevice { id: device(), settings }]).await.unwrap();
        settle().await;
    }
}

/// Until nobody has anything to do: the clock moves only then.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

fn desired_topic(of: &str) -> String {
    Topic::Desired { resource: resource(of), command: greenhouse::command(HEATER) }.write(&device())
}

/// A session that has topics, or none, and keeps what it is told.
#[derive(Debug)]
struct TopicLink(Mutex<Line>, Protocol);

#[derive(Debug, Default)]
struct Line {
    topics: Vec<String>,
    is_full: bool,
    told: Vec<(String, Value)>,
    ending: Option<Ending>,
}

impl TopicLink {
    fn new(protocol: Protocol) -> Self {
        Self(Mutex::default(), protocol)
    }

    fn listens_to(&self, resources: &[&str]) {
        self.0.lock().topics = resources.iter().map(|of| desired_topic(of)).collect();
    }

    fn told(&self) -> Vec<(String, Value)> {
        self.0.lock().told.clone()
    }
}

impl DeviceLink for TopicLink {
    fn start_call(&self, _: RequestParts<'_>, _: CallReply) -> Result<CallId, CallError> {
        Err(CallError::DeviceOffline)
    }

    fn cancel_call(&self, _: CallId) {}

    fn start_observation(&self, _: RequestParts<'_>, _: Arc<Feed>) -> Result<ObservationId, CallError> {
        Err(CallError::DeviceOffline)
    }

    fn grant_frame(&self, _: ObservationId) {}

    fn leave_observation(&self, _: ObservationId) {}

    fn tell(&self, topic: &str, data: &[u8]) -> Result<(), CallError> {
        let mut line = self.0.lock();
        if !line.topics.iter().any(|listens| listens == topic) {
            return Err(CallError::NotListening);
        }
        if line.is_full {
            return Err(CallError::Busy(Cap::Outbox { max_bytes: 1 }));
        }
        line.told.push((topic.to_owned(), serde_json::from_slice(data).unwrap()));
        Ok(())
    }

    fn doubt(&self, _: Instant) {}

    fn check_deadlines(&self) {}

    fn protocol(&self) -> Protocol {
        self.1
    }

    fn peer(&self) -> SocketAddr {
        ([127, 0, 0, 1], 1).into()
    }

    fn credential(&self) -> Option<Credential> {
        None
    }

    fn info(&self) -> LinkInfo {
        let now = Instant::now();
        LinkInfo {
            protocol: self.1,
            peer: self.peer(),
            connected: now,
            last_heard: now,
            heartbeat: Duration::from_secs(60),
            capacity: 9,
            max_data: 9,
            calls_in_flight: 0,
            observations: 0,
        }
    }

    fn ended(&self) -> Option<OfflineCause> {
        self.0.lock().ending.map(|_| OfflineCause::Refused)
    }

    fn close(&self, ending: Ending) {
        self.0.lock().ending.get_or_insert(ending);
    }
}
