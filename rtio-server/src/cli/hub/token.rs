//! The token that opens a hub: read from the command line, a variable or a file, never shown.

use std::convert::Infallible;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use hyper::header::HeaderValue;

/// A token as it was given. Whether it is one, is judged when it is used: a refused argument would be shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(String);

impl Token {
    #[expect(clippy::unnecessary_wraps, reason = "clap wants a parser that may fail")]
    pub(super) fn parse(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MASKED")
    }
}

/// The value of the `Authorization` header, if there is a token.
pub(super) fn authorization(token: Option<&Token>, file: Option<&Path>) -> Result<Option<HeaderValue>, BearerError> {
    let (text, origin) = match (token, file) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(BearerError::Two),
        (Some(Token(text)), None) => (text.clone(), "the value of --token".to_owned()),
        (None, Some(path)) => (read(path)?, path.display().to_string()),
    };
    header(&text).ok_or(BearerError::Malformed { origin }).map(Some)
}

/// Why a token cannot be used. Never has the token in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BearerError {
    #[error("cannot read the token file {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{origin} is no token: expected letters, digits and - . _ ~ + / =")]
    Malformed { origin: String },
    #[error("both --token and --token-file are given: choose one")]
    Two,
}

fn read(path: &Path) -> Result<String, BearerError> {
    let read = || {
        let mut text = String::new();
        File::open(path)?.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
        Ok(text)
    };
    read().map_err(|source| BearerError::File { path: path.to_owned(), source })
}

/// `b64token` of RFC 6750, section 2.1. White space around it is the file's, not the token's.
fn header(text: &str) -> Option<HeaderValue> {
    let token = text.trim();
    let is_sound =
        !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| is_sound)?;
    // Nothing prints it, and no proxy's compression remembers it.
    value.set_sensitive(true);
    Some(value)
}

/// Far above the longest head that a hub takes.
const MAX_FILE_BYTES: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_becomes_a_header_that_is_never_shown() {
        let token = Token::parse("eyJh.eyJz.c2ln").unwrap();
        let value = authorization(Some(&token), None).unwrap().unwrap();
        assert_eq!(value.as_bytes(), b"Bearer eyJh.eyJz.c2ln");
        assert!(!format!("{token:?} {value:?}").contains("eyJ"));
        assert!(authorization(None, None).unwrap().is_none());
    }

    #[test]
    fn what_is_no_token_is_refused_without_showing_it() {
        for bad in ["", " ", "two words", "a\r\nHost: b", "ü", "a,b"] {
            let error = authorization(Some(&Token(bad.to_owned())), None).unwrap_err();
            assert!(matches!(error, BearerError::Malformed { .. }), "{bad}");
            assert!(bad.trim().is_empty() || !error.to_string().contains(bad), "{error}");
        }
        let (token, path) = (Token("a".into()), Path::new("/nowhere"));
        assert!(matches!(authorization(Some(&token), Some(path)), Err(BearerError::Two)));
        assert!(matches!(authorization(None, Some(path)), Err(BearerError::File { .. })));
    }
}
