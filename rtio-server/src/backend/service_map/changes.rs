//! What is different between two maps, for the log. Pure.

use std::fmt;
use std::sync::Arc;

use super::merge::Merged;

/// The URIs that are different.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) added: Uris,
    pub(super) removed: Uris,
    /// Those that go elsewhere, or under other limits.
    pub(super) changed: Uris,
}

/// A few of them are shown, the others counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Uris(pub(super) Vec<Arc<str>>);

impl Changes {
    pub(super) fn between(old: &Merged, new: &Merged) -> Self {
        let mut changes = Self::default();
        for (uri, entry) in &new.entries {
            match old.entries.get(uri) {
                None => changes.added.0.push(Arc::clone(uri)),
                Some(before) if before.definition != entry.definition => changes.changed.0.push(Arc::clone(uri)),
                Some(_) => {}
            }
        }
        let is_gone = |uri: &&Arc<str>| !new.entries.contains_key(&**uri);
        changes.removed.0.extend(old.entries.keys().filter(is_gone).cloned());
        changes
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.added.0.is_empty() && self.removed.0.is_empty() && self.changed.0.is_empty()
    }
}

/// `added 1 ("/a"), removed 12 ("/b", …, "/k" and 2 more)`.
impl fmt::Display for Changes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("added", &self.added), ("removed", &self.removed), ("changed", &self.changed)];
        let mut separator = "";
        for (name, uris) in parts.into_iter().filter(|(_, uris)| !uris.0.is_empty()) {
            write!(out, "{separator}{name} {} ({uris})", Grouped(uris.0.len()))?;
            separator = ", ";
        }
        Ok(())
    }
}

impl fmt::Display for Uris {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named: Vec<_> = self.0.iter().take(MAX_NAMED).map(|uri| format!("{uri:?}")).collect();
        out.write_str(&named.join(", "))?;
        match self.0.len().saturating_sub(MAX_NAMED) {
            0 => Ok(()),
            more => write!(out, " and {} more", Grouped(more)),
        }
    }
}

/// A number with commas between its thousands.
struct Grouped(usize);

impl fmt::Display for Grouped {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            small @ 0..1000 => write!(out, "{small}"),
            large => write!(out, "{},{:03}", Self(large / 1000), large % 1000),
        }
    }
}

/// URIs that a line of the log names: all of a change by hand, and the line stays below 2 KB.
const MAX_NAMED: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::service_map::merge::merge;

    fn map(json: &str) -> Merged {
        merge(&serde_json::from_str(json).unwrap(), &serde_json::from_str("{}").unwrap(), |_| None).unwrap()
    }

    fn check(old: &str, new: &str, expected: &str) {
        assert_eq!(Changes::between(&map(old), &map(new)).to_string(), expected, "{old} {new}");
    }

    #[test]
    fn a_change_names_what_was_added_removed_and_changed() {
        check("{}", "{}", "");
        check(r#"{"/a":"http://a"}"#, r#"{"/a":{"url":"http://a"}}"#, "");
        check("{}", r#"{"/a":"http://a","/b":"http://a"}"#, r#"added 2 ("/a", "/b")"#);
        check(
            r#"{"/a":"http://a","/b":"http://a","/c":"http://a"}"#,
            r#"{"/b":"http://b","/c":{"url":"http://a","timeout":"1s"},"/d\"":"http://a"}"#,
            r#"added 1 ("/d\""), removed 1 ("/a"), changed 2 ("/b", "/c")"#,
        );
    }

    #[test]
    fn of_many_a_few_are_named() {
        let uris = |count: usize| Uris((0..count).map(|nth| format!("/{nth:04}").into()).collect()).to_string();
        let ten: Vec<_> = (0..10).map(|nth| format!("\"/{nth:04}\"")).collect();
        assert_eq!(uris(10), ten.join(", "));
        assert_eq!(uris(11), format!("{} and 1 more", ten.join(", ")));
        assert_eq!(uris(4_322), format!("{} and 4,312 more", ten.join(", ")));
        assert_eq!(Grouped(1_000_042).to_string(), "1,000,042");
    }
}
