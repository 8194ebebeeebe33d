//! A store whose process is killed while it writes: each item that was confirmed is there afterwards. The process is this very program,
//! run again for the one test that feeds.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rtio_server::data_dir::DataDir;
use rtio_server::hub::{DeviceId, DeviceSecret};
use rtio_server::realer::accept::Now;
use rtio_server::realer::ports::{Accepted, CatalogChange, Store as _};
use rtio_server::realer::{
    DeviceSettings, Item, MessageId, Plan, Protocols, Sensor, SensorId, SourceId, Subscription, Text, Warnings,
};
use rtio_server::store::{Metrics, Store};

const FOLDER: &str = "RTIO_TEST_FED_FOLDER";
const DEVICES: usize = 8;

fn device(number: usize) -> DeviceId {
    DeviceId::parse(&format!("cdv_{number:026}")).unwrap()
}

fn sensor(number: usize) -> SensorId {
    SensorId::parse(&format!("sns_{number:026}")).unwrap()
}

fn open(folder: &Path) -> Store {
    Store::open(&DataDir::open(folder).unwrap(), Metrics::default()).unwrap()
}

async fn fill(store: &Store) {
    let changes = (0..DEVICES).flat_map(|number| {
        let (subscription, protocols, plan) = (Subscription::Active, Protocols::default(), Plan::default());
        let settings = DeviceSettings { label: number.to_string(), subscription, protocols, plan };
        let text = |text: &str| text.to_owned();
        let (kind, qc, mu) = (text("thermistor"), text("celsius_temperature"), text("degree_celsius:0"));
        let sensor =
            Sensor { id: sensor(number), label: text("air"), kind, qc, mu, pin_port: text("5"), resources: Vec::new() };
        let secret = DeviceSecret::random().unwrap();
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
    let mut confirmed = BTreeMap::new();
    for round in ["one", "two", "three"] {
        let before = confirmed.len();
        confirmed.extend(killed_after(2_000, folder.path(), round));
        assert!(confirmed.len() >= before + 2_000);
        let store = open(folder.path());
        for number in 0..DEVICES {
            let records = store.feed_data(&device(number), 0, usize::MAX).await.unwrap();
            let kept: BTreeMap<_, _> = records.iter().map(|record| (record.id, record.message_id.as_str())).collect();
            for ((_, feed), message) in confirmed.range((number, 0)..(number + 1, 0)) {
                assert_eq!(kept.get(feed), Some(&message.as_str()), "{round}: {number}");
            }
        }
    }
}

/// Kills the one that feeds after so many items. All that it confirmed: message ids by device and number.
fn killed_after(count: usize, folder: &Path, round: &str) -> BTreeMap<(usize, u64), String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "realer::killed::feeds_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env("RTIO_TEST_ROUND", round)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut confirmed = BTreeMap::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n').map_while(Result::ok);
    while let Some(line) = lines.next() {
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
