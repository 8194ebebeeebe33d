//! Desired states (contract §5).

use super::*;
use crate::realer::{Lifecycle, SourceState};

async fn lifecycle(place: &Greenhouse, letter: char) -> Lifecycle {
    place.store.desired_state(&place.device, &desired_id(letter)).await.unwrap().unwrap().lifecycle
}

/// §5, §5.2: one open at most in a context, and numbers only grow.
#[tokio::test]
async fn a_newer_wish_takes_the_place_of_an_open_one() {
    let place = Greenhouse::new().await;
    assert_eq!(place.wish('1', "1", 2_000).await.unwrap().sequence, 1);
    assert_eq!(place.wish('2', "2", 3_000).await.unwrap().sequence, 2);
    assert_eq!(lifecycle(&place, '1').await, Lifecycle::Superseded);
    let open = place.store.open_desired(&place.device, 3_000).await.unwrap();
    assert_eq!(
        open.iter().map(|open| (open.id.clone(), open.value.as_str())).collect::<Vec<_>>(),
        [(desired_id('2'), "2")]
    );
    let [SourceState::Command { value, desired, .. }, _] = &place.state(0).await.sources[..] else { panic!() };
    assert_eq!((value.as_str(), desired), ("2", &open));
    let all = place.store.desired_states(&place.device, None, 9).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(place.store.desired_states(&place.device, Some(&all[0].id), 9).await.unwrap(), all[1..]);
}

#[tokio::test]
async fn what_a_wish_must_not_say_is_refused_and_changes_nothing() {
    let place = Greenhouse::new().await;
    let before = place.state(0).await;
    assert_eq!(place.wish('1', "warm", 2_000).await, Err(Refusal::invalid("value", "no decimal number")));
    assert_eq!(place.wish('1', "101", 2_000).await, Err(Refusal::invalid("value", "out of range")));
    let set = async |letter, wish| place.store.set_desired(&device(letter), wish).await.unwrap();
    let unknown = NewDesired { command: command_id('x'), ..wish('1', "1", 2_000) };
    assert_eq!(set('a', unknown).await, Err(Refusal::NotFound("command")));
    assert_eq!(set('x', wish('1', "1", 2_000)).await, Err(Refusal::NotFound("device")));
    let resource = NewDesired { resource: Some(resource_id('1')), ..wish('1', "1", 2_000) };
    assert_eq!(set('a', resource).await, Err(Refusal::invalid("resource_id", "unknown")));
    assert_eq!(place.state(0).await, before);
}

/// §5.1: the first answer closes it for ever.
#[tokio::test]
async fn an_answer_closes_a_desired_state_once() {
    let place = Greenhouse::new().await;
    place.wish('1', "1", 2_000).await.unwrap();
    created(&place.accept(answer("m1", '1', ReportStatus::Rejected), 2_500).await);
    let again = place.accept(answer("m2", '1', ReportStatus::Applied), 2_600).await.unwrap();
    let Accepted::Created { warnings, .. } = again else { panic!("{again:?}") };
    assert_eq!(warnings.iter().map(crate::realer::Warning::name).collect::<Vec<_>>(), ["desired_state_closed"]);
    let closed = place.store.desired_state(&place.device, &desired_id('1')).await.unwrap().unwrap();
    assert_eq!((closed.lifecycle, closed.closed_ms), (Lifecycle::Rejected, Some(2_500)));
    assert!(place.store.open_desired(&place.device, 2_700).await.unwrap().is_empty());
}

/// §5.1: a desired state of another command is unknown.
#[tokio::test]
async fn an_answer_to_another_commands_desired_state_is_refused() {
    let place = Greenhouse::new().await;
    let other = Command { id: command_id('q'), label: "door".to_owned(), ..relay() };
    place.change(vec![CatalogChange::PutCommand { device: device('a'), command: other }]).await.unwrap();
    place.wish('1', "1", 2_000).await.unwrap();
    let source = SourceId::Command(command_id('q'));
    let wrong = Item { source, ..answer("m1", '1', ReportStatus::Applied) };
    assert_eq!(place.accept(wrong, 2_500).await, Err(Refusal::invalid("desired_id", "unknown")));
    assert_eq!(lifecycle(&place, '1').await, Lifecycle::Pending);
}

#[tokio::test]
async fn one_whose_time_is_over_expires_and_its_device_is_told() {
    let place = Greenhouse::new().await;
    place.wish('1', "1", 2_000).await.unwrap();
    let over = 2_000 + 900_000;
    assert!(place.store.expire(over - 1, 9).await.unwrap().is_empty());
    assert!(place.store.open_desired(&place.device, over).await.unwrap().is_empty(), "before it is closed");
    let change = place.state(0).await.change;
    assert_eq!(place.store.expire(over, 9).await.unwrap(), [device('a')]);
    assert!(place.store.expire(over, 9).await.unwrap().is_empty());
    let closed = place.store.desired_state(&place.device, &desired_id('1')).await.unwrap().unwrap();
    assert_eq!((closed.lifecycle, closed.closed_ms), (Lifecycle::Expired, Some(over)));
    assert_eq!(place.state(change).await.sources.len(), 1, "the command has changed, the sensor has not");
    place.wish('2', "1", 2_000).await.unwrap();
    place.wish('3', "1", over + 1).await.unwrap();
    assert_eq!(lifecycle(&place, '2').await, Lifecycle::Expired, "and not superseded, although nobody had closed it");
}

/// §5.2: a number never comes again, not even for a command that was removed and put again.
#[tokio::test]
async fn numbers_go_on_where_a_removed_command_had_stopped() {
    let place = Greenhouse::new().await;
    place.wish('1', "1", 2_000).await.unwrap();
    place.wish('2', "1", 2_000).await.unwrap();
    place.change(vec![CatalogChange::RemoveCommand { device: device('a'), id: command_id('r') }]).await.unwrap();
    assert!(place.store.open_desired(&place.device, 2_000).await.unwrap().is_empty());
    assert_eq!(place.store.desired_state(&place.device, &desired_id('1')).await.unwrap(), None);
    place.change(vec![CatalogChange::PutCommand { device: device('a'), command: relay() }]).await.unwrap();
    assert_eq!(place.wish('3', "1", 3_000).await.unwrap().sequence, 3);
    assert_eq!(place.store.open_desired(&place.device, 3_000).await.unwrap().len(), 1);
}

/// §5: contexts are apart; the list is in the order of issue.
#[tokio::test]
async fn each_resource_has_an_open_one_of_its_own() {
    let place = Greenhouse::new().await;
    let resources = ['1', '2'].map(|letter| Resource { id: resource_id(letter), label: letter.to_string() });
    let command = Command { resources: vec![resource_id('1'), resource_id('2')], ..relay() };
    let put = CatalogChange::PutCommand { device: device('a'), command };
    place.change(resources.map(CatalogChange::PutResource).into_iter().chain([put]).collect()).await.unwrap();
    for (letter, resource, issued_ms) in [('8', '2', 2_000), ('9', '1', 3_000), ('7', '2', 4_000)] {
        let wish = NewDesired { resource: Some(resource_id(resource)), ..wish(letter, "1", issued_ms) };
        place.store.set_desired(&place.device, wish).await.unwrap().unwrap();
    }
    let open = place.store.open_desired(&place.device, 4_000).await.unwrap();
    let open: Vec<_> = open.into_iter().map(|open| (open.id, open.resource, open.sequence)).collect();
    let expected =
        [('9', '1', 1), ('7', '2', 2)].map(|(id, of, sequence)| (desired_id(id), Some(resource_id(of)), sequence));
    assert_eq!(open, expected);
    assert_eq!(place.wish('6', "1", 5_000).await, Err(Refusal::invalid("resource_id", "required")));
}
