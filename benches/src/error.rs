//! Why a run broke. Lost, crossed and duplicated answers are no broken run: they are counted in `tally` and judged at the
//! end.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use crate::tally::Tally;

/// A run that says nothing about the hub's speed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The operating system refused something.
    #[error("cannot {doing}")]
    Io {
        /// What was tried.
        doing: String,
        source: io::Error,
    },
    /// A server ended, or did not print its addresses in time.
    #[error("{program} did not print the addresses it listens on; run it by hand to see why")]
    NoAddresses { program: String },
    /// A server ended, or does not listen where it was told to.
    #[error("{program} does not listen at {address}")]
    NotListening { program: String, address: SocketAddr },
    /// A server does not do the part that was asked of it.
    #[error("{program} does not listen for {edge}")]
    NoEdge { program: String, edge: &'static str },
    /// A device was not let in.
    #[error("device {index} was answered {answer:02x?} to its verification")]
    NotVerified { index: u64, answer: [u8; 5] },
    /// The hub's program did not tell what proves a new device.
    #[error("the hub issued no secret for {id}")]
    NoSecret { id: String },
    /// Connections that made no progress.
    #[error("{stuck} of the connections to be made hung")]
    ConnectionsHung { stuck: usize },
    /// The server closed connections of devices.
    #[error("{ended} devices were disconnected")]
    DevicesGone { ended: u64 },
    /// Nothing was measured.
    #[error("not one call was answered in the time measured")]
    NoCalls,
    /// The one failure that is about correctness.
    #[error("wrong answers: {0}")]
    Wrong(Tally),
    #[error("interrupted")]
    Interrupted,
}

impl RunError {
    /// For `map_err`: says what was tried.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing: doing.into(), source }
    }

    /// The whole chain in one line.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}
