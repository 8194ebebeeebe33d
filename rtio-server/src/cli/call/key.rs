//! The name of a call that may be made again without doing it twice.

use std::str::FromStr;

/// A key as it goes over the wire: a string in quotes (RFC 9651 §3.3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The value of the header.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Self, NoKey> {
        let is_key = (1..=MAX_KEY_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let escaped = || text.replace('\\', r"\\").replace('"', "\\\"");
        if is_key { Ok(Self(format!("\"{}\"", escaped()))) } else { Err(NoKey) }
    }
}

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to {MAX_KEY_BYTES} visible ASCII characters")]
pub(super) struct NoKey;

/// The longest that a hub takes.
const MAX_KEY_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_in_quotes() {
        let read = |text: &str| text.parse::<IdempotencyKey>().map(|key| key.0);
        assert_eq!(read("order-7"), Ok("\"order-7\"".to_owned()));
        assert_eq!(read(r#"a"b\c"#), Ok(r#""a\"b\\c""#.to_owned()));
        for bad in ["", "a b", "schlüssel", &"k".repeat(129)] {
            assert_eq!(read(bad), Err(NoKey), "{bad}");
        }
    }
}
