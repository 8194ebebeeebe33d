//! What is forgotten when (contract §6.4 for message ids; the rest is the operator's).

use super::*;
use crate::hub::ports::DeviceRegistry;

const LONG: Retention = Retention {
    max_age: Duration::from_secs(30 * 24 * 3600),
    max_items_per_device: 1_000,
    max_desired_per_device: 1_000,
    message_ids: DAY,
};

fn days(days: i64) -> i64 {
    days * 24 * 3600 * 1000
}

async fn forget(place: &Greenhouse, retention: Retention, now_ms: i64) {
    for _ in 0..100 {
        if place.store.forget(retention, now_ms).await.unwrap() == Forgotten::All {
            return;
        }
    }
    panic!("it has no end");
}

fn rows(place: &Greenhouse, table: &str) -> i64 {
    place.store.reader().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
}

async fn numbers(place: &Greenhouse) -> Vec<u64> {
    place.store.feed_data(&place.device, 0, 10_000).await.unwrap().iter().map(|record| record.id).collect()
}

async fn filled(count: u64) -> Greenhouse {
    let place = Greenhouse::new().await;
    let items = (1..=count).map(|number| reading(&format!("m{number}"), "20", 1_000)).collect();
    place.store.accept(&place.device, items, now(1_000)).await.unwrap();
    place
}

#[tokio::test]
async fn too_much_is_forgotten_but_its_message_ids_are_not() {
    let place = filled(10).await;
    let few = Retention { max_items_per_device: 3, ..LONG };
    forget(&place, few, 2_000).await;
    assert_eq!(numbers(&place).await, [8, 9, 10]);
    let replay = place.accept(reading("m1", "20", 1_000), 2_000).await;
    assert!(matches!(replay, Ok(Accepted::Replayed { feed_data: 1, .. })), "{replay:?}");
    forget(&place, few, 1_000 + days(1)).await;
    assert_eq!((numbers(&place).await, rows(&place, "feed_data")), (vec![8, 9, 10], 3));
    assert_eq!(created(&place.accept(reading("m1", "20", 1_000), days(1)).await), 11, "the message id is forgotten");
}

#[tokio::test]
async fn what_is_old_is_forgotten_and_its_numbers_never_come_again() {
    let place = filled(2_500).await;
    created(&place.accept(report("late", "1", 1_000), days(29)).await);
    forget(&place, Retention { max_items_per_device: 1_000_000, ..LONG }, days(30) + 999).await;
    assert_eq!(rows(&place, "feed_data"), 2_501, "not old yet");
    forget(&place, Retention { max_items_per_device: 1_000_000, ..LONG }, days(30) + 1_000).await;
    assert_eq!((numbers(&place).await, rows(&place, "feed_data")), (vec![2_501], 1));
    forget(&place, LONG, days(100)).await;
    assert_eq!(rows(&place, "feed_data"), 0);
    let place = place.reopened();
    assert_eq!(place.store.last_feed_data(&place.device).await.unwrap(), 2_501);
    assert_eq!(created(&place.accept(reading("new", "20", 1_000), days(100)).await), 2_502);
}

/// A short age with long message ids: not seen any more, and still known.
#[tokio::test]
async fn message_ids_outlive_what_was_said_with_them() {
    let place = filled(5).await;
    let short = Retention { max_age: Duration::from_secs(60), message_ids: 7 * DAY, ..LONG };
    forget(&place, short, days(6)).await;
    assert_eq!((numbers(&place).await, rows(&place, "feed_data")), (vec![], 5));
    assert_eq!(place.accept(reading("m5", "21", 1_000), days(6)).await, Err(Refusal::Conflict));
    forget(&place, short, days(8)).await;
    assert_eq!(rows(&place, "feed_data"), 0);
}

#[tokio::test]
async fn closed_desired_states_are_forgotten_but_for_the_newest_of_each_context() {
    let place = Greenhouse::new().await;
    for letter in ['1', '2', '3'] {
        place.wish(letter, "1", 2_000).await.unwrap();
    }
    place.store.expire(days(1), 9).await.unwrap();
    forget(&place, LONG, days(40)).await;
    let left = place.store.desired_states(&place.device, None, 9).await.unwrap();
    assert_eq!(left.iter().map(|desired| desired.id.clone()).collect::<Vec<_>>(), [desired_id('3')]);
    assert_eq!(place.wish('4', "1", days(40)).await.unwrap().sequence, 4);
    forget(&place, LONG, days(80)).await;
    let left = place.store.desired_states(&place.device, Some(&desired_id('1')), 9).await.unwrap();
    assert_eq!(left.iter().map(|desired| desired.id.clone()).collect::<Vec<_>>(), [desired_id('4')], "open for ever");
}

#[tokio::test]
async fn closed_desired_states_are_so_many_and_the_oldest_go_but_no_open_and_no_newest() {
    let place = Greenhouse::new().await;
    let other = Command { id: command_id('q'), label: "lamp".to_owned(), ..relay() };
    place.change(vec![CatalogChange::PutCommand { device: device('a'), command: other }]).await.unwrap();
    let first = NewDesired { command: command_id('q'), ..wish('0', "1", 1_000) };
    place.store.set_desired(&device('a'), first).await.unwrap().unwrap();
    let desired = |number: usize| DesiredId::parse(&format!("des_{number:026}")).unwrap();
    let wishes = |numbers: std::ops::Range<usize>| {
        numbers.map(|number| NewDesired { id: desired(number), ..wish('1', "1", 2_000) })
    };
    for wish in wishes(1..1_003) {
        place.store.set_desired(&device('a'), wish).await.unwrap().unwrap();
    }
    let kept = async || {
        let kept = place.store.desired_states(&device('a'), None, 10_000).await.unwrap();
        kept.into_iter().map(|desired| desired.id).collect::<Vec<_>>()
    };
    forget(&place, LONG, 3_000).await;
    let expected = |first| [desired_id('0')].into_iter().chain((first..1_003).map(desired)).collect::<Vec<_>>();
    assert_eq!(kept().await, expected(2), "1,000 closed ones, and the two that are open");
    forget(&place, Retention { max_desired_per_device: 3, ..LONG }, 3_000).await;
    assert_eq!(kept().await, expected(999));
    place.change(vec![CatalogChange::RemoveCommand { device: device('a'), id: command_id('q') }]).await.unwrap();
    place.store.expire(days(1), 9).await.unwrap();
    forget(&place, Retention { max_desired_per_device: 1, ..LONG }, days(1)).await;
    assert_eq!(
        rows(&place, "desired_states"),
        2,
        "that of a removed command is closed, and was the oldest but for its end"
    );
    assert_eq!(kept().await, expected(1_001)[1..]);
    let counted: i64 =
        place.store.reader().query_row("SELECT replaced FROM control_devices", [], |row| row.get(0)).unwrap();
    assert_eq!(counted, 1);
}

#[tokio::test]
async fn adoptions_go_with_their_feed_data_and_tokens_with_their_time() {
    let place = Greenhouse::with_adoption(Adoption::On).await;
    created(&place.accept(report("m1", "1", 1_000), 1_000).await);
    let credential = Credential(1.try_into().unwrap());
    let (device, token, scopes) = (device('a'), secret('k'), crate::realer::Scopes::DEFAULT);
    let token = NewToken { device, credential, token, scopes, issued_ms: 1_000, expires_ms: 2_000 };
    place.store.add_token(token).await.unwrap();
    forget(&place, LONG, days(1)).await;
    assert_eq!((rows(&place, "adoptions"), rows(&place, "tokens")), (1, 0));
    forget(&place, LONG, days(31)).await;
    assert_eq!(rows(&place, "adoptions"), 0);
}

#[tokio::test]
async fn what_a_removed_device_left_is_cleaned_up_and_never_anothers() {
    let place = filled(2_500).await;
    place.wish('1', "1", 2_000).await.unwrap();
    place.store.remove(&device('a')).await.unwrap();
    assert_eq!(rows(&place, "sources"), 0);
    let add = CatalogChange::AddDevice { id: device('a'), secret: secret('z'), settings: settings("greenhouse") };
    let put = CatalogChange::PutSensor { device: device('a'), sensor: thermistor() };
    place.change(vec![add, put]).await.unwrap();
    assert!(numbers(&place).await.is_empty());
    assert_eq!(
        created(&place.accept(reading("m1", "20", 1_000), 2_000).await),
        1,
        "a new device with numbers of its own"
    );
    forget(&place, LONG, 2_000).await;
    assert_eq!((rows(&place, "feed_data"), rows(&place, "desired_states"), rows(&place, "removed_devices")), (1, 0, 0));
}

/// What is damaged in a table that is not read before the start is found while the hub runs, and the rest goes on working.
#[tokio::test]
async fn damage_in_history_is_found_after_the_start() {
    let place = filled(20_000).await;
    let Greenhouse { folder, store, .. } = place;
    drop(store);
    let path = folder.path().join("rtio.db");
    let sound = open(&folder);
    Arc::new(sound).check_the_rest().await;
    let leaf = {
        let connection = Connection::open(&path).unwrap();
        connection.execute("INSERT INTO settings VALUES ('x', x'00')", []).unwrap();
        std::fs::read(&path).unwrap().windows(6).position(|window| window == b"m12345").unwrap()
    };
    let mut bytes = std::fs::read(&path).unwrap();
    let page = leaf / 4096 * 4096;
    bytes[page..page + 4096].fill(0x55);
    std::fs::write(&path, bytes).unwrap();
    let metrics = Metrics::default();
    let store = Store::open(&DataDir::open(folder.path()).unwrap(), metrics.clone()).unwrap();
    let store = Arc::new(store);
    Arc::clone(&store).check_the_rest().await;
    assert_eq!(metrics.damaged.get(), 1);
    assert!(store.control_device(&device('a')).await.unwrap().is_some());
}

/// The walk goes through many devices in several steps.
#[tokio::test]
async fn every_device_has_its_turn() {
    let place = Greenhouse::new().await;
    for number in 0..3 {
        let add = |one: usize| {
            let id = DeviceId::parse(&format!("cdv_{number}{one:025}")).unwrap();
            CatalogChange::AddDevice { settings: settings(id.as_str()), id, secret: secret('z') }
        };
        place.change((0..200).map(add).collect()).await.unwrap();
    }
    let last = DeviceId::parse(&format!("cdv_2{:025}", 199)).unwrap();
    let sensor = Sensor { id: sensor_id('l'), ..thermistor() };
    place.change(vec![CatalogChange::PutSensor { device: last.clone(), sensor }]).await.unwrap();
    let items = vec![item(SourceId::Sensor(sensor_id('l')), "m", "1", 1)];
    place.store.accept(&last, items, now(1_000)).await.unwrap();
    forget(&place, LONG, days(60)).await;
    assert_eq!(rows(&place, "feed_data"), 0);
}
