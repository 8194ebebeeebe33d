//! What holds whatever is published, and on whatever topic.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::realer::fake_store::greenhouse::{DEVICE, LAMP};
use crate::realer::{CommandId, MessageId, ResourceId, SensorId};

proptest! {
    /// §7.5: exactly one acknowledgement for each, in their order, with the message id of what can be read.
    #[test]
    fn whatever_is_published_is_acknowledged(published in prop::collection::vec(published(), 0..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let acks = Scene::new().publishes(published.clone()).await;
            assert_eq!(acks.len(), published.len());
            for (published, (outcome, ack)) in published.iter().zip(acks) {
                agrees(published, outcome, &ack);
            }
        });
    }

    /// A topic has one text, and that text one meaning.
    #[test]
    fn what_is_written_is_read_again(topic in topic()) {
        prop_assert_eq!(Topic::parse(&device(), &topic.write(&device())), Some(topic));
    }

    #[test]
    fn what_is_read_is_written_again(text in topic_text()) {
        if let Some(topic) = Topic::parse(&device(), &text) {
            prop_assert_eq!(topic.write(&device()), text);
        }
    }
}

fn agrees(published: &Published, outcome: AckOutcome, ack: &Value) {
    let source = match &published.route.source {
        SourceId::Command(_) => "command_id",
        SourceId::Sensor(_) => "sensor_id",
    };
    assert_eq!(ack[source], published.route.source.as_str());
    let is_rejected = outcome == AckOutcome::Rejected;
    assert_eq!(ack["status"], outcome.name());
    assert_eq!((ack.get("error").is_some(), ack.get("feed_data_id").is_none()), (is_rejected, is_rejected), "{ack}");
    assert!(ack["retryable"].is_boolean() && ack["acknowledged_at"].is_string(), "{ack}");
    let read = serde_json::from_slice::<Value>(&published.payload).ok();
    let id = read.as_ref().and_then(|read| read.get("message_id")?.as_str());
    if let Some(id) = id.filter(|id| MessageId::parse(id).is_some()) {
        assert_eq!(ack["message_id"], id, "{ack}");
    }
    if read.is_none() {
        assert_eq!((&ack["message_id"], &ack["error"]["type"]), (&Value::Null, &json!("bad_request")), "{ack}");
    }
    assert!(!published.retain || is_rejected, "{ack}");
}

fn published() -> impl Strategy<Value = Published> {
    (route(), payload(), prop::bool::weighted(0.1)).prop_map(|(route, payload, retain)| Published {
        route,
        payload,
        retain,
    })
}

/// Bytes, JSON of any kind, and what is nearly right.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let bytes = |value: Value| value.to_string().into_bytes();
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..64),
        1 => "[\\[\\]{}\",:a-z0-9 .]{0,40}".prop_map(String::into_bytes),
        4 => nearly_right().prop_map(bytes),
        4 => nearly_right().prop_map(bytes).prop_flat_map(cut),
    ]
}

/// The same, perhaps cut off or with another byte somewhere.
fn cut(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    (any::<prop::sample::Index>(), any::<u8>(), any::<bool>()).prop_map(move |(index, byte, ends)| {
        let (mut bytes, at) = (bytes.clone(), index.index(bytes.len()));
        if ends {
            bytes.truncate(at);
        } else {
            bytes[at] = byte;
        }
        bytes
    })
}

fn nearly_right() -> impl Strategy<Value = Value> {
    let names = [
        "message_id",
        "value",
        "value_received_at",
        "desired_id",
        "report_status",
        "sequence_number",
        "command_id",
        "sensor_id",
        "colour",
    ];
    let other = (select(names.to_vec()), any_value());
    ("[ab]|\\PC{0,9}", select(vec!["1", "0", "x"]), prop::collection::vec(other, 0..3)).prop_map(
        |(id, value, others)| {
            let mut item = reading(&id, value);
            for (name, value) in others {
                item[name] = value;
            }
            item
        },
    )
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        select(vec![HEATER, LAMP, THERMOMETER, "applied", "", "des_00000000000000000000000001"]).prop_map(Value::from),
        Just(json!([1])),
        Just(json!({ "a": {} })),
    ]
}

fn route() -> impl Strategy<Value = Route> {
    let sources = [SourceId::Command(command(HEATER)), SourceId::Command(command(LAMP)), thermometer().source];
    (select(sources.to_vec()), select(vec![NORTH, SOUTH]))
        .prop_map(|(source, of)| Route { resource: resource(of), source })
}

fn topic() -> impl Strategy<Value = Topic> {
    let body = || "[0-9a-z]{26}";
    let resource = || body().prop_map(|body| ResourceId::parse(&format!("res_{body}")).unwrap());
    let command = || body().prop_map(|body| CommandId::parse(&format!("cmd_{body}")).unwrap());
    let sensor = body().prop_map(|body| SensorId::parse(&format!("sns_{body}")).unwrap());
    let source = prop_oneof![command().prop_map(SourceId::Command), sensor.prop_map(SourceId::Sensor)];
    prop_oneof![
        Just(Topic::Acks),
        Just(Topic::Requests),
        Just(Topic::Responses),
        (resource(), source).prop_map(|(resource, source)| Topic::FeedData(Route { resource, source })),
        (resource(), command()).prop_map(|(resource, command)| Topic::Desired { resource, command }),
    ]
}

/// Levels that topics have, and others, in any order.
fn topic_text() -> impl Strategy<Value = String> {
    let levels = [
        "feed-data",
        "acks",
        "rtio",
        "requests",
        "responses",
        "resources",
        "commands",
        "sensors",
        "desired",
        "+",
        "#",
        "",
        NORTH,
        HEATER,
        THERMOMETER,
    ];
    let mixed = prop::collection::vec(select(levels.to_vec()), 0..7);
    let mixed = mixed.prop_map(|levels| format!("iot/v1/devices/{DEVICE}/{}", levels.join("/")));
    let changed = (topic(), any::<prop::sample::Index>(), "[ -~]?").prop_map(|(topic, index, by)| {
        let mut text = topic.write(&device());
        let at = index.index(text.len());
        text.replace_range(at..=at, &by);
        text
    });
    prop_oneof![mixed, changed]
}
