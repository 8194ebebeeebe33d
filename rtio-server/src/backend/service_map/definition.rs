//! One entry as it is written, the same in the configuration file and in the configurer's document: a URL, or a table with a URL and
//! limits. Pure.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::backend::{BackendUrl, BackendUrlError, Form, MAX_TIMEOUT, Repeat, ServiceDefinition};

/// Why an entry says nothing that can be done.
#[derive(Debug, thiserror::Error)]
pub(super) enum DefinitionError {
    /// Neither text nor a table.
    #[error("expected a URL in quotes, or a table with the key url")]
    Kind,
    /// An unknown key, or a value of the wrong kind.
    #[error("{0}")]
    Shape(serde_json::Error),
    /// No URL.
    #[error(transparent)]
    Url(#[from] BackendUrlError),
    /// No time, or out of range.
    #[error("timeout: expected a time from 10ms to 5s, such as 500ms")]
    Timeout,
    /// Out of range.
    #[error("max-in-flight: expected a whole number from {} to {}", MAX_IN_FLIGHT.start(), MAX_IN_FLIGHT.end())]
    MaxInFlight,
}

/// The table of an entry.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    url: String,
    form: Option<WrittenForm>,
    timeout: Option<String>,
    max_in_flight: Option<usize>,
    idempotent: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenForm {
    Json,
    Raw,
}

/// Reads one entry.
pub(super) fn read(value: Value) -> Result<ServiceDefinition, DefinitionError> {
    match value {
        Value::String(url) => Ok(ServiceDefinition::new(BackendUrl::parse(&url)?)),
        Value::Object(_) => serde_json::from_value::<Written>(value).map_err(DefinitionError::Shape)?.into_definition(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Err(DefinitionError::Kind),
    }
}

impl Written {
    fn into_definition(self) -> Result<ServiceDefinition, DefinitionError> {
        let default = ServiceDefinition::new(BackendUrl::parse(&self.url)?);
        Ok(ServiceDefinition {
            form: match self.form {
                None => default.form,
                Some(WrittenForm::Json) => Form::Json,
                Some(WrittenForm::Raw) => Form::Raw,
            },
            timeout: self.timeout.map_or(Ok(default.timeout), |text| timeout(&text))?,
            max_in_flight: self.max_in_flight.map_or(Ok(default.max_in_flight), max_in_flight)?,
            repeat: match self.idempotent {
                None => default.repeat,
                Some(false) => Repeat::Never,
                Some(true) => Repeat::Idempotent,
            },
            url: default.url,
        })
    }
}

fn timeout(text: &str) -> Result<Duration, DefinitionError> {
    let time = humantime::parse_duration(text).ok().filter(|time| TIMEOUT.contains(time));
    time.ok_or(DefinitionError::Timeout)
}

fn max_in_flight(count: usize) -> Result<usize, DefinitionError> {
    if MAX_IN_FLIGHT.contains(&count) { Ok(count) } else { Err(DefinitionError::MaxInFlight) }
}

/// As [`ServiceDefinition`] says.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(10)..=MAX_TIMEOUT;
const MAX_IN_FLIGHT: RangeInclusive<usize> = 1..=65_536;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_url_alone_is_the_published_form_under_the_default_limits() {
        let expected = ServiceDefinition::new(BackendUrl::parse("http://a.example/x").unwrap());
        assert_eq!(read(json!("http://a.example/x")).unwrap(), expected);
        assert_eq!(read(json!({"url": "http://a.example/x"})).unwrap(), expected);
        let explicit = json!({"url": "http://a.example/x", "form": "json", "timeout": "5s", "idempotent": false});
        assert_eq!(read(explicit).unwrap(), expected);
    }

    #[test]
    fn a_table_says_more() {
        let table = json!({
            "url": "https://a.example", "form": "raw", "timeout": "2s", "max-in-flight": 64, "idempotent": true
        });
        let expected = ServiceDefinition {
            url: BackendUrl::parse("https://a.example").unwrap(),
            form: Form::Raw,
            timeout: Duration::from_secs(2),
            max_in_flight: 64,
            repeat: Repeat::Idempotent,
        };
        assert_eq!(read(table).unwrap(), expected);
    }

    fn check_refused(value: Value, expected: &str) {
        let error = read(value.clone()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{value}: {error}");
    }

    #[test]
    fn what_is_wrong_is_refused_with_what_was_expected() {
        let with = |key: &str, value: Value| json!({"url": "http://a", key: value});
        for bad in [json!(null), json!(1), json!(true), json!(["http://a"])] {
            check_refused(bad, "expected a URL in quotes, or a table with the key url");
        }
        for bad in [json!(""), json!("a.example"), json!({"url": "ftp://a"}), json!({"url": "http://u:p@a"})] {
            check_refused(bad, "expected a URL such as https://");
        }
        check_refused(json!({}), "missing field `url`");
        check_refused(with("retries", json!(1)), "unknown field `retries`, expected one of `url`, `form`, `timeout`");
        check_refused(with("form", json!("xml")), "unknown variant `xml`, expected `json` or `raw`");
        for bad in ["9ms", "5001ms", "2", ""] {
            check_refused(with("timeout", json!(bad)), "timeout: expected a time from 10ms to 5s");
        }
        check_refused(with("timeout", json!(2)), "invalid type: integer `2`, expected a string");
        for bad in [0, 65_537] {
            check_refused(with("max-in-flight", json!(bad)), "max-in-flight: expected a whole number from 1 to 65536");
        }
        check_refused(with("max-in-flight", json!(-1)), "invalid value: integer `-1`");
        check_refused(with("idempotent", json!("yes")), "invalid type: string \"yes\", expected a boolean");
        for good in [1, 65_536] {
            assert_eq!(read(with("max-in-flight", json!(good))).unwrap().max_in_flight, good);
        }
        assert_eq!(read(with("timeout", json!("10ms"))).unwrap().timeout, Duration::from_millis(10));
    }
}
