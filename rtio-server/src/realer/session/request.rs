//! What a device asks for over the session (pure).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::realer::Refusal;

/// Which page is asked for: an empty body or `{"page":n}`, from 0.
pub(super) fn page(body: &[u8]) -> Result<usize, Refusal> {
    if body.is_empty() {
        return Ok(0);
    }
    let read = serde_json::from_slice(body).map_err(|error| Refusal::Malformed(format!("no JSON: {error}")))?;
    let Value::Object(asked) = read else { return Err(Refusal::Malformed("no JSON object".to_owned())) };
    match asked.get("page") {
        None => Ok(0),
        Some(page) => {
            let page = page.as_u64().and_then(|page| usize::try_from(page).ok());
            page.ok_or_else(|| Refusal::invalid("page", "no whole number"))
        }
    }
}

/// Items of a batch; `None` for a single item, and for what is neither, which whoever reads it refuses.
pub(super) fn batch_items(body: &[u8]) -> Option<usize> {
    let batch: Batch = serde_json::from_slice(body).ok()?;
    match batch.items? {
        Items::Listed(items) => Some(items.len()),
        Items::Other(_) => Some(0),
    }
}

#[derive(Deserialize)]
struct Batch {
    #[serde(default, deserialize_with = "present")]
    items: Option<Items>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Items {
    Listed(Vec<IgnoredAny>),
    Other(IgnoredAny),
}

/// `null` is there, too.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Items>, D::Error> {
    Items::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_a_whole_number_and_the_first_one_needs_no_words() {
        let malformed = |result: Result<usize, Refusal>| matches!(result, Err(Refusal::Malformed(_)));
        for (body, expected) in [("", 0), ("{}", 0), (r#"{"page":0}"#, 0), (r#"{"page":7,"more":[]}"#, 7)] {
            assert_eq!(page(body.as_bytes()), Ok(expected), "{body}");
        }
        for body in ["{", "7", "null", "[]", "\u{0}", r#"{"page":1}x"#] {
            assert!(malformed(page(body.as_bytes())), "{body}");
        }
        for asked in ["-1", "1.5", "\"1\"", "null", "1e9", "18446744073709551616"] {
            let body = format!(r#"{{"page":{asked}}}"#);
            assert_eq!(page(body.as_bytes()), Err(Refusal::invalid("page", "no whole number")), "{body}");
        }
    }

    #[test]
    fn a_batch_is_told_by_its_items() {
        for (body, expected) in [
            (r#"{"items":[{},1,[]]}"#, Some(3)),
            (r#"{"items":[],"more":1}"#, Some(0)),
            (r#"{"items":null}"#, Some(0)),
            (r#"{"items":{"a":1}}"#, Some(0)),
            (r#"{"sensor_id":"sns_1"}"#, None),
            ("[]", None),
            ("{", None),
        ] {
            assert_eq!(batch_items(body.as_bytes()), expected, "{body}");
        }
    }
}
