//! The hub is killed while devices publish: what has its PUBACK is there afterwards, and nothing is there twice. (Contract §7.3, §6.4.)
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rtio_server::data_dir::DataDir;
use rtio_server::hub::{DeviceId, DeviceSecret};
use rtio_server::realer::ports::{CatalogChange, Store as _};
use rtio_server::realer::{DeviceSettings, Plan, Protocols, Resource, ResourceId, Sensor, SensorId, Subscription};
use rtio_server::store::{Metrics, Store};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::program::{Running, rtio};
use crate::support::mqtt::{ALL_SCOPES, CONNACK, Connect, MqttClient, Version, item, packet, text};
use crate::support::realer::{FORM, basic, bearer};
use crate::support::{Caller, within};

const DEVICES: usize = 4;
const SECRET: &str = "a secret of thirty characters.";

/// A device as its firmware knows it.
#[derive(Debug, Clone)]
struct Publisher {
    id: DeviceId,
    sensor: SensorId,
    resource: ResourceId,
    credential: String,
}

impl Publisher {
    fn new(number: usize) -> Self {
        Self {
            id: DeviceId::parse(&format!("cdv_{number:026}")).unwrap(),
            sensor: SensorId::parse(&format!("sns_{number:026}")).unwrap(),
            resource: ResourceId::parse(&format!("res_{number:026}")).unwrap(),
            credential: String::new(),
        }
    }

    fn topic(&self) -> String {
        let Self { id, sensor, resource, .. } = self;
        format!("iot/v1/devices/{id}/resources/{resource}/sensors/{sensor}/feed-data")
    }

    fn changes(&self) -> [CatalogChange; 3] {
        let (label, subscription) = (self.id.to_string(), Subscription::Active);
        let protocols = Protocols { mqtt: true, ..Protocols::default() };
        let plan = Plan { minimum_interval_ms: Some(0), ..Plan::default() };
        let word = str::to_owned;
        let sensor = Sensor {
            id: self.sensor.clone(),
            label: word("air"),
            kind: word("thermistor"),
            qc: word("celsius_temperature"),
            mu: word("degree_celsius:0"),
            pin_port: word("5"),
            resources: vec![self.resource.clone()],
        };
        let (id, secret) = (self.id.clone(), DeviceSecret::parse(SECRET).unwrap());
        let settings = DeviceSettings { label, subscription, protocols, plan };
        [
            CatalogChange::AddDevice { id, secret, settings },
            CatalogChange::PutResource(Resource { id: self.resource.clone(), label: format!("bench of {}", self.id) }),
            CatalogChange::PutSensor { device: self.id.clone(), sensor },
        ]
    }

    /// Gets a credential.
    async fn asks(&mut self, callers: SocketAddr) {
        let mut caller = Caller::connect(callers).await;
        let form = format!("grant_type=client_credentials&scope={}", ALL_SCOPES.replace(' ', "%20"));
        let headers = [("authorization", &*basic(self.id.as_str(), SECRET)), ("content-type", FORM)];
        let token = caller.asks("POST", "/oauth/token", &headers, form.as_bytes()).await.field("access_token");
        let headers = [("authorization", &*bearer(&token)), ("content-type", "application/json")];
        self.credential =
            caller.asks("POST", "/iot/v1/mqtt-credentials", &headers, b"{}").await.field("mqtt_credential");
    }

    fn connect(&self) -> Vec<u8> {
        let connect = Connect {
            version: Version::V3,
            id: self.id.to_string(),
            name: self.id.to_string(),
            password: self.credential.clone(),
            starts_clean: true,
            keep_alive: 60,
            session_expiry: 0,
        };
        connect.bytes()
    }
}

/// A hub on this folder, and where its devices and callers are.
fn start(folder: &Path) -> (Running, SocketAddr, SocketAddr) {
    let addresses = "--device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --mqtt-addr 127.0.0.1:0 --admin-addr off";
    let mut hub = Running::start(&mut rtio(&format!("serve --dev {addresses} --data-dir {}", folder.display())));
    hub.value_of("devices ");
    let mqtt = hub.value_of("mqtt mqtt://").parse().unwrap();
    let callers = hub.value_of("callers http://").parse().unwrap();
    (hub, mqtt, callers)
}

/// Message ids that have their PUBACK, by device.
type Confirmed = Arc<Mutex<Vec<Vec<String>>>>;

/// Publishes, ten at a time, until the hub is gone.
async fn publishes(publisher: Publisher, mqtt: SocketAddr, (number, confirmed): (usize, Confirmed)) {
    let mut stream = TcpStream::connect(mqtt).await.unwrap();
    stream.write_all(&publisher.connect()).await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0]);
    for round in 0.. {
        let messages = (0..10).map(|nth: u16| (nth + 1, format!("m-{round}-{nth}"))).collect::<Vec<_>>();
        let publish = |(id, message): &(u16, String)| {
            let payload = item(message, "20.5").into_bytes();
            packet(0x32, &[text(&publisher.topic()), id.to_be_bytes().to_vec(), payload].concat())
        };
        if stream.write_all(&messages.iter().flat_map(publish).collect::<Vec<_>>()).await.is_err() {
            return;
        }
        for (id, message) in messages {
            if stream.read_exact(&mut answer).await.is_err() {
                return;
            }
            assert_eq!((answer[..2].to_vec(), answer[2..].to_vec()), (vec![0x40, 2], id.to_be_bytes().to_vec()));
            confirmed.lock()[number].push(message);
        }
    }
}

/// How often each message of a device is in the store, as callers read it.
async fn kept(callers: SocketAddr, device: &DeviceId) -> BTreeMap<String, usize> {
    let (mut caller, mut after, mut kept) = (Caller::connect(callers).await, json!(0), BTreeMap::new());
    while !after.is_null() {
        let body = json!({"after": after, "limit": 500}).to_string();
        let page: Value = caller.calls(&format!("/{device}/iot/v1/feed-data"), body.as_bytes()).await.json();
        for record in page["feed_data"].as_array().unwrap() {
            *kept.entry(record["message_id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        after = page["next"].clone();
    }
    kept
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_its_puback_survives_a_kill_and_is_replayed_7_3() {
    let folder = tempfile::tempdir().unwrap();
    let mut publishers: Vec<_> = (0..DEVICES).map(Publisher::new).collect();
    let store = Store::open(&DataDir::open(folder.path()).unwrap(), Metrics::default()).unwrap();
    store.change_catalog(publishers.iter().flat_map(Publisher::changes).collect(), 1).await.unwrap();
    drop(store);
    let (mut hub, mqtt, callers) = start(folder.path());
    let confirmed: Confirmed = Arc::new(Mutex::new(vec![Vec::new(); DEVICES]));
    let mut tasks = Vec::new();
    for (number, publisher) in publishers.iter_mut().enumerate() {
        publisher.asks(callers).await;
        tasks.push(tokio::spawn(publishes(publisher.clone(), mqtt, (number, Arc::clone(&confirmed)))));
    }
    let enough = async {
        while confirmed.lock().iter().map(Vec::len).min() < Some(250) {
            tokio::task::yield_now().await;
        }
    };
    within("a thousand PUBACKs", enough).await;
    hub.sends(Signal::KILL);
    assert_eq!(hub.ends(), None);
    for task in tasks {
        within("the end of its connection", task).await.unwrap();
    }

    let (_hub, mqtt, callers) = start(folder.path());
    let confirmed = confirmed.lock().clone();
    for (publisher, confirmed) in publishers.iter().zip(confirmed) {
        let kept = kept(callers, &publisher.id).await;
        assert!(kept.values().all(|&count| count == 1), "{kept:?}");
        let lost: Vec<_> = confirmed.iter().filter(|message| !kept.contains_key(*message)).collect();
        assert_eq!(lost, [""; 0], "of {}", confirmed.len());
        // The credential is as durable; the last one with a PUBACK, and what came after it, is published again.
        let mut client = MqttClient::over(TcpStream::connect(mqtt).await.unwrap(), Version::V3);
        client.sends(&publisher.connect()).await;
        assert_eq!(client.packet_of(CONNACK).await.body, [0, 0]);
        let acks = format!("iot/v1/devices/{}/feed-data/acks", publisher.id);
        assert_eq!(client.subscribes(&[&acks]).await, [1]);
        let unconfirmed = kept.keys().find(|message| !confirmed.contains(*message));
        let again = confirmed.last().into_iter().chain(unconfirmed).map(|message| (message.as_str(), "replayed"));
        for (message, status) in again.chain([("new", "created")]) {
            client.publishes(&publisher.topic(), &item(message, "20.5")).await;
            let ack = client.message().await.json();
            assert_eq!((&ack["message_id"], &ack["status"]), (&json!(message), &json!(status)));
        }
    }
}
