//! What an operator says about one webhook: an entry of the table `[webhooks]` (docs/operations.md).

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::super::{BackendUrl, BackendUrlError, TableError, table};
use crate::hub::{EventFilter, EventKind, IdPattern, InvalidIdPattern};

/// Webhooks by name, at most [`MAX_WEBHOOKS`].
pub(super) type Definitions = BTreeMap<String, Definition>;

/// Where events go, which, and how many at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub(super) struct Definition {
    pub(super) url: BackendUrl,
    pub(super) filter: EventFilter,
    /// Most events of a batch, from 1 to 1,000.
    pub(super) max_batch: usize,
    /// How long a batch may wait for more events, from 0 s to 60 s.
    pub(super) max_delay: Duration,
}

/// Why the webhooks of a configuration file are of no use, apart from what one of them says.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// It would not fit into metrics and documents.
    #[error("{0:?}: expected a name of 1 to 64 characters of A-Z a-z 0-9 . _ -")]
    Name(String),
    /// More than the hub serves.
    #[error("there are more than {MAX_WEBHOOKS} webhooks")]
    TooMany,
}

/// The webhooks of the file at `path`.
pub(super) fn read(path: &Path) -> Result<Definitions, TableError> {
    let mut webhooks = Definitions::new();
    table::read(path, "webhooks", |name, webhook| add(&mut webhooks, name, webhook))?;
    Ok(webhooks)
}

fn add(webhooks: &mut Definitions, name: &str, webhook: Definition) -> Result<(), Refused> {
    if webhooks.len() == MAX_WEBHOOKS {
        return Err(Refused::TooMany);
    }
    if !is_name(name) {
        return Err(Refused::Name(name.to_owned()));
    }
    webhooks.insert(name.to_owned(), webhook);
    Ok(())
}

fn is_name(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(sound)
}

/// An entry as it was written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    url: String,
    kinds: Option<Vec<String>>,
    devices: Option<Vec<String>>,
    max_batch: Option<i64>,
    max_delay: Option<String>,
}

impl TryFrom<Written> for Definition {
    type Error = Unsound;

    fn try_from(written: Written) -> Result<Self, Unsound> {
        Ok(Self {
            url: BackendUrl::parse(&written.url).map_err(Unsound::Url)?,
            filter: EventFilter { kinds: kinds(written.kinds)?, devices: devices(written.devices)? },
            max_batch: written.max_batch.map_or(Ok(DEFAULT_BATCH), batch)?,
            max_delay: written.max_delay.as_deref().map_or(Ok(DEFAULT_DELAY), delay)?,
        })
    }
}

fn kinds(written: Option<Vec<String>>) -> Result<Vec<EventKind>, Unsound> {
    let Some(names) = written else { return Ok(Vec::new()) };
    let kind = |name: &String| EventKind::of_name(name).ok_or_else(|| Unsound::Kinds(format!("`{name}`")));
    // An empty list would stand for all, which nobody means by it.
    if names.is_empty() { Err(Unsound::Kinds("none".to_owned())) } else { names.iter().map(kind).collect() }
}

fn devices(written: Option<Vec<String>>) -> Result<Vec<IdPattern>, Unsound> {
    let Some(patterns) = written else { return Ok(Vec::new()) };
    if !(1..=MAX_PATTERNS).contains(&patterns.len()) {
        return Err(Unsound::DeviceCount(patterns.len()));
    }
    let wrong = |text: &String, error| Unsound::Devices(text.clone(), error);
    patterns.iter().map(|text| IdPattern::parse(text).map_err(|error| wrong(text, error))).collect()
}

fn batch(events: i64) -> Result<usize, Unsound> {
    let events = usize::try_from(events).ok().filter(|events| (1..=MAX_BATCH).contains(events));
    events.ok_or(Unsound::MaxBatch)
}

fn delay(text: &str) -> Result<Duration, Unsound> {
    humantime::parse_duration(text).ok().filter(|delay| *delay <= MAX_DELAY).ok_or(Unsound::MaxDelay)
}

/// What is wrong with an entry, and with which of its keys.
#[derive(Debug, thiserror::Error)]
enum Unsound {
    #[error("`url`: {0}")]
    Url(BackendUrlError),
    #[error("`kinds` has {0}; expected some of online, offline and replaced")]
    Kinds(String),
    #[error("`devices` has {0} patterns; expected 1 to {MAX_PATTERNS}")]
    DeviceCount(usize),
    #[error("`devices` has `{0}`: {1}")]
    Devices(String, InvalidIdPattern),
    #[error("`max-batch`: expected a whole number from 1 to {MAX_BATCH}")]
    MaxBatch,
    #[error("`max-delay`: expected a time from 0s to 1m, such as 100ms or 1s")]
    MaxDelay,
}

/// Each has a task, a request in flight and a batch in memory.
const MAX_WEBHOOKS: usize = 32;

const MAX_NAME_BYTES: usize = 64;

/// As in a grant of a caller: each event is compared with all of them.
const MAX_PATTERNS: usize = 64;

/// About 200 KB of JSON.
const MAX_BATCH: usize = 1000;
const DEFAULT_BATCH: usize = 100;

/// More would make the receiver's picture as old as a poll would.
const MAX_DELAY: Duration = Duration::from_secs(60);

/// Nobody notices it, and a take-over or a shower of reconnects needs fewer requests.
const DEFAULT_DELAY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry;

    fn read_from(text: &str) -> Result<Definitions, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let place = file.path().display().to_string();
        read(file.path()).map_err(|error| telemetry::chain(&error).to_string().replace(&place, "FILE"))
    }

    #[test]
    fn what_is_not_said_is_all_events_in_small_batches() {
        let webhooks = read_from("[webhooks.orders]\nurl = \"https://orders.example/events\"").unwrap();
        let url = BackendUrl::parse("https://orders.example/events").unwrap();
        let filter = EventFilter::default();
        let orders = Definition { url, filter, max_batch: 100, max_delay: Duration::from_millis(100) };
        assert_eq!(webhooks, Definitions::from([("orders".to_owned(), orders)]));
        assert!(read_from("[serve]\ndev = true").unwrap().is_empty());
    }

    #[test]
    fn all_that_can_be_said_is_understood() {
        let text = r#"
            [webhooks."shop-1.orders"]
            url = "http://127.0.0.1:1/e"
            kinds = ["online", "offline"]
            devices = ["PRINTER-*", "a"]
            max-batch = 1000
            max-delay = "1m"
        "#;
        let webhooks = read_from(text).unwrap();
        let orders = &webhooks["shop-1.orders"];
        assert_eq!(orders.filter.kinds, [EventKind::Online, EventKind::Offline]);
        assert_eq!(orders.filter.devices, ["PRINTER-*", "a"].map(|text| IdPattern::parse(text).unwrap()));
        assert_eq!((orders.max_batch, orders.max_delay), (1000, Duration::from_secs(60)));
    }

    #[test]
    fn what_is_wrong_names_the_file_the_line_the_webhook_the_key_and_what_was_expected() {
        // What is wrong by its kind is found at its key, the rest at the webhook.
        for (entry, line, expected) in [
            ("", 1, "missing field `url`"),
            ("url = \"ftp://a\"", 1, "`url`: expected a URL such as https://"),
            ("url = 1", 2, "invalid type: integer `1`, expected a string"),
            ("kinds = [\"gone\"]", 1, "`kinds` has `gone`; expected some of online, offline and replaced"),
            ("kinds = []", 1, "`kinds` has none; expected"),
            ("kinds = \"online\"", 3, "invalid type: string \"online\", expected a sequence"),
            ("devices = []", 1, "`devices` has 0 patterns; expected 1 to 64"),
            ("devices = [\"a b\"]", 1, "`devices` has `a b`: expected an id in which * stands for anything"),
            ("max-batch = 0", 1, "`max-batch`: expected a whole number from 1 to 1000"),
            ("max-batch = 1001", 1, "`max-batch`: expected a whole number from 1 to 1000"),
            ("max-batch = -1", 1, "`max-batch`: expected a whole number from 1 to 1000"),
            ("max-delay = \"61s\"", 1, "`max-delay`: expected a time from 0s to 1m"),
            ("max-delay = \"soon\"", 1, "`max-delay`: expected a time from 0s to 1m"),
            (
                "retries = 3",
                3,
                "unknown field `retries`, expected one of `url`, `kinds`, `devices`, `max-batch`, `max-delay`",
            ),
        ] {
            let url = if entry.is_empty() || entry.starts_with("url") { "" } else { "url = \"http://a\"\n" };
            let error = read_from(&format!("[webhooks.orders]\n{url}{entry}")).unwrap_err();
            let expected = format!("[webhooks] in FILE, line {line}: \"orders\": {expected}");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn names_and_their_number_are_bounded() {
        let of_name = |name: &str| read_from(&format!("[webhooks.\"{name}\"]\nurl = \"http://a\""));
        assert!(of_name(&"n".repeat(64)).is_ok());
        for bad in ["", "a b", "\\n", "é", &"n".repeat(65)] {
            let error = of_name(bad).unwrap_err();
            let expected =
                format!("[webhooks] in FILE, line 1: \"{bad}\": expected a name of 1 to 64 characters of A-Z");
            assert!(error.starts_with(&expected), "{error}");
        }
        let many =
            |count| (0..count).map(|nth| format!("[webhooks.h{nth:02}]\nurl = \"http://a\"\n")).collect::<String>();
        assert_eq!(read_from(&many(32)).unwrap().len(), 32);
        for count in [33, 99] {
            let error = read_from(&many(count)).unwrap_err();
            assert_eq!(error, "[webhooks] in FILE, line 65: there are more than 32 webhooks");
        }
    }

    #[test]
    fn patterns_are_bounded() {
        let patterns = |count| vec!["\"a\""; count].join(",");
        let of_count = |count| read_from(&format!("[webhooks.h]\nurl = \"http://a\"\ndevices = [{}]", patterns(count)));
        assert!(of_count(64).is_ok());
        assert!(of_count(65).unwrap_err().ends_with("`devices` has 65 patterns; expected 1 to 64"));
    }
}
