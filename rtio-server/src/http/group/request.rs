//! What a group call asks for, out of its JSON (pure; docs/caller-http.md §7).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::http::json::URI_BYTES;
use crate::hub::{DeviceId, Group, IdPattern};

/// A group call that makes sense.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) group: Group,
    /// Calls in flight at once.
    pub(super) concurrency: usize,
    pub(super) what: What,
}

/// What is asked of each device.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct What {
    pub(super) uri: String,
    pub(super) data: Vec<u8>,
    /// How long its answer counts, where that was said.
    pub(super) asked_wait: Option<Duration>,
}

/// What the operator allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) max_data: usize,
    pub(super) max_wait: Duration,
}

/// Why a body is no group call.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("{0}")]
    Malformed(String),
    #[error("{len} bytes of data, at most {max} allowed")]
    TooMuchData { len: usize, max: usize },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest {
    devices: Vec<String>,
    method: Option<String>,
    uri: String,
    data: Option<String>,
    data_base64: Option<String>,
    concurrency: Option<usize>,
    wait: Option<u64>,
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// [`Unfit`], which names the field or the entry.
    pub(super) fn from_json(body: &[u8], bounds: &Bounds) -> Result<Self, Unfit> {
        if body.trim_ascii_start().first() != Some(&b'{') {
            // Said here, because the deserializer would take an array of the fields as well.
            return Err(malformed("the body is no JSON object"));
        }
        let raw: RawRequest =
            serde_json::from_slice(body).map_err(|error| malformed(format!("the body is no group call: {error}")))?;
        check_method(raw.method.as_deref())?;
        check_uri(&raw.uri)?;
        let data = data(raw.data, raw.data_base64.as_deref(), bounds.max_data)?;
        let asked_wait = raw.wait.map(|seconds| wait(seconds, bounds.max_wait)).transpose()?;
        let concurrency = raw.concurrency.unwrap_or(CONCURRENCY);
        if !(1..=MAX_CONCURRENCY).contains(&concurrency) {
            return Err(malformed(format!("concurrency is 1 to {MAX_CONCURRENCY}, not {concurrency}")));
        }
        Ok(Self { group: group(&raw.devices)?, concurrency, what: What { uri: raw.uri, data, asked_wait } })
    }
}

fn check_method(method: Option<&str>) -> Result<(), Unfit> {
    match method {
        None | Some("copost") => Ok(()),
        Some("obget") => Err(malformed(
            "a group is called, not observed: method is copost; observe each device with GET /{device_id}/{uri}",
        )),
        Some(other) => Err(malformed(format!("method is copost, not {}", shown(other)))),
    }
}

fn check_uri(uri: &str) -> Result<(), Unfit> {
    if URI_BYTES.contains(&uri.len()) {
        return Ok(());
    }
    let (min, max, len) = (URI_BYTES.start(), URI_BYTES.end(), uri.len());
    Err(malformed(format!("a device URI has {min} to {max} bytes, this one {len}")))
}

fn data(text: Option<String>, encoded: Option<&str>, max: usize) -> Result<Vec<u8>, Unfit> {
    let data = match (text, encoded) {
        (Some(_), Some(_)) => return Err(malformed("data and data_base64 exclude each other")),
        (Some(text), None) => text.into_bytes(),
        (None, Some(encoded)) => {
            STANDARD.decode(encoded).map_err(|error| malformed(format!("data_base64 is no base64: {error}")))?
        }
        (None, None) => Vec::new(),
    };
    match data.len() {
        len if len > max => Err(Unfit::TooMuchData { len, max }),
        _ => Ok(data),
    }
}

fn wait(seconds: u64, max: Duration) -> Result<Duration, Unfit> {
    let wait = Duration::from_secs(seconds);
    let refusal = || malformed(format!("wait is 0 to {} seconds, not {seconds}", max.as_secs()));
    (wait <= max).then_some(wait).ok_or_else(refusal)
}

fn group(entries: &[String]) -> Result<Group, Unfit> {
    if entries.len() > MAX_ENTRIES {
        return Err(malformed(format!("devices has {} entries, at most {MAX_ENTRIES} allowed", entries.len())));
    }
    let mut group = Group::new();
    for entry in entries {
        let no_device =
            |error: &dyn std::error::Error| malformed(format!("no device can be {}: {error}", shown(entry)));
        if entry.contains('*') {
            group.add_all(IdPattern::parse(entry).map_err(|error| no_device(&error))?);
        } else {
            group.add(DeviceId::parse(entry).map_err(|error| no_device(&error))?);
        }
        // Here and not at the end: each further pattern is compared with all before it.
        if group.patterns() > MAX_PATTERNS {
            return Err(malformed(format!("devices has more than {MAX_PATTERNS} patterns")));
        }
    }
    Ok(group)
}

fn malformed(why: impl Into<String>) -> Unfit {
    Unfit::Malformed(why.into())
}

/// A caller's text in an answer: quoted, in one line, and not all of it where it is long.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(SHOWN_CHARACTERS).collect();
    let more = if start.len() < text.len() { "…" } else { "" };
    format!("{start:?}{more}")
}

/// Entries of `devices`: a fleet by name. Each takes about 150 bytes as long as the call lasts.
pub(super) const MAX_ENTRIES: usize = 10_000;

/// Patterns among them. Each is tried on every device that is online.
const MAX_PATTERNS: usize = 64;

/// Calls in flight at once, unless the caller says so.
const CONCURRENCY: usize = 64;

/// As many as one device may have in flight, by default.
const MAX_CONCURRENCY: usize = 1024;

/// One more than the longest id, so that it is seen what is too long.
const SHOWN_CHARACTERS: usize = 65;

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { max_data: 8, max_wait: Duration::from_secs(120) };

    fn read(body: &str) -> Result<Request, Unfit> {
        Request::from_json(body.as_bytes(), &BOUNDS)
    }

    fn with(fields: &str) -> Result<Request, Unfit> {
        read(&format!(r#"{{"devices":["a"],"uri":"/ab"{fields}}}"#))
    }

    #[test]
    fn a_request_has_defaults_for_all_but_whom_and_what() {
        let request = with("").unwrap();
        assert_eq!((request.group.named(), request.group.patterns(), request.concurrency), (1, 0, 64));
        assert_eq!(request.what, What { uri: "/ab".into(), data: Vec::new(), asked_wait: None });
        let request = with(r#","method":"copost","data":"now","concurrency":1024,"wait":120"#).unwrap();
        assert_eq!((request.what.data, request.what.asked_wait), (b"now".to_vec(), Some(Duration::from_secs(120))));
        assert_eq!(request.concurrency, 1024);
        assert_eq!(with(r#","data_base64":"AAEC","data":null,"wait":0"#).unwrap().what.data, [0, 1, 2]);
        assert_eq!(with(r#","data":"12345678""#).unwrap().what.data.len(), 8);
    }

    #[test]
    fn a_device_counts_once_and_a_pattern_too() {
        let group = |devices: &str| {
            let request = read(&format!(r#"{{"devices":{devices},"uri":"/ab"}}"#)).unwrap();
            (request.group.named(), request.group.patterns())
        };
        assert_eq!(group(r#"["a","b","a","A-*","A-*","*"]"#), (2, 2));
        assert_eq!(group("[]"), (0, 0));
        let ids: Vec<_> = (0..MAX_ENTRIES).map(|id| id.to_string()).collect();
        assert_eq!(group(&serde_json::to_string(&ids).unwrap()), (MAX_ENTRIES, 0));
        let patterns: Vec<_> = (0..MAX_PATTERNS).map(|id| format!("{id}-*")).collect();
        assert_eq!(group(&serde_json::to_string(&patterns).unwrap()), (0, MAX_PATTERNS));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let ids = |count: usize| serde_json::to_string(&vec!["a"; count]).unwrap();
        let mut patterns: Vec<_> = (0..=MAX_PATTERNS).map(|id| format!("{id}-*")).collect();
        patterns.push("no id, and not looked at behind a pattern too many".to_owned());
        let of = |devices: &str| format!(r#"{{"devices":{devices},"uri":"/ab"}}"#);
        let more = |fields: &str| format!(r#"{{"devices":["a"],"uri":"/ab",{fields}}}"#);
        let cases = [
            ("".to_owned(), "no JSON object"),
            ("[]".to_owned(), "no JSON object"),
            ("{".to_owned(), "EOF"),
            (r#"{"uri":"/ab"}"#.to_owned(), "missing field `devices`"),
            (r#"{"devices":[]}"#.to_owned(), "missing field `uri`"),
            (more(r#""urgent":true"#), "unknown field `urgent`"),
            (more(r#""uri":"/cd""#), "duplicate field `uri`"),
            (more(r#""method":"obget""#), "GET /{device_id}/{uri}"),
            (more(r#""method":"COPOST""#), r#"method is copost, not "COPOST""#),
            (r#"{"devices":["a"],"uri":"/a"}"#.to_owned(), "3 to 128 bytes, this one 2"),
            (format!(r#"{{"devices":["a"],"uri":"/{}"}}"#, "x".repeat(128)), "3 to 128 bytes, this one 129"),
            (more(r#""data":"a","data_base64":"""#), "exclude each other"),
            (more(r#""data_base64":"a""#), "data_base64 is no base64"),
            (more(r#""concurrency":0"#), "concurrency is 1 to 1024, not 0"),
            (more(r#""concurrency":1025"#), "concurrency is 1 to 1024, not 1025"),
            (more(r#""concurrency":-1"#), "invalid value: integer `-1`"),
            (more(r#""wait":121"#), "wait is 0 to 120 seconds, not 121"),
            (more(r#""wait":1.5"#), "expected u64"),
            (of(r#""a""#), "expected a sequence"),
            (of(r#"["a","b c"]"#), r#"no device can be "b c": a device id is 1 to 64 characters"#),
            (of(r#"["v1"]"#), r#"no device can be "v1": this name belongs to the hub"#),
            (of(r#"["a/*"]"#), r#"no device can be "a/*": expected an id in which *"#),
            (of(r#"["a\n"]"#), r#"no device can be "a\n""#),
            (of(&format!(r#"["{}"]"#, "x".repeat(9000))), &format!("\"{}\"…", "x".repeat(65))),
            (of(&ids(MAX_ENTRIES + 1)), "10001 entries, at most 10000"),
            (of(&serde_json::to_string(&patterns).unwrap()), "more than 64 patterns"),
        ];
        for (body, expected) in cases {
            match read(&body) {
                Err(Unfit::Malformed(why)) => assert!(why.contains(expected), "{why}"),
                other => panic!("{body}: {other:?}"),
            }
        }
        assert_eq!(with(r#","data":"123456789""#).unwrap_err(), Unfit::TooMuchData { len: 9, max: 8 });
        assert_eq!(with(r#","data_base64":"MTIzNDU2Nzg5""#).unwrap_err(), Unfit::TooMuchData { len: 9, max: 8 });
    }
}
