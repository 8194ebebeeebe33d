//! Asks the operator's configurer for its document, once. What comes of it is the business of the keeper.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::ConfigurerConfig;
use super::exchange::{AnswerError, question};
use super::merge::Collision;
use crate::backend::{BackendError, Bounds, Client};

/// The operator's configurer.
#[derive(Debug)]
pub(super) struct Configurer {
    client: Client,
    pub(super) config: ConfigurerConfig,
    next_id: AtomicU32,
}

/// What a good answer brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Polled {
    /// Another document than before.
    Changed,
    /// The one that counts already.
    Same,
}

/// Why the last good map stays.
#[derive(Debug, thiserror::Error)]
pub(super) enum PollError {
    /// There is no answer.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// There is one, but no document in it.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The document is no map.
    #[error("its document is of no use")]
    Document(#[source] serde_json::Error),
    /// The document is one, but not beside the other URIs.
    #[error(transparent)]
    Collision(#[from] Collision),
    /// The hub failed at reading it.
    #[error("its answer could not be read")]
    Panicked(#[source] tokio::task::JoinError),
}

impl Configurer {
    pub(super) const fn new(client: Client, config: ConfigurerConfig) -> Self {
        Self { client, config, next_id: AtomicU32::new(1) }
    }

    /// The id of a question, and the answer.
    pub(super) async fn ask(&self) -> Result<(u32, Bytes), BackendError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let bounds = Bounds { time: TIME_LIMIT, max_bytes: MAX_ANSWER_BYTES };
        let answer = self.client.post_json(&self.config.url, question(id), bounds).await?;
        Ok((id, answer))
    }
}

impl Polled {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Same => "same",
        }
    }
}

impl PollError {
    /// One word for it, for metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Backend(error) => error.name(),
            Self::Answer(AnswerError::Refused(_)) => "refused",
            Self::Answer(AnswerError::Digest { .. }) => "digest",
            Self::Answer(AnswerError::Nonsense(_) | AnswerError::OtherId | AnswerError::Empty) | Self::Panicked(_) => {
                "nonsense"
            }
            Self::Document(_) => "document",
            Self::Collision(_) => "collision",
        }
    }
}

/// As for every backend.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// 512 bytes for each of 65,536 URIs, with what JSON within JSON adds.
pub(super) const MAX_ANSWER_BYTES: usize = 32 * 1024 * 1024;

const _: () = assert!(MAX_ANSWER_BYTES == super::entries::MAX_ENTRIES * 512);
