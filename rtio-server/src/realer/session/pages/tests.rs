//! Pages merge to the document, and each fits.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::pages;

/// As docs/realer.md tells devices.
fn merged(pages: &[String]) -> Value {
    let mut whole = json!({});
    for page in pages {
        merge(&mut whole, serde_json::from_str(page).unwrap());
    }
    whole.as_object_mut().unwrap().remove("next");
    whole
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            from.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from),
        (into, from) => *into = from,
    }
}

/// The pages of a document that has all of the head.
fn check(rest: &Value, max: usize) -> Vec<String> {
    let mut document = json!({ "code": 2000, "catalog_revision": "cat-17", "runtime_revision": "run-5-00ff" });
    document.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    let pages = pages(document.as_object().unwrap(), max);
    assert_eq!(merged(&pages), document, "{pages:#?}");
    for (number, page) in pages.iter().enumerate() {
        assert!(page.len() <= max, "{} bytes: {page}", page.len());
        assert!(
            page.starts_with(r#"{"code":2000,"catalog_revision":"cat-17","runtime_revision":"run-5-00ff""#),
            "{page}"
        );
        let next = (number + 1 < pages.len()).then_some(number + 1);
        let told: Value = serde_json::from_str(page).unwrap();
        assert_eq!(told.get("next").and_then(Value::as_u64), next.map(|next| next as u64), "{page}");
    }
    pages
}

#[test]
fn what_fits_is_one_page_to_the_last_byte() {
    let rest = json!({ "commands": [{ "id": "cmd_1" }, { "id": "cmd_2" }], "cadence": { "feed_data": {} } });
    let whole = check(&rest, 4088);
    assert_eq!(whole.len(), 1);
    assert_eq!(check(&rest, whole[0].len()).len(), 1);
    assert_eq!(check(&rest, whole[0].len() - 1).len(), 2);
}

#[test]
fn an_array_is_split_between_items_and_opened_on_each_page_that_has_some() {
    let rest = json!({ "commands": [{ "id": "cmd_1", "pin": 6 }, { "id": "cmd_2", "pin": 7 }], "sensors": [] });
    let pages = check(&rest, 120);
    let head = r#""code":2000,"catalog_revision":"cat-17","runtime_revision":"run-5-00ff""#;
    assert_eq!(
        pages,
        [
            format!(r#"{{{head},"commands":[{{"id":"cmd_1","pin":6}}],"next":1}}"#),
            format!(r#"{{{head},"commands":[{{"id":"cmd_2","pin":7}}],"next":2}}"#),
            format!(r#"{{{head},"sensors":[]}}"#),
        ]
    );
}

#[test]
fn an_object_is_split_between_members() {
    let rest =
        json!({ "endpoints": { "https": { "commands": "/a/long/path", "sensors": "/a/long/path" }, "rtio": {} } });
    let pages = check(&rest, 145);
    assert!(pages[0].contains(r#""endpoints":{"https":{"commands":"/a/long/path"}},"next":1}"#), "{}", pages[0]);
    assert!(pages[1].ends_with(r#""endpoints":{"https":{"sensors":"/a/long/path"},"rtio":{}}}"#), "{}", pages[1]);
}

#[test]
fn what_fits_no_page_is_shown_as_too_large() {
    let long = "x".repeat(600);
    let document = json!({
        "code": 2000,
        "commands": [{ "id": "cmd_1", "value": long }, { "id": "cmd_2" }, long],
        "desired_states": [{ "desired_id": "des_1", "value": long }],
        "member": long,
        long.as_str(): 1,
    });
    let pages = pages(document.as_object().unwrap(), 504);
    let error = json!({ "type": "payload_too_large" });
    let expected = json!({
        "code": 2000,
        "commands": [{ "id": "cmd_1", "error": error }, { "id": "cmd_2" }, { "error": error }],
        "desired_states": [{ "desired_id": "des_1", "error": error }],
        "member": { "error": error },
    });
    assert_eq!(merged(&pages), expected);
    assert!(pages.iter().all(|page| page.len() <= 504), "{pages:#?}");
}

#[test]
fn a_document_may_have_no_head_and_nothing_at_all() {
    assert_eq!(pages(&Map::new(), 504), ["{}"]);
}

/// Leaves that fit the smallest page.
fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z\"\\\\é\u{1}]{0,40}".prop_map(Value::from),
    ]
}

/// An item of an array, such as one of a catalog.
fn item() -> impl Strategy<Value = Value> {
    prop_oneof![leaf(), prop::collection::vec(("[a-z_]{1,10}", leaf()), 0..2).prop_map(object)]
}

fn object(members: Vec<(String, Value)>) -> Value {
    Value::Object(members.into_iter().collect())
}

fn tree() -> impl Strategy<Value = Value> {
    let inner = prop_oneof![leaf(), prop::collection::vec(item(), 0..20).prop_map(Value::from)];
    inner.prop_recursive(3, 60, 8, |inner| prop::collection::vec(("[a-z\"]{1,10}", inner), 0..8).prop_map(object))
}

/// No member of it is called as the pages' own.
fn document() -> impl Strategy<Value = Value> {
    prop::collection::vec(("x[a-z]{0,8}", tree()), 0..12).prop_map(object)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pages_merge_to_the_document_and_each_fits(rest in document(), max in 504..=4088_usize) {
        check(&rest, max);
    }
}
