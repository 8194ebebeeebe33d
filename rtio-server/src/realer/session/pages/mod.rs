//! A document in pages, each of which fits one message (pure). docs/realer.md, "Over the session", tells devices how to read them.
//!
//! The rule: `code` and both revisions are on each page. The rest is taken leaf by leaf, in the order of the document, and each page
//! takes as many leaves as fit. A leaf is a member that is no object and no array, or an empty one; or an item of an array, whatever
//! it is. It stands on its page at its place in the document. So whoever merges the pages - objects member by member, arrays one
//! after the other - has the document. A page that is not the last one says `"next"`.
//!
//! A leaf that fits no page is shown in the error form of the catalogs (contract §4), so that the rest can be read.

use serde_json::{Map, Value, json};

/// What is on each page.
const HEAD: [&str; 3] = ["code", "catalog_revision", "runtime_revision"];

/// The pages of `document`, each of at most `max` bytes; at least one. Costs what the document has in bytes.
pub(super) fn pages(document: &Map<String, Value>, max: usize) -> Vec<String> {
    let is_head = |(key, _): &(&String, &Value)| HEAD.contains(&key.as_str());
    let mut front = String::from("{");
    document.iter().filter(is_head).for_each(|(key, value)| push(&mut front, &member(key, &value.to_string())));
    let mut whole = front.clone();
    let rest = || document.iter().filter(|entry| !is_head(entry));
    rest().for_each(|(key, value)| push(&mut whole, &member(key, &value.to_string())));
    whole.push('}');
    if whole.len() <= max {
        return vec![whole];
    }
    let mut writer = Writer { max, page: front.clone(), front, path: Vec::new(), open: 0, done: Vec::new() };
    rest().for_each(|(key, value)| writer.write(key, value));
    writer.finish()
}

/// Writes page after page.
#[derive(Debug)]
struct Writer<'a> {
    max: usize,
    /// What each page begins with.
    front: String,
    page: String,
    /// Where in the document it is.
    path: Vec<Container<'a>>,
    /// How many of these the page has opened.
    open: usize,
    done: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Container<'a> {
    key: &'a str,
    brackets: (char, char),
}

impl<'a> Writer<'a> {
    fn write(&mut self, key: &'a str, value: &'a Value) {
        match value {
            Value::Object(members) if !members.is_empty() => self.within(key, ('{', '}'), |writer| {
                members.iter().for_each(|(key, value)| writer.write(key, value));
            }),
            Value::Array(items) if !items.is_empty() => self.within(key, ('[', ']'), |writer| {
                items.iter().for_each(|item| writer.write_leaf(&item.to_string(), || too_large(item).to_string()));
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                let instead = || member(key, &too_large(&Value::Null).to_string());
                self.write_leaf(&member(key, &value.to_string()), instead);
            }
        }
    }

    /// Writes what is in a container. It is opened with its first leaf, on each page that has one.
    fn within(&mut self, key: &'a str, brackets: (char, char), inside: impl FnOnce(&mut Self)) {
        self.path.push(Container { key, brackets });
        inside(self);
        self.path.pop();
        if self.open > self.path.len() {
            self.page.push(brackets.1);
            self.open -= 1;
        }
    }

    /// Writes a leaf on this page or the next one; one that fits none in its error form, and not at all if that does not fit either.
    fn write_leaf(&mut self, leaf: &str, instead: impl FnOnce() -> String) {
        let instead = (!self.fits_a_page(leaf)).then(instead);
        let leaf = instead.as_deref().unwrap_or(leaf);
        if !self.fits_a_page(leaf) {
            return;
        }
        if self.page.len() + self.added(self.open, leaf) > self.room(self.done.len()) {
            self.turn();
        }
        for level in self.open..self.path.len() {
            let Container { key, brackets } = self.path[level];
            push(&mut self.page, &member(key, ""));
            self.page.push(brackets.0);
        }
        self.open = self.path.len();
        push(&mut self.page, leaf);
    }

    /// Whether a leaf fits a page of its own, even the one after the next.
    fn fits_a_page(&self, leaf: &str) -> bool {
        self.front.len() + self.added(0, leaf) <= self.room(self.done.len() + 1)
    }

    /// Bytes that a leaf brings on a page with so many containers open: with what opens the others, and what closes all.
    fn added(&self, open: usize, leaf: &str) -> usize {
        let opening: usize = self.path[open..].iter().map(|container| member(container.key, "").len() + 2).sum();
        opening + leaf.len() + 1 + self.path.len()
    }

    /// Bytes of a page without its end.
    fn room(&self, number: usize) -> usize {
        self.max.saturating_sub(next(number).len() + 1)
    }

    /// Ends a page that is not the last one.
    fn turn(&mut self) {
        let number = self.done.len();
        let mut page = std::mem::replace(&mut self.page, self.front.clone());
        let closing = self.path[..self.open].iter().rev().map(|container| container.brackets.1);
        page.extend(closing);
        page.push_str(&next(number));
        page.push('}');
        self.done.push(page);
        self.open = 0;
    }

    fn finish(mut self) -> Vec<String> {
        self.page.push('}');
        self.done.push(self.page);
        self.done
    }
}

/// What a page says of the one after it. The head is there before it.
fn next(number: usize) -> String {
    format!(r#","next":{}"#, number + 1)
}

/// A member of an object.
fn member(key: &str, value: &str) -> String {
    format!("{}:{value}", Value::from(key))
}

/// Adds a member or item, after a comma where it is not the first.
fn push(text: &mut String, what: &str) {
    if !text.ends_with(['{', '[']) {
        text.push(',');
    }
    text.push_str(what);
}

/// What is shown of a value that fits no message.
fn too_large(value: &Value) -> Value {
    let mut shown = Map::new();
    for name in ["id", "desired_id"] {
        if let Some(id) = value.get(name).filter(|id| id.as_str().is_some_and(|id| id.len() <= MAX_ID)) {
            shown.insert(name.to_owned(), id.clone());
        }
    }
    shown.insert("error".to_owned(), json!({ "type": "payload_too_large" }));
    Value::Object(shown)
}

/// An id that is shown in an error form; those of the contract have 30 (§1.2).
const MAX_ID: usize = 64;

#[cfg(test)]
mod tests;
