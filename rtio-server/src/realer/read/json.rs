//! A JSON text as a value that still has what is written twice: `serde_json` keeps only the last of two members with one name.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::realer::Refusal;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// One without a fraction and not below zero.
    Whole(u64),
    /// Another number, as decimal text.
    Number(String),
    Text(String),
    List(Vec<Self>),
    /// Its members, in their order.
    Object(Vec<(String, Self)>),
}

impl Json {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Refusal::Malformed`]: it is no JSON, or one that nests deeper than 127 levels.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        serde_json::from_slice(body).map_err(|error| Refusal::Malformed(format!("the body is no JSON: {error}")))
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Whole(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        // `{:?}` keeps the fraction of 1.0; where it would write an exponent, `{}` writes all digits.
        let text = format!("{value:?}");
        Ok(Json::Number(if text.contains('e') { value.to_string() } else { text }))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_json_is_malformed() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        for body in ["", " ", "{", "{}x", "{\"a\":1e999}", "{'a':1}", "nan", &deep] {
            assert!(matches!(Json::parse(body.as_bytes()), Err(Refusal::Malformed(_))), "{body:?}");
        }
        assert!(matches!(Json::parse(b"{\"a\":\"\xff\"}"), Err(Refusal::Malformed(_))));
    }

    #[test]
    fn members_that_are_there_twice_are_kept() {
        let members = vec![("a".to_owned(), Json::Whole(1)), ("a".to_owned(), Json::Null)];
        assert_eq!(Json::parse(br#" {"a":1,"a":null} "#), Ok(Json::Object(members)));
    }

    #[test]
    fn numbers_are_decimal_text() {
        for (json, text) in [("-1", "-1"), ("21.50", "21.5"), ("1.0", "1.0"), ("-0.0", "-0.0"), ("1e3", "1000.0")] {
            assert_eq!(Json::parse(json.as_bytes()), Ok(Json::Number(text.to_owned())), "{json}");
        }
        assert_eq!(Json::parse(b"1e20"), Ok(Json::Number(format!("1{}", "0".repeat(20)))));
        assert_eq!(Json::parse(b"18446744073709551615"), Ok(Json::Whole(u64::MAX)));
    }
}
