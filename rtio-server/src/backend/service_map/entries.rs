//! What one source says: URIs, and for each where what devices send to it goes. What reads as `Entries` is sound by itself; whether
//! digests collide is a matter of all sources together (`merge.rs`). Pure.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::definition::{self, DefinitionError};
use crate::backend::ServiceDefinition;

/// Where what devices send to a URI goes, by URI. Equal definitions are one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entries(BTreeMap<Arc<str>, Arc<ServiceDefinition>>);

impl Entries {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<ServiceDefinition>)> {
        self.0.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Why a source is refused. The first thing that is wrong is told.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntriesError {
    /// More than anybody has.
    #[error("there are more than {MAX_ENTRIES} URIs")]
    TooMany,
    /// No URI that a device could mean.
    #[error("{uri:?}: expected a URI of 1 to {MAX_URI_BYTES} bytes without control characters")]
    Uri {
        /// Its beginning.
        uri: String,
    },
    /// It is not clear which one counts.
    #[error("{uri:?} is there twice")]
    Twice {
        /// The URI.
        uri: String,
    },
    /// What stands at a URI.
    #[error("{uri:?}: {source}")]
    Definition {
        /// The URI.
        uri: String,
        /// What is wrong.
        source: DefinitionError,
    },
}

/// Entries of which more may come.
#[derive(Debug, Default)]
pub(super) struct Draft {
    entries: Entries,
    /// A hub with 65,536 URIs has a handful of services, so what is equal is kept once.
    definitions: HashSet<Arc<ServiceDefinition>>,
}

impl Draft {
    /// Adds what stands at `uri`. After an error the source is of no use.
    pub(super) fn add(&mut self, uri: &str, value: Value) -> Result<(), EntriesError> {
        if self.entries.len() == MAX_ENTRIES {
            return Err(EntriesError::TooMany);
        }
        if uri.is_empty() || uri.len() > MAX_URI_BYTES || uri.chars().any(char::is_control) {
            return Err(EntriesError::Uri { uri: uri.chars().take(MAX_URI_BYTES).collect() });
        }
        let failed = |source| EntriesError::Definition { uri: uri.to_owned(), source };
        let definition = self.shared(definition::read(value).map_err(failed)?);
        match self.entries.0.insert(uri.into(), definition) {
            None => Ok(()),
            Some(_) => Err(EntriesError::Twice { uri: uri.to_owned() }),
        }
    }

    pub(super) fn finish(self) -> Entries {
        self.entries
    }

    fn shared(&mut self, definition: ServiceDefinition) -> Arc<ServiceDefinition> {
        if let Some(known) = self.definitions.get(&definition) {
            return Arc::clone(known);
        }
        let definition = Arc::new(definition);
        self.definitions.insert(Arc::clone(&definition));
        definition
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntriesVisitor)
    }
}

struct EntriesVisitor;

impl<'de> Visitor<'de> for EntriesVisitor {
    type Value = Entries;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("URIs, each with a URL")
    }

    /// One entry after the other, so that a source with too many costs no more than one that is full.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
        let mut draft = Draft::default();
        while let Some(uri) = map.next_key::<String>()? {
            map.next_value_seed(EntrySeed { uri, draft: &mut draft })?;
        }
        Ok(draft.finish())
    }
}

/// Adds what stands at a URI. What is wrong with it is told from here, so that the error has the place of the entry and not that of
/// the whole map.
struct EntrySeed<'a> {
    uri: String,
    draft: &'a mut Draft,
}

impl<'de> DeserializeSeed<'de> for EntrySeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let value = Value::deserialize(deserializer)?;
        self.draft.add(&self.uri, value).map_err(D::Error::custom)
    }
}

/// URIs of one source: far more than devices have kinds of messages. With their services they take about 20 MB.
pub(super) const MAX_ENTRIES: usize = 65_536;

/// As for the URIs of devices that callers name (docs/caller-http.md §1).
const MAX_URI_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    /// A document with `count` URIs, `/0`, `/1`, ….
    fn document(count: usize) -> String {
        let entries: Vec<_> = (0..count).map(|nth| format!(r#""/{nth}":"http://a.example/{}""#, nth % 2)).collect();
        format!("{{{}}}", entries.join(","))
    }

    fn read(document: &str) -> Result<Entries, String> {
        serde_json::from_str(document).map_err(|error| error.to_string())
    }

    fn check_refused(document: &str, expected: &str) {
        let error = read(document).unwrap_err();
        assert!(error.starts_with(expected), "{document:.100}: {error}");
    }

    #[test]
    fn json_and_toml_say_the_same() {
        let json = r#"{"/b":{"url":"http://a/1","timeout":"1s"},"/a":"http://a/2"}"#;
        let toml = "\"/a\" = \"http://a/2\"\n\"/b\" = { url = \"http://a/1\", timeout = \"1s\" }\n";
        let entries = read(json).unwrap();
        assert_eq!(entries, toml::from_str(toml).unwrap());
        assert_eq!(entries.iter().map(|(uri, _)| &**uri).collect::<Vec<_>>(), ["/a", "/b"]);
    }

    #[test]
    fn a_full_source_is_read_and_one_more_is_refused() {
        let entries = read(&document(MAX_ENTRIES)).unwrap();
        assert_eq!(entries.len(), MAX_ENTRIES);
        let definitions: HashSet<_> = entries.iter().map(|(_, definition)| Arc::as_ptr(definition)).collect();
        assert_eq!(definitions.len(), 2, "what is equal is kept once");
        for count in [MAX_ENTRIES + 1, 100_000] {
            check_refused(&document(count), "there are more than 65536 URIs");
        }
    }

    #[test]
    fn a_uri_has_1_to_128_bytes_and_stands_once() {
        let long = "x".repeat(128);
        assert!(read(&format!(r#"{{"{long}":"http://a","x":"http://a","/ü":"http://a"}}"#)).is_ok());
        for bad in ["", "/a\\n", &format!("{long}x"), &"ü".repeat(65)] {
            check_refused(&format!(r#"{{"{bad}":"http://a"}}"#), "\"");
        }
        check_refused(r#"{"":"http://a"}"#, "\"\": expected a URI of 1 to 128 bytes");
        check_refused(&format!(r#"{{"{}":"http://a"}}"#, "y".repeat(9_999)), &format!("\"{}\":", "y".repeat(128)));
        check_refused(r#"{"/a":"http://a","/a":"http://a"}"#, r#""/a" is there twice"#);
    }

    #[test]
    fn what_is_wrong_with_an_entry_is_told_with_its_uri() {
        check_refused(r#"{"/a":"nowhere"}"#, r#""/a": expected a URL such as https://"#);
        check_refused(r#"{"/a":{"url":"http://a","x":1}}"#, r#""/a": unknown field `x`"#);
        check_refused("[]", "invalid type: sequence, expected URIs, each with a URL");
        check_refused("null", "invalid type: null, expected URIs");
    }
}
