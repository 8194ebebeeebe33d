//! Feed data (contract §6).

use super::*;
use crate::realer::{Lifecycle, Resource, SourceState, Warning};

async fn latest(place: &Greenhouse) -> Vec<Option<String>> {
    let reported = |source: &SourceState| match source {
        SourceState::Command { reported, .. } | SourceState::Sensor { reported, .. } => reported.clone(),
    };
    let state = place.state(0).await;
    state.sources.iter().map(|source| reported(source).map(|latest| latest.value.as_str().to_owned())).collect()
}

/// §6.4: the same again is a replay; something else under the same id is a conflict; both change nothing.
#[tokio::test]
async fn a_message_id_counts_once_in_its_source() {
    let place = Greenhouse::new().await;
    let first = place.accept(reading("m1", "20.5", 1_000), 1_500).await;
    assert_eq!(created(&first), 1);
    let place = place.reopened();
    let replay = place.accept(reading("m1", "20.5", 1_000), 9_000).await;
    assert_eq!(replay, Ok(Accepted::Replayed { feed_data: 1, warnings: Warnings::default() }));
    for other in [reading("m1", "20.6", 1_000), reading("m1", "20.5", 1_001)] {
        assert_eq!(place.accept(other, 9_000).await, Err(Refusal::Conflict));
    }
    assert_eq!(place.store.last_feed_data(&place.device).await.unwrap(), 1);
    assert_eq!(created(&place.accept(report("m1", "20.5", 1_000), 9_000).await), 2, "another source");
    assert_eq!(created(&place.accept(reading("m2", "20.5", 1_000), 9_000).await), 3);
}

/// §6.4: only what was accepted reserves a key; an answer is compared as well, its status as what it means.
#[tokio::test]
async fn a_refused_item_may_be_sent_again_put_right() {
    let place = Greenhouse::new().await;
    assert!(place.accept(reading("m1", "warm", 1_000), 1_500).await.is_err());
    created(&place.accept(reading("m1", "21", 1_000), 1_500).await);
    place.wish('1', "1", 1_500).await.unwrap();
    created(&place.accept(answer("m2", '1', ReportStatus::Applied), 2_500).await);
    let replay = place.accept(answer("m2", '1', ReportStatus::Applied), 2_500).await;
    assert!(matches!(replay, Ok(Accepted::Replayed { feed_data: 2, .. })), "{replay:?}");
    assert_eq!(place.accept(answer("m2", '1', ReportStatus::Stale), 2_500).await, Err(Refusal::Conflict));
}

/// §6.3: items see what those before them in the batch did, and one that is bad stops none.
#[tokio::test]
async fn a_batch_is_as_if_its_items_came_one_by_one() {
    let place = Greenhouse::new().await;
    let items = vec![
        reading("m1", "20", 1_000),
        reading("m1", "20", 1_000),
        item(SourceId::Sensor(sensor_id('x')), "m1", "20", 1_000),
        reading("m1", "21", 1_000),
        reading("m2", "19", 900),
    ];
    let results = place.store.accept(&place.device, items, now(2_000)).await.unwrap();
    let late = Warnings::default().with(Warning::OutOfOrder);
    let expected = [
        Ok(Accepted::Created { feed_data: 1, warnings: Warnings::default() }),
        Ok(Accepted::Replayed { feed_data: 1, warnings: Warnings::default() }),
        Err(Refusal::NotFound("sensor")),
        Err(Refusal::Conflict),
        Ok(Accepted::Created { feed_data: 2, warnings: late }),
    ];
    assert_eq!(results, expected);
    assert_eq!(latest(&place).await, [None, Some("20".to_owned())]);
    let records = place.store.feed_data(&place.device, 0, 10).await.unwrap();
    assert_eq!(
        records.iter().map(|record| (record.id, record.value.as_str())).collect::<Vec<_>>(),
        [(1, "20"), (2, "19")]
    );
    assert_eq!((records[0].observed_ms, records[0].received_ms, records[1].warnings), (1_000, 2_000, late));
    assert_eq!(place.store.feed_data(&place.device, 1, 10).await.unwrap(), records[1..]);
    assert!(place.store.feed_data(&place.device, u64::MAX, 10).await.unwrap().is_empty());
}

/// §6.5: the newest observation is the reported state; ties by arrival; one from the future counts from its arrival.
#[tokio::test]
async fn reported_state_is_the_newest_observation() {
    let place = Greenhouse::new().await;
    for (message, value, observed_ms, now_ms, expected) in [
        ("m1", "1", 5_000, 6_000, "1"),
        ("m2", "2", 4_999, 6_000, "1"),
        ("m3", "3", 5_000, 6_000, "3"),
        ("m4", "4", 9_000_000, 7_000, "4"),
        ("m5", "5", 7_001, 8_000, "5"),
    ] {
        created(&place.accept(report(message, value, observed_ms), now_ms).await);
        assert_eq!(latest(&place).await, [Some(expected.to_owned()), None], "{message}");
    }
}

/// §4: what firmware cannot act on takes part in nothing; another device's is not there.
#[tokio::test]
async fn items_of_what_is_not_there_are_not_found() {
    let place = Greenhouse::new().await;
    let sensor = Sensor { mu: String::new(), ..thermistor() };
    place.change(vec![CatalogChange::PutSensor { device: device('a'), sensor }]).await.unwrap();
    assert_eq!(place.accept(reading("m", "1", 1), 1).await, Err(Refusal::NotFound("sensor")));
    let add = CatalogChange::AddDevice { id: device('b'), secret: secret('z'), settings: settings("b") };
    place.change(vec![add]).await.unwrap();
    let results = place.store.accept(&device('b'), vec![report("m", "1", 1)], now(1)).await.unwrap();
    assert_eq!(results, [Err(Refusal::NotFound("command"))]);
    let results = place.store.accept(&device('x'), vec![report("m", "1", 1)], now(1)).await.unwrap();
    assert_eq!(results, [Err(Refusal::NotFound("device"))]);
}

/// §7.1: a route is one source and one resource of it; the message id counts once in the source, whatever the route.
#[tokio::test]
async fn an_item_of_a_route_is_taken_where_its_source_belongs_to_the_resource() {
    let place = Greenhouse::new().await;
    let by = |letter, message| Item { route: Some(resource_id(letter)), ..reading(message, "1", 1) };
    let resource =
        |letter: char| CatalogChange::PutResource(Resource { id: resource_id(letter), label: letter.into() });
    let belongs_to = |letters: &[char]| {
        let resources = letters.iter().map(|&letter| resource_id(letter)).collect();
        CatalogChange::PutSensor { device: device('a'), sensor: Sensor { resources, ..thermistor() } }
    };
    place.change(vec![resource('n'), resource('s'), resource('w'), belongs_to(&['n', 's'])]).await.unwrap();
    let missing = Err(Refusal::NotFound("route"));
    created(&place.accept(by('n', "m1"), 1).await);
    assert!(matches!(place.accept(by('s', "m1"), 1).await, Ok(Accepted::Replayed { feed_data: 1, .. })));
    assert!(matches!(place.accept(reading("m1", "1", 1), 1).await, Ok(Accepted::Replayed { feed_data: 1, .. })));
    for letter in ['w', 'x'] {
        assert_eq!(place.accept(by(letter, "m2"), 1).await, missing);
    }
    assert_eq!(place.accept(Item { route: Some(resource_id('n')), ..report("m2", "1", 1) }, 1).await, missing);
    place.change(vec![belongs_to(&['s'])]).await.unwrap();
    assert_eq!(place.accept(by('n', "m2"), 1).await, missing);
    place.change(vec![CatalogChange::RemoveResource(resource_id('s'))]).await.unwrap();
    assert_eq!(place.accept(by('s', "m2"), 1).await, missing);
    created(&place.accept(reading("m2", "1", 1), 1).await);
}

/// §6.5: a local report of a command that adopts becomes the desired value, and is written down.
#[tokio::test]
async fn a_reported_value_is_adopted_unless_a_wish_came_after_it() {
    let place = Greenhouse::with_adoption(Adoption::On).await;
    place.wish('1', "10", 2_000).await.unwrap();
    created(&place.accept(report("m1", "20", 1_999), 2_500).await);
    assert!(place.store.adoptions(&place.device, 0, 9).await.unwrap().is_empty());
    created(&place.accept(report("m2", "30", 2_001), 2_600).await);
    let adoptions = place.store.adoptions(&place.device, 0, 9).await.unwrap();
    let [one] = &adoptions[..] else { panic!("{adoptions:?}") };
    assert_eq!(
        (one.id, one.before.as_str(), one.after.as_str(), one.feed_data, one.adopted_ms),
        (1, "10", "30", 2, 2_600)
    );
    let superseded = place.store.desired_state(&place.device, &desired_id('1')).await.unwrap().unwrap();
    assert_eq!(superseded.lifecycle, Lifecycle::Superseded);
    assert_eq!(place.store.catalog(&place.device).await.unwrap().unwrap().commands[0].value, "30");
    created(&place.accept(report("m3", "40", 2_000), 2_700).await);
    assert_eq!(
        place.store.adoptions(&place.device, 1, 9).await.unwrap().len(),
        0,
        "an older observation is not adopted"
    );
}

#[tokio::test]
async fn a_value_that_is_reported_is_not_adopted_where_nobody_asked_for_it() {
    let place = Greenhouse::new().await;
    created(&place.accept(report("m1", "20", 1_999), 2_500).await);
    assert!(place.store.adoptions(&place.device, 0, 9).await.unwrap().is_empty());
    assert_eq!(place.store.catalog(&place.device).await.unwrap().unwrap().commands[0].value, "0");
}

/// What changed since is told by numbers: a reader that comes back misses nothing.
#[tokio::test]
async fn each_change_of_a_source_has_a_number() {
    let place = Greenhouse::new().await;
    let before = place.state(0).await.change;
    created(&place.accept(reading("m1", "20", 1_000), 1_500).await);
    let state = place.state(before).await;
    let [SourceState::Sensor { change, .. }] = &state.sources[..] else { panic!("{state:?}") };
    assert_eq!((*change, state.change), (before + 1, before + 1));
    assert!(place.state(state.change).await.sources.is_empty());
    created(&place.accept(reading("m2", "19", 900), 1_500).await);
    assert_eq!(place.state(0).await.change, state.change, "history alone is no change of state");
    assert_eq!(place.store.state(&device('x'), 0).await.unwrap(), None);
}

#[tokio::test]
async fn numbers_beyond_the_signed_ones_come_back() {
    let place = Greenhouse::new().await;
    created(&place.accept(Item { sequence: Some(u64::MAX), ..reading("m1", "20", i64::MIN) }, 1_500).await);
    let records = place.store.feed_data(&place.device, 0, 1).await.unwrap();
    assert_eq!((records[0].sequence, records[0].observed_ms), (Some(u64::MAX), i64::MIN));
}
