//! Where keys come from: PEM files, and key sets in files or behind URLs. Each source keeps the last good keys it gave.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use super::Config;
use super::key::{Algorithm, Key, KeyError};
use super::key_set::{self, KeySet};
use super::metrics::Metrics;

/// Where a key set is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwksSource {
    /// In a file.
    File(PathBuf),
    /// Behind a URL: `https`, or `http` to this machine.
    Url(String),
}

/// Fetches a document. A port: what implements it knows sockets and TLS.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// The body behind `url`, at most `max_bytes` of it, within a few seconds.
    fn fetch<'a>(&'a self, url: &'a str, max_bytes: usize) -> Fetching<'a>;
}

/// A document on its way.
pub type Fetching<'a> = Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send + 'a>>;

/// Why a document did not come.
pub type FetchError = Box<dyn std::error::Error + Send + Sync>;

/// Why a source gave no keys.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be read.
    #[error("cannot read the key file {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The document did not come.
    #[error("cannot fetch the key set from {url}")]
    Url {
        /// Where it should have come from.
        url: String,
        /// Why.
        source: FetchError,
    },
    /// It holds no key.
    #[error("{place} is of no use")]
    Key {
        /// The file or URL.
        place: String,
        /// Why.
        source: KeyError,
    },
    /// It is a key set without a key that can be used.
    #[error("{place} has no key for verifying tokens with the algorithms of --jwt-algorithms")]
    NoKeys {
        /// The file or URL.
        place: String,
    },
}

/// All sources, and what each gave last.
#[derive(Debug)]
pub(super) struct Sources {
    sources: Vec<Source>,
    algorithms: Vec<Algorithm>,
    fetch: Arc<dyn Fetch>,
}

#[derive(Debug)]
struct Source {
    place: Place,
    /// Its document, by which a change is noticed, and the keys in it. `None` until it was read once.
    last: Option<(Vec<u8>, Vec<Key>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Pem(PathBuf),
    Jwks(JwksSource),
}

/// What a round through the sources brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// Nothing new.
    Same,
    /// Other keys than before.
    Changed,
}

impl Sources {
    /// Reads the files. URLs are not asked yet: a hub starts without them.
    pub(super) fn open(config: &Config, fetch: Arc<dyn Fetch>) -> Result<Self, SourceError> {
        let pem = config.keys.iter().cloned().map(Place::Pem);
        let places = pem.chain(config.jwks.iter().cloned().map(Place::Jwks));
        let sources = places.map(|place| Source { place, last: None }).collect();
        let mut this = Self { sources, algorithms: config.algorithms.clone(), fetch };
        for source in &mut this.sources {
            if let Some(path) = source.place.path() {
                source.take(read_file(path)?, &this.algorithms)?;
            }
        }
        Ok(this)
    }

    /// Reads all again. What cannot be read keeps what it had, and says so.
    pub(super) async fn read_again(&mut self, metrics: &Metrics) -> Round {
        let mut round = Round::Same;
        for source in &mut self.sources {
            let taken = match source.place.document(&*self.fetch).await {
                Ok(document) => source.take(document, &self.algorithms),
                Err(error) => Err(error),
            };
            match taken {
                Ok(Round::Same) => {}
                Ok(Round::Changed) => round = Round::Changed,
                Err(error) => {
                    metrics.keys_failed.inc();
                    let kept = source.last.as_ref().map_or(0, |(_, keys)| keys.len());
                    let error = crate::telemetry::chain(&error);
                    tracing::warn!(%error, kept, "keys of caller tokens not read; the last good ones stay");
                    continue;
                }
            }
            metrics.keys_read.inc();
        }
        round
    }

    /// The keys of all sources.
    pub(super) fn key_set(&self) -> KeySet {
        KeySet::new(
            self.sources.iter().filter_map(|source| source.last.as_ref()).flat_map(|(_, keys)| keys.clone()).collect(),
        )
    }

    /// Whether every source was read at least once.
    pub(super) fn are_complete(&self) -> bool {
        self.sources.iter().all(|source| source.last.is_some())
    }

    /// Whether there is a source that changes without anybody telling us.
    pub(super) fn have_key_sets(&self) -> bool {
        self.sources.iter().any(|source| matches!(source.place, Place::Jwks(_)))
    }
}

impl Source {
    fn take(&mut self, document: Vec<u8>, algorithms: &[Algorithm]) -> Result<Round, SourceError> {
        if self.last.as_ref().is_some_and(|(last, _)| *last == document) {
            return Ok(Round::Same);
        }
        let place = self.place.to_string();
        let failed = |source| SourceError::Key { place: place.clone(), source };
        let keys = match &self.place {
            Place::Pem(_) => {
                let key = Key::from_pem(&document).map_err(failed)?;
                if !algorithms.contains(&key.algorithm()) {
                    return Err(failed(KeyError::NotAllowed(key.algorithm())));
                }
                vec![key]
            }
            Place::Jwks(_) => {
                let read = key_set::read(&document, algorithms).map_err(failed)?;
                if read.skipped > 0 {
                    tracing::debug!(%place, skipped = read.skipped, "keys of a key set that are not for caller tokens");
                }
                read.keys
            }
        };
        if keys.is_empty() {
            return Err(SourceError::NoKeys { place });
        }
        tracing::info!(%place, keys = keys.len(), "keys of caller tokens read");
        self.last = Some((document, keys));
        Ok(Round::Changed)
    }
}

impl Place {
    fn path(&self) -> Option<&Path> {
        match self {
            Self::Pem(path) | Self::Jwks(JwksSource::File(path)) => Some(path),
            Self::Jwks(JwksSource::Url(_)) => None,
        }
    }

    async fn document(&self, fetch: &dyn Fetch) -> Result<Vec<u8>, SourceError> {
        match self {
            Self::Pem(path) | Self::Jwks(JwksSource::File(path)) => {
                let path = path.clone();
                // A file may lie on a disk that hangs.
                let read = tokio::task::spawn_blocking(move || read_file(&path)).await;
                read.unwrap_or_else(|stopped| {
                    let path = self.path().map(Path::to_owned).unwrap_or_default();
                    Err(SourceError::File { path, source: std::io::Error::other(stopped) })
                })
            }
            Self::Jwks(JwksSource::Url(url)) => {
                let document = fetch.fetch(url, MAX_DOCUMENT_BYTES).await;
                document.map_err(|source| SourceError::Url { url: url.clone(), source })
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(path) | Self::Jwks(JwksSource::File(path)) => path.display().fmt(out),
            Self::Jwks(JwksSource::Url(url)) => url.fmt(out),
        }
    }
}

/// Reads a file of at most [`MAX_DOCUMENT_BYTES`].
fn read_file(path: &Path) -> Result<Vec<u8>, SourceError> {
    let failed = |source| SourceError::File { path: path.to_owned(), source };
    let mut document = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut document).map_err(failed)?;
    if document.len() > MAX_DOCUMENT_BYTES {
        return Err(failed(std::io::Error::other(format!("it has more than {MAX_DOCUMENT_BYTES} bytes"))));
    }
    Ok(document)
}

/// Longest document with keys: a set of 64 RSA keys with their certificates stays below it.
pub(super) const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
