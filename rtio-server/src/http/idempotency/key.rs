//! The header `Idempotency-Key` as a value (pure). It is a string of structured fields (RFC 9651 §3.3.3), as in
//! draft-ietf-httpapi-idempotency-key-header; most callers leave the quotes out, and it is the same key without them.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// What a caller calls one of its calls: 1 to 128 visible characters of ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::http) struct Key(Box<str>);

/// Why a header is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one Idempotency-Key of 1 to {MAX_KEY_BYTES} visible ASCII characters, bare or in double quotes; {0}")]
pub(in crate::http) struct KeyError(Fault);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("this request has more than one")]
    Several,
    #[error("this one is empty")]
    Empty,
    #[error("this one has {len}")]
    TooLong { len: usize },
    #[error("this one has another character")]
    Invisible,
    #[error("this one has an open quote, or something behind its quotes")]
    Quotes,
}

impl Key {
    /// The key of a request; `None` where it has none.
    ///
    /// # Errors
    ///
    /// [`KeyError`]: two headers, or another form.
    pub(in crate::http) fn of(headers: &HeaderMap) -> Result<Option<Self>, KeyError> {
        // Nearly every request has none, and pays for one look-up.
        let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
        if headers.get_all(IDEMPOTENCY_KEY).iter().count() > 1 {
            return Err(KeyError(Fault::Several));
        }
        Self::read(value).map(Some).map_err(KeyError)
    }

    fn read(value: &HeaderValue) -> Result<Self, Fault> {
        let text = value.to_str().map_err(|_| Fault::Invisible)?;
        let text = match text.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => text.to_owned(),
        };
        if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(Fault::Invisible);
        }
        match text.len() {
            0 => Err(Fault::Empty),
            1..=MAX_KEY_BYTES => Ok(Self(text.into())),
            len => Err(Fault::TooLong { len }),
        }
    }

    /// How much of it is remembered, in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What is in quotes, of which the first is gone already. Only a quote and a backslash are escaped.
fn unquote(quoted: &str) -> Result<String, Fault> {
    let (mut text, mut characters) = (String::with_capacity(quoted.len()), quoted.chars());
    loop {
        match characters.next() {
            Some('"') if characters.as_str().is_empty() => return Ok(text),
            Some('\\') => match characters.next() {
                Some(escaped @ ('"' | '\\')) => text.push(escaped),
                Some(_) | None => return Err(Fault::Quotes),
            },
            Some('"') | None => return Err(Fault::Quotes),
            Some(character) => text.push(character),
        }
    }
}

/// The header's name.
pub(in crate::http) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A UUID has 36, a SHA-512 in hexadecimal 128.
const MAX_KEY_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&[u8]]) -> Result<Option<String>, Fault> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(value).unwrap());
        }
        Key::of(&headers).map(|key| key.map(|key| key.0.into())).map_err(|KeyError(fault)| fault)
    }

    fn check(value: &str, expected: Result<&str, Fault>) {
        assert_eq!(read(&[value.as_bytes()]), expected.map(|key| Some(key.to_owned())), "{value}");
    }

    #[test]
    fn a_key_is_the_same_with_and_without_quotes() {
        assert_eq!(read(&[]), Ok(None));
        check("8e03978e-40d5-43e8-bc93-6894a57f9324", Ok("8e03978e-40d5-43e8-bc93-6894a57f9324"));
        check("\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", Ok("8e03978e-40d5-43e8-bc93-6894a57f9324"));
        check("!~,;=\\x", Ok("!~,;=\\x"));
        check("a\"b\"", Ok("a\"b\""));
        check(r#""a\"b\\""#, Ok(r#"a"b\"#));
        check(&"k".repeat(128), Ok(&"k".repeat(128)));
        check(&format!("\"{}\"", "\\\\".repeat(128)), Ok(&"\\".repeat(128)));
    }

    #[test]
    fn another_form_is_refused() {
        check("", Err(Fault::Empty));
        check("\"\"", Err(Fault::Empty));
        check(&"k".repeat(129), Err(Fault::TooLong { len: 129 }));
        check(&format!("\"{}\"", "k".repeat(129)), Err(Fault::TooLong { len: 129 }));
        check("a b", Err(Fault::Invisible));
        check("a\tb", Err(Fault::Invisible));
        check("\"a b\"", Err(Fault::Invisible));
        for open in ["\"", "\"a", "\"a\"b", "\"a\";b=1", "\"a\\", "\"a\\\"", "\"a\\b\""] {
            check(open, Err(Fault::Quotes));
        }
        assert_eq!(read(&[b"schl\xc3\xbcssel"]), Err(Fault::Invisible));
        assert_eq!(read(&[b"\xff"]), Err(Fault::Invisible));
        assert_eq!(read(&[b"a", b"a"]), Err(Fault::Several));
        let text = KeyError(Fault::Several).to_string();
        assert!(text.contains("1 to 128 visible ASCII characters") && text.contains("more than one"), "{text}");
    }
}
