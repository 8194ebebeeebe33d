//! What is wrong, said once and not at each question. Pure.

use std::collections::BTreeSet;
use std::fmt::Display;

/// What went wrong since all was well.
#[derive(Debug, Default)]
pub(super) struct Causes(BTreeSet<String>);

impl Causes {
    /// Whether this is to be said: it is new, and there were not too many others.
    pub(super) fn is_news(&mut self, cause: &str) -> bool {
        self.0.len() < MAX_CAUSES && self.0.insert(cause.to_owned())
    }

    /// All is well. Whether it was not before.
    pub(super) fn are_over(&mut self) -> bool {
        !std::mem::take(&mut self.0).is_empty()
    }
}

/// The text of a peer's doing as a line of the log takes it: without control characters, and no longer than it helps.
pub(super) fn printable(text: &impl Display) -> String {
    let text = text.to_string();
    let mut shown = String::new();
    for char in text.chars().take(MAX_CHARS) {
        if char.is_control() { shown.extend(char.escape_default()) } else { shown.push(char) }
    }
    if text.chars().nth(MAX_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// A configurer that has ever new faults, such as a new document with a wrong digest each time, is loud enough with so many lines.
const MAX_CAUSES: usize = 16;

/// Room for two URIs of the greatest length and a sentence.
const MAX_CHARS: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_news_once_until_all_is_well() {
        let mut causes = Causes::default();
        assert!(!causes.are_over());
        assert_eq!(["a", "b", "a", "b"].map(|cause| causes.is_news(cause)), [true, true, false, false]);
        assert!(causes.are_over());
        assert!(causes.is_news("a"));
    }

    #[test]
    fn after_16_causes_nothing_is_news() {
        let mut causes = Causes::default();
        let news = (0..100).filter(|nth| causes.is_news(&nth.to_string())).count();
        assert_eq!(news, MAX_CAUSES);
    }

    #[test]
    fn what_a_peer_wrote_is_one_short_line() {
        assert_eq!(printable(&"a\nb\u{1b}[31m\"ü"), "a\\nb\\u{1b}[31m\"ü");
        assert_eq!(printable(&"x".repeat(MAX_CHARS)).len(), MAX_CHARS);
        assert_eq!(printable(&"x".repeat(10_000_000)), "x".repeat(MAX_CHARS) + "…");
    }
}
