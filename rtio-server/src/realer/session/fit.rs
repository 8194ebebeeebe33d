//! Makes an answer fit one message (pure): what people read goes first, then what the device knows already.

use serde_json::{Map, Value};

/// The document in at most `max` bytes. It is whole where it fits; else without message texts and echoed message ids; else each result
/// has what firmware branches on.
pub(super) fn fit(mut document: Value, max: usize) -> Vec<u8> {
    for shorten in [without_texts, bare] {
        let text = document.to_string();
        if text.len() <= max {
            return text.into_bytes();
        }
        each(&mut document, shorten);
    }
    document.to_string().into_bytes()
}

/// Items of a batch whose results are sure to fit, whatever becomes of them, in answers of `max` bytes. `replayed` is the label of a
/// repeat, which an operator may change.
pub(super) fn max_items(max: usize, replayed: &str) -> usize {
    let label = Value::from(if replayed.len() > REJECTED.len() { replayed } else { REJECTED });
    let result = format!(r#"{{"index":9999,"code":{},"status":{label},"feed_data_id":{}}},"#, u16::MAX, u64::MAX);
    let around = format!(r#"{{"code":{},"status":"completed","results":[]}}"#, u16::MAX);
    max.saturating_sub(around.len()) / result.len()
}

/// Shortens the answer itself and each of its results.
fn each(document: &mut Value, shorten: fn(&mut Map<String, Value>)) {
    let Some(answer) = document.as_object_mut() else { return };
    if let Some(Value::Array(results)) = answer.get_mut("results") {
        results.iter_mut().filter_map(Value::as_object_mut).for_each(shorten);
    }
    shorten(answer);
}

fn without_texts(result: &mut Map<String, Value>) {
    result.shift_remove("message_id");
    if let Some(Value::Object(error)) = result.get_mut("error") {
        error.shift_remove("message");
    }
    let warnings = result.get_mut("warnings").and_then(Value::as_array_mut);
    for warning in warnings.into_iter().flatten().filter_map(Value::as_object_mut) {
        warning.shift_remove("message");
    }
}

/// The code of a refusal in a batch says which it is; alone it has room for its label.
fn bare(result: &mut Map<String, Value>) {
    let is_in_batch = result.contains_key("index");
    result.retain(|name, _| BRANCHED_ON.contains(&name.as_str()) || (name == "error" && !is_in_batch));
    if let Some(Value::Object(error)) = result.get_mut("error") {
        error.retain(|name, _| matches!(name.as_str(), "type" | "retry_after"));
    }
}

/// What stays of an answer or a result in any case.
const BRANCHED_ON: [&str; 5] = ["code", "status", "results", "index", "feed_data_id"];

/// The longest of the labels that nobody may change.
const REJECTED: &str = "rejected";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fitted(document: &Value, max: usize) -> Value {
        let bytes = fit(document.clone(), max);
        assert!(bytes.len() <= max, "{}", String::from_utf8_lossy(&bytes));
        serde_json::from_slice(&bytes).unwrap()
    }

    fn created(message_id: &str) -> Value {
        json!({
            "code": 2001, "status": "created", "feed_data_id": 90412, "message_id": message_id,
            "warnings": [{ "type": "out_of_order", "message": "a later observation is known already" }],
        })
    }

    #[test]
    fn a_result_is_as_long_as_there_is_room() {
        let whole = created("boot7-temp-000113");
        assert_eq!(fitted(&whole, whole.to_string().len()), whole);
        let short = json!({
            "code": 2001, "status": "created", "feed_data_id": 90412, "warnings": [{ "type": "out_of_order" }],
        });
        assert_eq!(fitted(&whole, whole.to_string().len() - 1), short);
        let bare = json!({ "code": 2001, "status": "created", "feed_data_id": 90412 });
        assert_eq!(fitted(&whole, short.to_string().len() - 1), bare);
    }

    #[test]
    fn a_refusal_keeps_its_label_and_what_to_wait() {
        let details: Vec<_> = (0..20).map(|_| json!({ "field": "value_received_at", "problem": "required" })).collect();
        let error = json!({ "type": "rate_limited", "message": "m", "details": details, "retry_after": 4 });
        let bare = json!({ "code": 4029, "error": { "type": "rate_limited", "retry_after": 4 } });
        assert_eq!(fitted(&json!({ "code": 4029, "error": error }), 504), bare);
    }

    #[test]
    fn the_results_of_as_many_items_as_may_be_fit_in_any_case() {
        for (max, items) in [(504, 5), (1016, 11), (2040, 23), (4088, 48)] {
            assert_eq!(max_items(max, "replayed"), items, "{max}");
            let results: Vec<_> = (0..items).map(longest).collect();
            let answer = json!({ "code": u16::MAX, "status": "completed", "results": results });
            let fitted = fitted(&answer, max);
            assert_eq!(fitted["results"].as_array().unwrap().len(), items);
            assert_eq!(fitted["results"][0]["feed_data_id"], u64::MAX);
            assert_eq!(fitted["results"][0].get("error"), None);
        }
        assert_eq!(max_items(0, "replayed"), 0);
    }

    fn longest(index: usize) -> Value {
        let warning = json!({ "type": "sequence_number_mismatch", "message": "m".repeat(80) });
        json!({
            "index": index, "code": u16::MAX, "status": "rejected", "message_id": "\"".repeat(128),
            "feed_data_id": u64::MAX, "warnings": [warning, warning],
            "error": { "type": "validation_failed", "message": "m".repeat(80) },
        })
    }
}
