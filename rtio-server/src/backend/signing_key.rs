//! Where the keys come from that posts are signed with: a file of the operator's, or one that the hub makes in its data folder.

use std::io;
use std::path::{Path, PathBuf};

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use super::signature::{MalformedKeys, SigningKeys};
use crate::data_dir::{self, DataDir, DataDirError};

/// Signs with the keys of one file.
#[derive(Debug)]
pub struct Signer {
    path: PathBuf,
    keys: ArcSwap<SigningKeys>,
}

impl Signer {
    /// Reads the operator's file.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`].
    pub fn of_file(path: &Path) -> Result<Self, SigningKeyError> {
        let keys = read(path)?;
        if data_dir::is_open_to_all(path).unwrap_or(false) {
            tracing::warn!(path = %path.display(), "everybody on this machine can read the keys that posts are signed with");
        }
        Ok(Self { path: path.to_owned(), keys: ArcSwap::from_pointee(keys) })
    }

    /// Reads the file in the data folder; makes it where it is not there.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`]; what is there is not replaced.
    pub fn of_data_dir(dir: &DataDir) -> Result<Self, SigningKeyError> {
        if dir.read(KEY_FILE)?.map(Zeroizing::new).is_none() {
            let mut random = Zeroizing::new([0; KEY_RANDOM_BYTES]);
            getrandom::fill(&mut *random).map_err(SigningKeyError::Random)?;
            dir.write(KEY_FILE, Zeroizing::new(URL_SAFE_NO_PAD.encode(*random)).as_bytes())?;
            tracing::info!(path = %dir.file(KEY_FILE).display(), "made a key to sign what backends are sent");
        }
        Self::of_file(&dir.file(KEY_FILE))
    }

    /// Reads the file again.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`]; the old keys stay.
    pub fn reload(&self) -> Result<(), SigningKeyError> {
        self.keys.store(read(&self.path)?.into());
        Ok(())
    }

    /// The signature of a post that leaves now.
    pub(super) fn sign(&self, headers: &HeaderMap, body: &[u8]) -> HeaderValue {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        self.keys.load().sign(now.as_secs(), headers, body)
    }
}

fn read(path: &Path) -> Result<SigningKeys, SigningKeyError> {
    let unreadable = |source| SigningKeyError::Unreadable { path: path.to_owned(), source };
    let bytes = Zeroizing::new(std::fs::read(path).map_err(unreadable)?);
    SigningKeys::parse(&bytes).map_err(|source| SigningKeyError::Unusable { path: path.to_owned(), source })
}

/// There is no key that could be used.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The file is not there, or may not be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} holds no signing key", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What was expected.
        source: MalformedKeys,
    },
    /// The data folder refuses.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The system gives no random bits.
    #[error("the system gives no random bits")]
    Random(#[source] getrandom::Error),
}

/// Where the key is in the data folder.
const KEY_FILE: &str = "signing.key";

/// 256 bits, as many as the hash has.
const KEY_RANDOM_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"0123456789abcdef0123456789abcdef\n";

    fn signature(signer: &Signer) -> HeaderValue {
        signer.keys.load().sign(5, &HeaderMap::new(), b"body")
    }

    #[test]
    fn a_key_that_was_made_is_found_again() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::open(parent.path()).unwrap();
        let made = Signer::of_data_dir(&dir).unwrap();
        assert_eq!(dir.read(KEY_FILE).unwrap().unwrap().len(), 43, "256 bits in base64url");
        assert_eq!(signature(&Signer::of_data_dir(&dir).unwrap()), signature(&made));
        dir.write(KEY_FILE, b"short").unwrap();
        let error = Signer::of_data_dir(&dir).unwrap_err();
        assert!(matches!(error, SigningKeyError::Unusable { .. }), "what is there is not replaced: {error}");
    }

    #[test]
    fn keys_are_read_again_and_broken_ones_change_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), KEY).unwrap();
        let signer = Signer::of_file(file.path()).unwrap();
        let before = signature(&signer);
        std::fs::write(file.path(), "short").unwrap();
        assert!(signer.reload().is_err());
        assert_eq!(signature(&signer), before);
        std::fs::write(file.path(), "another key of more than 32 characters".replace(' ', "-")).unwrap();
        signer.reload().unwrap();
        assert_ne!(signature(&signer), before);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = Signer::of_file(Path::new("/nowhere/key")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read /nowhere/key");
    }
}
