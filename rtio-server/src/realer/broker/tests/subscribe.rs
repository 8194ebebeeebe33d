//! Which topics there are, and what waits for them. (Contract §7.1, §7.3, §7.6.)

use super::*;
use crate::realer::fake_store::greenhouse::LAMP;

fn desired(of: &str, id: &str) -> Topic {
    Topic::Desired { resource: resource(of), command: command(id) }
}

async fn wishes(scene: &Scene, wish: Value) {
    scene.realer.wish(&device(), wish.to_string().as_bytes()).await.unwrap();
}

/// §7.1: what may be subscribed and published is what the catalog tells, and nothing else.
#[tokio::test]
async fn s7_1_the_topics_are_those_of_the_catalog() {
    let scene = Scene::new();
    let catalog = serde_json::to_value(scene.realer.mqtt(&device()).await.unwrap()).unwrap();
    let mut told = vec![catalog["feed_data_ack_topic"].as_str().unwrap()];
    for route in catalog["routes"].as_array().unwrap() {
        told.extend(["feed_data_topic", "desired_topic"].iter().filter_map(|name| route.get(name)?.as_str()));
    }
    assert_eq!(told.len(), 1 + 3 + 2);
    let topics: Vec<_> = told.iter().map(|text| Topic::parse(&device(), text).unwrap()).collect();
    assert_eq!(scene.realer.known_topics(&device(), &topics).await, Ok(vec![true; topics.len()]));
    let others = [
        desired(NORTH, LAMP),
        desired("res_zzzzzzzzzzzzzzzzzzzzzzzzzz", HEATER),
        Topic::FeedData(Route { resource: resource(SOUTH), ..thermometer() }),
        Topic::Requests,
        Topic::Responses,
    ];
    let known = scene.realer.known_topics(&device(), &others).await;
    assert_eq!(known, Ok(vec![false, false, false, true, true]));
    assert_eq!(scene.realer.known_topics(&device(), &[]).await, Ok(Vec::new()));
    scene.store.break_down();
    assert_eq!(scene.realer.known_topics(&device(), &[Topic::Acks]).await, Ok(vec![true]));
    assert_eq!(scene.realer.known_topics(&device(), &others).await, Err(Refusal::Unavailable));
}

#[tokio::test]
async fn s7_3_what_is_open_is_told_to_who_subscribes() {
    let scene = Scene::new();
    wishes(&scene, json!({ "command_id": HEATER, "resource_id": NORTH, "value": "1", "expires_in": null })).await;
    scene.clock.set(NOON_MS + 1000);
    wishes(&scene, json!({ "command_id": HEATER, "resource_id": SOUTH, "value": "2", "expires_in": 60 })).await;
    wishes(&scene, json!({ "command_id": LAMP, "value": "1" })).await;
    let both = [desired(SOUTH, HEATER), Topic::Acks, desired(NORTH, HEATER)];
    let told = scene.realer.open_on(&device(), &both).await.unwrap();
    let items = serde_json::to_value(scene.realer.desired_states(&device()).await.unwrap()).unwrap();
    let items = items["desired_states"].as_array().unwrap();
    let expected = [(&both[2], &items[0]), (&both[0], &items[1])];
    assert_eq!(told.len(), expected.len(), "the lamp belongs to nothing, and has no route");
    for ((topic, payload), (expected_topic, item)) in told.iter().zip(expected) {
        assert_eq!(topic, &expected_topic.write(&device()));
        assert_eq!(&serde_json::from_slice::<Value>(payload).unwrap(), item);
    }
    let one = scene.realer.open_on(&device(), &both[..1]).await.unwrap();
    assert_eq!(one, told[1..]);
    scene.clock.set(NOON_MS + 61_000);
    assert_eq!(scene.realer.open_on(&device(), &both).await.unwrap(), told[..1], "its time is over");
    assert_eq!(scene.realer.open_on(&device(), &[Topic::Acks, Topic::Requests]).await, Ok(Vec::new()));
    scene.store.break_down();
    assert_eq!(scene.realer.open_on(&device(), &both).await, Err(Refusal::Unavailable));
}
