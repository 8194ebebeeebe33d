//! A document of several pages, put together. Pure: the pages are given to it. (docs/realer.md, "Pages".)

use serde_json::{Map, Value};

use super::error::RealerError;

/// The pages of one document that have come so far.
#[derive(Debug, Default)]
pub(super) struct Pages {
    whole: Map<String, Value>,
    pages: usize,
    bytes: usize,
    restarts: usize,
}

/// What to do after a page.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Ask for this page.
    Ask(Vec<u8>),
    /// This is the whole document.
    Whole(Value),
}

impl Pages {
    /// What the first page is asked with.
    pub(super) fn first() -> Vec<u8> {
        asked(&Value::from(FIRST_PAGE))
    }

    /// Takes the page that was asked for last.
    pub(super) fn add(&mut self, body: &[u8]) -> Result<Step, RealerError> {
        let page = serde_json::from_slice::<Map<String, Value>>(body);
        let mut page = page.map_err(|_| RealerError::Malformed { what: "no JSON object" })?;
        if let Some(error) = RealerError::of_document(&page) {
            let is_gone = matches!(error, RealerError::Refused { code: 4004, .. }) && self.pages > 0;
            // The document has fewer pages than it had.
            return if is_gone { self.start_again() } else { Err(error) };
        }
        self.bytes += body.len();
        self.pages += 1;
        if self.pages > MAX_PAGES || self.bytes > MAX_BYTES {
            return Err(RealerError::Malformed { what: "longer than any document" });
        }
        if self.is_changed(&page) {
            return self.start_again();
        }
        let next = page.remove("next").filter(|next| !next.is_null());
        page.remove("page");
        for (name, value) in page {
            merge(self.whole.entry(name).or_insert(Value::Null), value);
        }
        Ok(match next {
            Some(next) => Step::Ask(asked(&next)),
            None => Step::Whole(Value::Object(std::mem::take(&mut self.whole))),
        })
    }

    /// Whether this page belongs to another document than those before.
    fn is_changed(&self, page: &Map<String, Value>) -> bool {
        self.pages > 1 && REVISIONS.iter().any(|name| self.whole.get(*name) != page.get(*name))
    }

    fn start_again(&mut self) -> Result<Step, RealerError> {
        if self.restarts == MAX_RESTARTS {
            return Err(RealerError::Unsettled);
        }
        *self = Self { restarts: self.restarts + 1, ..Self::default() };
        Ok(Step::Ask(Self::first()))
    }
}

fn asked(page: &Value) -> Vec<u8> {
    format!(r#"{{"page":{page}}}"#).into_bytes()
}

/// Objects member by member, arrays one after the other; of anything else the later counts.
fn merge(whole: &mut Value, more: Value) {
    match (whole, more) {
        (Value::Object(whole), Value::Object(more)) => {
            for (name, value) in more {
                merge(whole.entry(name).or_insert(Value::Null), value);
            }
        }
        (Value::Array(whole), Value::Array(more)) => whole.extend(more),
        (whole, more) => *whole = more,
    }
}

/// A document is one while both stay as they are.
const REVISIONS: [&str; 2] = ["catalog_revision", "runtime_revision"];

/// docs/realer.md, "Pages".
const FIRST_PAGE: u64 = 0;

/// Pages of one document: 256 commands and as many sensors, one on each page, and more than as much again.
const MAX_PAGES: usize = 2048;

/// Bytes of one document: ten times the longest that a hub makes.
const MAX_BYTES: usize = 1 << 20;

/// How often a document may change while it is read.
const MAX_RESTARTS: usize = 5;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn add(pages: &mut Pages, page: &Value) -> Step {
        pages.add(page.to_string().as_bytes()).unwrap()
    }

    fn ask(page: u64) -> Step {
        Step::Ask(format!(r#"{{"page":{page}}}"#).into_bytes())
    }

    #[test]
    fn pages_are_put_together_member_by_member() {
        let mut pages = Pages::default();
        let first = json!({"code": 2000, "catalog_revision": "a", "runtime_revision": "b", "page": 0, "next": 1,
            "commands": [1], "cadence": {"feed_data": {"minimum_interval": 5}}});
        let second = json!({"code": 2000, "catalog_revision": "a", "runtime_revision": "b", "page": 1, "next": 2,
            "commands": [2, 3], "cadence": {"feed_data": {"expected_interval": 60}, "catalog": {}}, "sensors": []});
        let third = json!({"code": 2000, "catalog_revision": "a", "runtime_revision": "b", "page": 2, "next": null,
            "sensors": [4]});
        assert_eq!(add(&mut pages, &first), ask(1));
        assert_eq!(add(&mut pages, &second), ask(2));
        let whole = json!({"code": 2000, "catalog_revision": "a", "runtime_revision": "b",
            "commands": [1, 2, 3], "sensors": [4],
            "cadence": {"feed_data": {"minimum_interval": 5, "expected_interval": 60}, "catalog": {}}});
        assert_eq!(add(&mut pages, &third), Step::Whole(whole));
    }

    #[test]
    fn a_revision_that_changes_between_pages_starts_it_again() {
        let page = |catalog: &str, runtime: &str, next: Option<u64>| json!({"code": 2000, "catalog_revision": catalog, "runtime_revision": runtime, "commands": [next], "next": next});
        for changed in [page("c", "b", None), page("a", "c", Some(2))] {
            let mut pages = Pages::default();
            assert_eq!(add(&mut pages, &page("a", "b", Some(1))), ask(1));
            assert_eq!(add(&mut pages, &changed), ask(0));
            let Step::Whole(whole) = add(&mut pages, &page("d", "e", None)) else { panic!() };
            assert_eq!(whole["commands"], json!([null]), "nothing of the older one is left");
        }
        let mut pages = Pages::default();
        add(&mut pages, &page("a", "b", Some(1)));
        let gone = json!({"code": 4004, "error": {"type": "resource_not_found", "message": "there is no such page"}});
        assert_eq!(add(&mut pages, &gone), ask(0));
        assert!(pages.add(gone.to_string().as_bytes()).is_err(), "not of the first page");
        let mut pages = Pages::default();
        for _ in 0..MAX_RESTARTS {
            assert_eq!(add(&mut pages, &page("a", "b", Some(1))), ask(1));
            assert_eq!(add(&mut pages, &page("c", "b", Some(1))), ask(0));
        }
        add(&mut pages, &page("a", "b", Some(1)));
        let changed = page("c", "b", Some(1)).to_string();
        assert_eq!(pages.add(changed.as_bytes()), Err(RealerError::Unsettled));
    }

    #[test]
    fn refusals_and_nonsense_are_errors_and_nothing_is_read_for_ever() {
        let refused = json!({"code": 4002, "error": {"type": "subscription_inactive", "message": "not active"}});
        let told = Pages::default().add(refused.to_string().as_bytes());
        let expected = ("subscription_inactive".to_owned(), "not active".to_owned());
        assert_eq!(told, Err(RealerError::Refused { code: 4002, kind: expected.0, message: expected.1 }));
        for body in ["", "[]", "{", "7"] {
            assert!(matches!(Pages::default().add(body.as_bytes()), Err(RealerError::Malformed { .. })), "{body}");
        }
        let mut pages = Pages::default();
        let page = json!({"code": 2000, "next": 0}).to_string();
        for _ in 0..MAX_PAGES {
            assert_eq!(pages.add(page.as_bytes()), Ok(ask(0)));
        }
        assert!(pages.add(page.as_bytes()).is_err());
    }
}
