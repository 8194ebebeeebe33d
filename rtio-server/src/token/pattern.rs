//! Patterns of device ids and URIs in grants (pure): text in which `*` stands for any characters, or none.

/// A pattern such as `PRINTER-*` or `/printer/*`. `*` also stands for slashes; there is no other special character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Box<str>);

impl Pattern {
    /// Reads a pattern of 1 to [`MAX_PATTERN_BYTES`] bytes.
    pub fn parse(text: &str) -> Option<Self> {
        (1..=MAX_PATTERN_BYTES).contains(&text.len()).then(|| Self(text.into()))
    }

    /// Whether the pattern stands for the whole of `text`. Takes time that is linear in both.
    pub fn matches(&self, text: &str) -> bool {
        let Some((front, rest)) = self.0.split_once('*') else { return *self.0 == *text };
        let Some(mut text) = text.strip_prefix(front) else { return false };
        let (middle, back) = rest.rsplit_once('*').unwrap_or(("", rest));
        // The first place where a part fits leaves the most to those behind it, so that none needs to be tried again.
        for part in middle.split('*') {
            let Some(at) = text.find(part) else { return false };
            text = &text[at + part.len()..];
        }
        text.ends_with(back)
    }
}

/// Longest pattern: as long as the longest device URI (docs/caller-http.md §1).
pub const MAX_PATTERN_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let read = Pattern::parse(pattern).unwrap();
        for text in yes {
            assert!(read.matches(text), "{pattern} {text}");
        }
        for text in no {
            assert!(!read.matches(text), "{pattern} {text}");
        }
    }

    #[test]
    fn a_star_stands_for_anything() {
        check("*", &["", "a", "/a/b"], &[]);
        check("PRINTER-*", &["PRINTER-", "PRINTER-001"], &["PRINTER", "printer-001", "XPRINTER-1"]);
        check("*-001", &["-001", "PRINTER-001"], &["PRINTER-0011", "001"]);
        check("/a/*/c", &["/a/b/c", "/a/b/b/c", "/a//c"], &["/a/c", "/a/b/cc", "/a/b"]);
        check("a*a", &["aa", "aba", "aaa"], &["a", "ab"]);
        check("a**b*", &["ab", "axbx"], &["a", "ba"]);
        check("*b*b*", &["bb", "abba"], &["b", "aba"]);
    }

    #[test]
    fn without_a_star_it_is_the_text_itself() {
        check("a.c?[x]", &["a.c?[x]"], &["abc?[x]", "a.cx", "A.c?[x]", "a.c?[x]y", ""]);
    }

    #[test]
    fn a_pattern_has_1_to_128_bytes() {
        assert_eq!(Pattern::parse(""), None);
        assert!(Pattern::parse(&"x".repeat(MAX_PATTERN_BYTES)).is_some());
        assert_eq!(Pattern::parse(&"x".repeat(MAX_PATTERN_BYTES + 1)), None);
    }
}
