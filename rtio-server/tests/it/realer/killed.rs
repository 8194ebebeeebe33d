//! A process that is killed while it writes: each item that was confirmed is there afterwards. Once it is the hub, fed over HTTP; once it
//! is the store alone, which confirms much more in the same time, in this very program run again for the one test that feeds.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rtio_server::data_dir::DataDir;
use rtio_server::hub::{DeviceId, DeviceSecret};
use rtio_server::realer::accept::Now;
use rtio_server::realer::ports::{Accepted, CatalogChange, Store as _};
use rtio_server::realer::{
    DeviceSettings, Item, MessageId, Plan, Protocols, Sensor, SensorId, SourceId, Subscription, Text, Warnings,
};
use rtio_server::store::{Metrics, Store};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::program::{Running, rtio};

const FOLDER: &str = "RTIO_TEST_FED_FOLDER";
pub(super) const DEVICES: usize = 8;
pub(super) const SECRET: &str = "a secret of thirty characters.";

pub(super) fn device(number: usize) -> DeviceId {
    DeviceId::parse(&format!("cdv_{number:026}")).unwrap()
}

pub(super) fn sensor(number: usize) -> SensorId {
    SensorId::parse(&format!("sns_{number:026}")).unwrap()
}

pub(super) fn open(folder: &Path) -> Store {
    Store::open(&DataDir::open(folder).unwrap(), Metrics::default()).unwrap()
}

pub(super) async fn fill(store: &Store) {
    let changes = (0..DEVICES).flat_map(|number| {
        let (subscription, protocols) = (Subscription::Active, Protocols::default());
        let plan = Plan { minimum_interval_ms: Some(0), ..Plan::default() };
        let settings = DeviceSettings { label: number.to_string(), subscription, protocols, plan };
        let text = |text: &str| text.to_owned();
        let (kind, qc, mu) = (text("thermistor"), text("celsius_temperature"), text("degree_celsius:0"));
        let sensor =
            Sensor { id: sensor(number), label: text("air"), kind, qc, mu, pin_port: text("5"), resources: Vec::new() };
        let secret = DeviceSecret::parse(SECRET).unwrap();
        [
            CatalogChange::AddDevice { id: device(number), secret, settings },
            CatalogChange::PutSensor { device: device(number), sensor },
        ]
    });
    store.change_catalog(changes.collect(), 1).await.unwrap();
}

fn item(number: usize, round: &str, count: usize) -> Item {
    Item {
        source: SourceId::Sensor(sensor(number)),
        route: None,
        message_id: MessageId::parse(&format!("{round}-{count}")).unwrap(),
        value: Text::parse(&count.to_string()).unwrap(),
        observed_ms: 1,
        answer: None,
        sequence: None,
        warnings: Warnings::default(),
    }
}

/// Feeds until it is killed, and says of each item that it was confirmed. Does nothing unless it is told where.
#[test]
fn feeds_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let round = std::env::var("RTIO_TEST_ROUND").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Arc::new(open(Path::new(&folder)));
        let mut feeding = tokio::task::JoinSet::new();
        for number in 0..DEVICES {
            feeding.spawn(feed(Arc::clone(&store), number, round.clone()));
        }
        feeding.join_all().await;
    });
}

/// Single items and batches by turns.
async fn feed(store: Arc<Store>, number: usize, round: String) {
    let mut count = 0;
    loop {
        let size = if count % 2 == 0 { 1 } else { 20 };
        let items: Vec<_> = (count..count + size).map(|count| item(number, &round, count)).collect();
        let now = Now { ms: 1, future_tolerance_ms: 0 };
        let accepted = store.accept(&device(number), items, now).await.unwrap();
        let said = accepted.iter().zip(count..).map(|(accepted, count)| match accepted {
            Ok(Accepted::Created { feed_data, .. }) => format!("confirmed {number} {feed_data} {round}-{count}\n"),
            other => panic!("{other:?}"),
        });
        // One write, so that lines stay whole.
        std::io::stdout().lock().write_all(said.collect::<String>().as_bytes()).unwrap();
        count += size;
    }
}

#[tokio::test]
async fn what_was_confirmed_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    fill(&open(folder.path())).await;
    let mut confirmed = Confirmed::new();
    for round in ["one", "two", "three"] {
        let before = confirmed.len();
        confirmed.extend(killed_after(2_000, folder.path(), round));
        assert!(confirmed.len() >= before + 2_000);
        keeps(&open(folder.path()), &confirmed).await;
    }
}

/// The store has each item under its number.
async fn keeps(store: &Store, confirmed: &Confirmed) {
    for number in 0..DEVICES {
        let records = store.feed_data(&device(number), 0, usize::MAX).await.unwrap();
        let kept: BTreeMap<_, _> = records.iter().map(|record| (record.id, record.message_id.as_str())).collect();
        let of_device = confirmed.range((number, 0)..(number + 1, 0));
        of_device.for_each(|((_, feed), message)| assert_eq!(kept.get(feed), Some(&message.as_str()), "{number}"));
    }
}

/// Message ids by device and number.
type Confirmed = BTreeMap<(usize, u64), String>;

/// §6: what the hub has answered with `created` is on disk.
#[tokio::test]
async fn what_a_killed_hub_confirmed_is_there_when_it_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    fill(&open(folder.path())).await;
    let serve =
        "serve --open-callers --realer-plain --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off";
    let mut hub = Running::start(&mut rtio(&format!("{serve} --data-dir {}", folder.path().display())));
    hub.value_of("devices");
    let callers = hub.value_of("callers http://");
    while !hub.line().starts_with("descriptors") {}
    let confirmed = Arc::new(Mutex::new(Confirmed::new()));
    let feeding: Vec<_> = (0..DEVICES)
        .map(|number| {
            let (callers, confirmed) = (callers.clone(), Arc::clone(&confirmed));
            std::thread::spawn(move || feed_over_http(&callers, number, &confirmed))
        })
        .collect();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while confirmed.lock().unwrap().len() < 1_000 {
        assert!(tokio::time::Instant::now() < deadline, "{} confirmed", confirmed.lock().unwrap().len());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hub.sends(Signal::KILL);
    assert_eq!(hub.ends(), None);
    feeding.into_iter().for_each(|one| one.join().unwrap());
    let confirmed = confirmed.lock().unwrap().clone();
    keeps(&open(folder.path()), &confirmed).await;
}

/// Feeds one device's readings, two at a time, until the hub is gone.
fn feed_over_http(callers: &str, number: usize, confirmed: &Mutex<Confirmed>) {
    let mut hub = BufReader::new(TcpStream::connect(callers).unwrap());
    let id = device(number);
    let credentials = STANDARD.encode(format!("{id}:{SECRET}"));
    let form = "Content-Type: application/x-www-form-urlencoded";
    let head = format!("POST /oauth/token HTTP/1.1\r\nAuthorization: Basic {credentials}\r\n{form}");
    let token =
        asks(&mut hub, &head, "grant_type=client_credentials").unwrap()["access_token"].as_str().unwrap().to_owned();
    let head = format!(
        "POST /iot/v1/devices/{id}/feed-data/batches HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json"
    );
    for count in 0.. {
        let items = [2 * count, 2 * count + 1].map(|count: u32| {
            let (id, time) = (sensor(number), "2026-05-12T08:31:10Z");
            json!({"sensor_id": id.as_str(), "message_id": format!("m-{count}"), "value": "20.5", "value_received_at": time})
        });
        let Some(answer) = asks(&mut hub, &head, &json!({ "items": items }).to_string()) else { return };
        for result in answer["results"].as_array().unwrap() {
            assert_eq!(result["status"], "created", "{answer}");
            let (feed, message) = (result["feed_data_id"].as_u64().unwrap(), result["message_id"].as_str().unwrap());
            confirmed.lock().unwrap().insert((number, feed), message.to_owned());
        }
    }
}

/// The body of the answer, if there is a whole one.
fn asks(hub: &mut BufReader<TcpStream>, head: &str, body: &str) -> Option<Value> {
    let request = format!("{head}\r\nHost: hub\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    hub.get_mut().write_all(request.as_bytes()).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        hub.read_line(&mut line).ok().filter(|&bytes| bytes > 0)?;
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut answer = vec![0; length];
    hub.read_exact(&mut answer).ok()?;
    Some(serde_json::from_slice(&answer).unwrap())
}

/// Kills the one that feeds after so many items. All that it confirmed: message ids by device and number.
fn killed_after(count: usize, folder: &Path, round: &str) -> Confirmed {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "realer::killed::feeds_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env("RTIO_TEST_ROUND", round)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut confirmed = Confirmed::new();
    let lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n').map_while(Result::ok);
    for line in lines {
        let line = String::from_utf8(line).unwrap();
        // A line that was cut off is not confirmed to anybody: it has no end, or too few words.
        let [_, "confirmed", number, feed, message] =
            [""].iter().copied().chain(line.split(' ')).collect::<Vec<_>>()[..]
        else {
            continue;
        };
        confirmed.insert((number.parse().unwrap(), feed.parse().unwrap()), message.to_owned());
        if confirmed.len() == count {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    confirmed
}
