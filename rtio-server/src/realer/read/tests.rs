//! What is read of each kind of text, and what is said of each that makes no sense. (Contract §1.3, §6.1, §7.4.)

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{batch, item, report, wish};
use crate::realer::{
    Answer, CommandId, DesiredId, DesiredState, Lifecycle, Refusal, ReportStatus, SensorId, SourceId, Warning,
};

const COMMAND: &str = "cmd_00000000000000000000000001";
const SENSOR: &str = "sns_00000000000000000000000001";
const DESIRED: &str = "des_00000000000000000000000001";

/// An answer to a desired state, with all there is.
fn answer() -> Value {
    json!({
        "command_id": COMMAND,
        "message_id": "boot7-relay6-000041",
        "value": "1.0",
        "value_received_at": "2026-05-12T08:31:12Z",
        "desired_id": DESIRED,
        "report_status": "rejected",
        "sequence_number": 42,
    })
}

/// The same with other members; `null` leaves them out.
fn but(changes: Value) -> Value {
    let mut changed = answer();
    let (Value::Object(members), Value::Object(changes)) = (&mut changed, changes) else { unreachable!() };
    for (name, value) in changes {
        if value.is_null() {
            members.remove(&name)
        } else {
            members.insert(name, value)
        };
    }
    changed
}

fn problems(text: &str) -> Vec<(String, &'static str)> {
    match item(text.as_bytes()) {
        Ok(_) => Vec::new(),
        Err(Refusal::Invalid(details)) => {
            details.into_iter().map(|detail| (detail.field.into_owned(), detail.problem)).collect()
        }
        Err(other) => panic!("{other:?} of {text}"),
    }
}

fn is_refused(value: &Value, field: &str, problem: &'static str) {
    assert_eq!(problems(&value.to_string()), [(field.to_owned(), problem)], "{value}");
}

#[test]
fn an_item_has_all_that_it_says() {
    let read = item(answer().to_string().as_bytes()).unwrap();
    assert_eq!(read.source, SourceId::Command(CommandId::parse(COMMAND).unwrap()));
    assert_eq!((read.message_id.as_str(), read.value.as_str()), ("boot7-relay6-000041", "1.0"));
    assert_eq!((read.observed_ms, read.sequence), (1_778_574_672_000, Some(42)));
    let desired = DesiredId::parse(DESIRED).unwrap();
    assert_eq!(read.answer, Some(Answer { desired, status: ReportStatus::Rejected }));
    assert_eq!(read.warnings.iter().count(), 0);
}

#[test]
fn without_a_status_an_answer_says_applied_and_without_desired_id_there_is_none() {
    let status = |changes| item(but(changes).to_string().as_bytes()).unwrap().answer.map(|answer| answer.status);
    assert_eq!(status(json!({ "report_status": null })), Some(ReportStatus::Applied));
    assert_eq!(status(json!({ "report_status": "stale" })), Some(ReportStatus::Stale));
    assert_eq!(status(json!({ "report_status": null, "desired_id": null })), None);
}

#[test]
fn what_may_be_absent_may_be_null() {
    let text = format!(
        r#"{{"command_id":null,"sensor_id":"{SENSOR}","message_id":"m","value":"1","value_received_at":"2026-05-12T08:31:12Z",
            "desired_id":null,"report_status":null,"sequence_number":null}}"#
    );
    let read = item(text.as_bytes()).unwrap();
    assert_eq!(read.source, SourceId::Sensor(SensorId::parse(SENSOR).unwrap()));
    assert_eq!((read.answer, read.sequence, read.warnings.iter().count()), (None, None, 0));
}

#[test]
fn an_item_is_of_one_source() {
    is_refused(&but(json!({ "command_id": null })), "command_id", "required, or sensor_id");
    is_refused(&but(json!({ "sensor_id": SENSOR })), "sensor_id", "not together with command_id");
    for wrong in ["", SENSOR, "cmd_", "7"] {
        is_refused(&but(json!({ "command_id": wrong })), "command_id", "no id of this kind");
    }
    is_refused(&but(json!({ "command_id": 7 })), "command_id", "no string");
    let sensor = json!({ "command_id": null, "sensor_id": SENSOR, "report_status": null });
    is_refused(&but(sensor), "desired_id", "not of a sensor");
}

#[test]
fn a_required_field_is_there_and_of_its_type() {
    for field in ["message_id", "value", "value_received_at"] {
        is_refused(&but(json!({ field: null })), field, "required");
        let mut null = answer();
        null[field] = Value::Null;
        is_refused(&null, field, "required");
        for wrong in [json!([]), json!({})] {
            is_refused(&but(json!({ field: wrong })), field, "no string");
        }
    }
    for field in ["message_id", "value_received_at", "desired_id", "report_status"] {
        is_refused(&but(json!({ field: 1 })), field, "no string");
        is_refused(&but(json!({ field: true })), field, "no string");
    }
}

#[test]
fn a_message_id_is_1_to_128_printable_characters_of_ascii() {
    for (message, fits) in [
        ("m".to_owned(), true),
        ("~".repeat(128), true),
        (" ".to_owned(), true),
        (String::new(), false),
        ("m".repeat(129), false),
        ("m\u{7f}".to_owned(), false),
        ("m\n".to_owned(), false),
        ("m\0".to_owned(), false),
        ("é".to_owned(), false),
        ("m".repeat(1_000_000), false),
    ] {
        let expected =
            if fits { vec![] } else { vec![("message_id".to_owned(), "not 1 to 128 printable characters of ASCII")] };
        assert_eq!(problems(&but(json!({ "message_id": message })).to_string()), expected);
    }
}

#[test]
fn a_value_is_1_to_255_characters() {
    for (value, problem) in [
        (json!("x".repeat(255)), None),
        (json!("é".repeat(255)), None),
        (json!(""), Some("empty")),
        (json!("x".repeat(256)), Some("longer than 255 characters")),
        (json!("é".repeat(256)), Some("longer than 255 characters")),
        (json!("x".repeat(1_000_000)), Some("longer than 255 characters")),
        (json!(1e300), Some("longer than 255 characters")),
    ] {
        let expected: Vec<_> = problem.map(|problem| ("value".to_owned(), problem)).into_iter().collect();
        assert_eq!(problems(&but(json!({ "value": value })).to_string()), expected);
    }
}

#[test]
fn a_number_or_boolean_becomes_the_text_that_it_is_written_as() {
    for (value, text) in [
        (json!(true), "1"),
        (json!(false), "0"),
        (json!(21), "21"),
        (json!(-3), "-3"),
        (json!(21.5), "21.5"),
        (json!(1.0), "1.0"),
        (json!(u64::MAX), "18446744073709551615"),
        (json!(1e-7), "0.0000001"),
    ] {
        let read = item(but(json!({ "value": value })).to_string().as_bytes()).unwrap();
        assert_eq!(read.value.as_str(), text);
        assert_eq!(read.warnings.iter().collect::<Vec<_>>(), [Warning::ValueCoerced], "{value}");
    }
}

#[test]
fn a_time_has_a_zone() {
    for wrong in ["", "2026-05-12T08:31:12", "2026-05-12", "12 May 2026", "1778574672"] {
        is_refused(&but(json!({ "value_received_at": wrong })), "value_received_at", "no time with a zone");
    }
    let year_9999 = but(json!({ "value_received_at": "9999-12-31T23:59:59.999Z" }));
    assert_eq!(item(year_9999.to_string().as_bytes()).unwrap().observed_ms, 253_402_300_799_999);
}

#[test]
fn an_answer_has_a_known_status_and_says_what_it_answers() {
    is_refused(&but(json!({ "desired_id": null })), "report_status", "without desired_id");
    for wrong in ["", "done", "Applied", "pending"] {
        is_refused(&but(json!({ "report_status": wrong })), "report_status", "not applied, rejected or stale");
    }
    for wrong in ["", COMMAND, "des_x"] {
        is_refused(&but(json!({ "desired_id": wrong })), "desired_id", "no id of this kind");
    }
}

#[test]
fn a_sequence_number_is_an_integer_from_0() {
    assert!(problems(&but(json!({ "sequence_number": 0 })).to_string()).is_empty());
    assert!(problems(&but(json!({ "sequence_number": i64::MAX })).to_string()).is_empty());
    for wrong in [json!(-1), json!(1.5), json!(1.0), json!("1"), json!(true), json!(1_u64 << 63)] {
        is_refused(&but(json!({ "sequence_number": wrong })), "sequence_number", "no integer from 0");
    }
}

#[test]
fn a_field_that_is_not_known_is_ignored_with_a_warning() {
    let read = item(but(json!({ "colour": { "deep": [1, { "value": "2" }] } })).to_string().as_bytes()).unwrap();
    assert_eq!(read.warnings.iter().collect::<Vec<_>>(), [Warning::UnknownField]);
    let read = item(but(json!({ "Value": "2" })).to_string().as_bytes()).unwrap();
    assert_eq!((read.value.as_str(), read.warnings.iter().count()), ("1.0", 1));
}

#[test]
fn a_field_that_is_there_twice_is_refused() {
    for (field, value) in [("value", "\"2\""), ("value", "\"1.0\""), ("message_id", "null"), ("sequence_number", "42")]
    {
        let text = answer().to_string();
        let text = format!("{},{field:?}:{value}}}", text.strip_suffix('}').unwrap());
        assert_eq!(problems(&text), [(field.to_owned(), "there more than once")], "{text}");
    }
    // Nobody reads it, so it does not matter which is meant.
    let text = answer().to_string();
    let text = format!("{},\"colour\":1,\"colour\":2}}", text.strip_suffix('}').unwrap());
    assert!(problems(&text).is_empty());
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let fields: Vec<_> = problems("{}").into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["command_id", "message_id", "value", "value_received_at"]);
}

#[test]
fn what_is_no_object_is_refused() {
    for body in ["null", "true", "1", "-1", "\"x\"", "[]"] {
        assert_eq!(problems(body), [("body".to_owned(), "no object")], "{body}");
        assert!(matches!(wish(body.as_bytes()), Err(Refusal::Invalid(_))), "{body}");
        assert!(matches!(batch(body.as_bytes(), 1), Err(Refusal::Invalid(_))), "{body}");
    }
}

fn desired() -> DesiredState {
    DesiredState {
        id: DesiredId::parse(DESIRED).unwrap(),
        command: CommandId::parse(COMMAND).unwrap(),
        resource: None,
        value: "1".to_owned(),
        sequence: 42,
        issued_ms: 0,
        expires_ms: None,
        lifecycle: Lifecycle::Pending,
        closed_ms: None,
    }
}

#[test]
fn a_report_says_the_same_with_and_without_what_is_known() {
    let whole = item(answer().to_string().as_bytes());
    assert_eq!(report(answer().to_string().as_bytes(), &desired()), whole);
    let short = but(json!({ "command_id": null, "desired_id": null }));
    assert_eq!(report(short.to_string().as_bytes(), &desired()), whole);
}

proptest! {
    /// Whatever the bytes are, they are read or refused.
    #[test]
    fn no_bytes_are_too_bad(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (item(&body), batch(&body, 3), wish(&body), report(&body, &desired()));
    }

    /// Whatever a field has, the item is read or refused, and refused because of that field.
    #[test]
    fn no_member_is_too_bad(field in prop::sample::select(FIELDS.to_vec()), value in any_json()) {
        let changed = but(json!({ field: value }));
        for (named, _) in problems(&changed.to_string()) {
            prop_assert!(named == field || field == "desired_id" || field == "command_id", "{named} of {changed}");
        }
    }

    /// §1.3: what is a time is not changed by being written as the hub writes it.
    #[test]
    fn a_time_that_was_written_is_read(ms in -62_167_219_200_000_i64..=253_402_300_799_999) {
        prop_assert_eq!(super::time::parse(&crate::realer::document::utc(ms)), Some(ms));
    }
}

const FIELDS: [&str; 8] = [
    "command_id",
    "sensor_id",
    "message_id",
    "value",
    "value_received_at",
    "desired_id",
    "report_status",
    "sequence_number",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,300}".prop_map(Value::from),
        "[0-9]{1,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.,]?[0-9]{0,12}[Z+-][0-9:]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}
