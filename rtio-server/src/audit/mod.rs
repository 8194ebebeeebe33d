//! The audit log: a file of JSON lines, one for each call, one for the start and the end of each observation, and one for each
//! refusal of a caller.
//!
//! Implements the hub's port [`Audit`]. Entries go through a bounded queue to one thread that writes, so that a slow disk delays no
//! caller. Where the queue is full, entries are dropped and counted.

mod file;
mod line;
mod writer;

use std::path::PathBuf;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use tokio::sync::{mpsc, oneshot};

use crate::hub::{Audit, AuditEntry};
use crate::reload::Reloads;
use file::RotatedFile;
use writer::{Message, Writer};

/// What an operator may change about the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file. Full ones are beside it, as `FILE.1`, the newest, to `FILE.N`.
    pub path: PathBuf,
    /// Size at which a file is full.
    pub max_bytes: u64,
    /// Full files that are kept; older ones are removed.
    pub keep: u32,
}

/// A log that is open.
#[derive(Debug)]
pub struct AuditLog {
    queue: mpsc::Sender<Message>,
    dropped: Counter,
}

/// The log cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the audit log {}", path.display())]
pub struct AuditError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

impl AuditLog {
    /// Opens the file and starts its writer.
    ///
    /// # Errors
    ///
    /// [`AuditError`].
    pub fn open(config: &Config, registry: &mut Registry) -> Result<Self, AuditError> {
        let failed = |source| AuditError { path: config.path.clone(), source };
        let file = RotatedFile::open(config.clone()).map_err(failed)?;
        let (queue, messages) = mpsc::channel(QUEUE);
        let dropped = Counter::default();
        registry.register("audit_dropped", "Entries of the audit log that could not be written", dropped.clone());
        let writer = Writer::new(file, dropped.clone());
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(messages)).map_err(failed)?;
        Ok(Self { queue, dropped })
    }

    /// Opens the file again at each signal, so that another program may have moved it away. Never ends.
    pub async fn follow(&self, mut reloads: Reloads) {
        loop {
            reloads.next().await;
            // Where the queue is full the file is in use; nobody waits for its old name.
            let _ = self.queue.send(Message::Reopen).await;
        }
    }

    /// Writes what is queued, and ends the writer. Entries that come later are dropped.
    pub async fn close(&self) {
        let (done, wait) = oneshot::channel();
        if self.queue.send(Message::Close(done)).await.is_ok() {
            // It is dropped unanswered only if the writer is gone.
            let _ = wait.await;
        }
    }
}

impl Audit for AuditLog {
    fn record(&self, entry: AuditEntry) {
        if self.queue.try_send(Message::Entry(Box::new((jiff::Timestamp::now(), entry)))).is_err() {
            self.dropped.inc();
        }
    }
}

/// Entries that may wait for the disk, at most some 700 bytes each: a second of writing at 16,000 calls/s.
const QUEUE: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::{AuditEvent, DeviceId};

    #[test]
    fn a_full_queue_drops_and_counts_instead_of_waiting() {
        let (queue, mut messages) = mpsc::channel(2);
        let log = AuditLog { queue, dropped: Counter::default() };
        let entry = AuditEntry {
            event: AuditEvent::Call,
            subject: None,
            peer: String::new(),
            device: DeviceId::parse("dev").ok(),
            method: None,
            uri: None,
            code: "OK",
            status: None,
            delivery: "answered",
            duration: std::time::Duration::ZERO,
            request: String::new(),
            trace: None,
        };
        for _ in 0..5 {
            log.record(entry.clone());
        }
        assert_eq!(log.dropped.get(), 3);
        assert!(messages.try_recv().is_ok() && messages.try_recv().is_ok() && messages.try_recv().is_err());
    }
}
