//! Many devices by one word: `PRINTER-*`.

use rtio_proto::verify::DeviceIdRef;

use super::DeviceId;

/// A device id in which each `*` stands for any number of characters, none among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPattern(Box<str>);

/// No device can match this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an id in which * stands for anything, such as PRINTER-*: 1 to 64 characters of A-Z a-z 0-9 . _ ~ - *"
)]
pub struct InvalidIdPattern;

impl IdPattern {
    /// Matches every device.
    pub fn any() -> Self {
        Self("*".into())
    }

    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`InvalidIdPattern`] for characters that no id has, and for more of them than an id has.
    pub fn parse(text: &str) -> Result<Self, InvalidIdPattern> {
        // With a letter in the place of each `*` it has the form of an id.
        let example = text.replace('*', "x");
        DeviceIdRef::parse(example.as_bytes()).map(|_| Self(text.into())).ok_or(InvalidIdPattern)
    }

    /// Whether the pattern stands for `id`. Costs the product of their lengths at most.
    pub fn matches(&self, id: &DeviceId) -> bool {
        let Some((head, rest)) = self.0.split_once('*') else { return *self.0 == *id.as_str() };
        let Some(mut left) = id.as_str().strip_prefix(head) else { return false };
        // What stands between two stars is taken where it is first found: that leaves the most for the rest.
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        for piece in middle.split('*') {
            let Some((_, after)) = left.split_once(piece) else { return false };
            left = after;
        }
        left.ends_with(tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let check = |pattern: &str, yes: &[&str], no: &[&str]| {
            let pattern = IdPattern::parse(pattern).unwrap();
            let is_match = |id: &&str| pattern.matches(&DeviceId::parse(id).unwrap());
            assert_eq!(yes.iter().copied().filter(is_match).collect::<Vec<_>>(), yes, "{pattern:?}");
            assert!(!no.iter().any(is_match), "{pattern:?}");
        };
        check("*", &["a", "PRINTER-001"], &[]);
        check("a", &["a"], &["b", "aa", "A"]);
        check("PRINTER-*", &["PRINTER-", "PRINTER-001"], &["PRINTER", "xPRINTER-1"]);
        check("*-1", &["a-1", "-1-1"], &["a-10", "1"]);
        check("a*b*c", &["abc", "aXbYc", "abbcc", "abcbc"], &["ab", "acb", "abcd"]);
        check("**a**", &["a", "bab"], &["b"]);
        check("*ab", &["aab", "abab"], &["aba"]);
    }

    #[test]
    fn what_no_id_can_be_is_no_pattern() {
        for bad in ["", "a b", "a/*", "?", &"*".repeat(65)] {
            assert_eq!(IdPattern::parse(bad), Err(InvalidIdPattern), "{bad}");
        }
    }

    #[test]
    fn the_worst_pattern_is_no_trouble() {
        let pattern = IdPattern::parse(&"*a".repeat(32)).unwrap();
        assert!(!pattern.matches(&DeviceId::parse(&("a".repeat(31) + &"b".repeat(33))).unwrap()));
    }
}
