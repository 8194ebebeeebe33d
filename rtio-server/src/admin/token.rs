//! The secret that lets an operator in: where it comes from, and how it is compared.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::data_dir::{self, DataDir, DataDirError};

/// What an operator shows to be let in. Never printed.
#[derive(Clone)]
pub struct AdminToken(Zeroizing<String>);

impl AdminToken {
    /// Takes the token out of a file's bytes; white space around it does not count.
    ///
    /// # Errors
    ///
    /// [`TokenError::Unusable`] for what no header can carry, or what is too short to be a secret.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, TokenError> {
        let text = std::str::from_utf8(bytes).map(str::trim).unwrap_or_default();
        if text.len() < MIN_TOKEN_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Unusable { path: path.to_owned() });
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// Whether `shown` is this token. Takes the same time wherever the two differ.
    pub fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }

    /// Reads the token from a file of the operator's.
    pub(super) fn read(path: &Path) -> Result<Self, TokenError> {
        let unreadable = |source| TokenError::Unreadable { path: path.to_owned(), source };
        let bytes = Zeroizing::new(std::fs::read(path).map_err(unreadable)?);
        let token = Self::parse(path, &bytes)?;
        if data_dir::is_open_to_all(path).map_err(unreadable)? {
            tracing::warn!(path = %path.display(), "everybody on this machine can read the operators' token");
        }
        Ok(token)
    }

    /// Reads the token from the data folder; makes it where it is not there.
    pub(super) fn read_or_make(dir: &DataDir) -> Result<Self, TokenError> {
        if let Some(bytes) = dir.read(TOKEN_FILE)? {
            return Self::parse(&dir.file(TOKEN_FILE), &Zeroizing::new(bytes));
        }
        let mut random = Zeroizing::new([0; TOKEN_RANDOM_BYTES]);
        getrandom::fill(&mut *random).map_err(TokenError::Random)?;
        let token = Zeroizing::new(URL_SAFE_NO_PAD.encode(*random));
        dir.write(TOKEN_FILE, token.as_bytes())?;
        tracing::info!(path = %dir.file(TOKEN_FILE).display(), "made a token for operators");
        Ok(Self(token))
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken(MASKED)")
    }
}

/// There is no token that could be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file is not there, or may not be read.
    #[error("cannot read the operators' token from {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} holds no token: expected at least {MIN_TOKEN_BYTES} printable ASCII characters without spaces", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
    },
    /// The data folder refuses.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The system gives no random bits.
    #[error("the system gives no random bits: {0}")]
    Random(getrandom::Error),
}

/// Where the token is in the data folder, for the hub and for commands that talk to it.
pub const TOKEN_FILE: &str = "admin.token";

/// 256 bits: nobody guesses them.
const TOKEN_RANDOM_BYTES: usize = 32;

/// A token that somebody thought out may be shorter than ours; this much keeps out an empty file and `admin`.
const MIN_TOKEN_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_printable_and_long_enough() {
        let path = Path::new("/t");
        for good in ["0123456789abcdef", "  0123456789abcdef\n", "a+/=._~-0123456789"] {
            assert!(AdminToken::parse(path, good.as_bytes()).unwrap().is(good.trim()), "{good:?}");
        }
        for bad in ["", "0123456789abcde", "0123456789 abcdef", "0123456789\nabcdef", "0123456789abcdeü"] {
            assert!(AdminToken::parse(path, bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(AdminToken::parse(path, &[0xFF; 32]).is_err());
    }

    #[test]
    fn only_the_same_token_is_the_token() {
        let token = AdminToken::parse(Path::new("/t"), b"0123456789abcdef").unwrap();
        for other in ["", "0123456789abcdeg", "1123456789abcdef", "0123456789abcdef0", "0123456789abcde"] {
            assert!(!token.is(other), "{other}");
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        let token = AdminToken::parse(Path::new("/t"), b"0123456789abcdef").unwrap();
        assert_eq!(format!("{token:?}"), "AdminToken(MASKED)");
    }

    #[test]
    fn a_token_that_was_made_is_found_again() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::open(parent.path()).unwrap();
        let made = AdminToken::read_or_make(&dir).unwrap();
        assert_eq!(made.0.len(), 43, "256 bits in base64url");
        assert!(AdminToken::read_or_make(&dir).unwrap().is(&made.0));
        dir.write(TOKEN_FILE, b"short").unwrap();
        assert!(AdminToken::read_or_make(&dir).is_err(), "what is there is not replaced");
    }
}
