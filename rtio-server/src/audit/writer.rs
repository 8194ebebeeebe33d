//! The thread that writes: it takes what is queued, as many entries as there are, and writes them at once.

use jiff::Timestamp;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{mpsc, oneshot};

use super::file::RotatedFile;
use super::line;
use crate::hub::AuditEntry;

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Message {
    Entry(Box<(Timestamp, AuditEntry)>),
    /// Open the file by its name again.
    Reopen,
    /// Write everything, say so, and end.
    Close(oneshot::Sender<()>),
}

/// The file, and the lines that are not in it yet.
#[derive(Debug)]
pub(super) struct Writer {
    file: RotatedFile,
    lines: Vec<u8>,
    count: u64,
    dropped: Counter,
    /// The last lines could not be written, and that was told.
    broken: bool,
}

impl Writer {
    pub(super) const fn new(file: RotatedFile, dropped: Counter) -> Self {
        Self { file, lines: Vec::new(), count: 0, dropped, broken: false }
    }

    /// Writes until it is told to end, or nobody can tell it anything any more.
    pub(super) fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut batch = Vec::with_capacity(BATCH);
        while messages.blocking_recv_many(&mut batch, BATCH) > 0 {
            for message in batch.drain(..) {
                match message {
                    Message::Entry(entry) => self.add(&line::write(entry.0, &entry.1)),
                    Message::Reopen => self.reopen(),
                    Message::Close(done) => return self.close(done),
                }
            }
            self.flush();
        }
    }

    fn add(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line);
        self.count += 1;
    }

    /// Writes the lines. A disk that takes nothing is told of once, until it takes something again.
    fn flush(&mut self) {
        if self.lines.is_empty() {
            return;
        }
        match self.file.write(&self.lines) {
            Ok(()) => self.broken = false,
            Err(error) => {
                self.dropped.inc_by(self.count);
                if !std::mem::replace(&mut self.broken, true) {
                    tracing::error!(%error, "cannot write the audit log, entries are dropped");
                }
            }
        }
        self.lines.clear();
        self.count = 0;
    }

    fn reopen(&mut self) {
        self.flush();
        if let Err(error) = self.file.reopen() {
            tracing::error!(%error, "cannot open the audit log again, the old file goes on");
        }
    }

    fn close(mut self, done: oneshot::Sender<()>) {
        self.flush();
        if let Err(error) = self.file.sync() {
            tracing::error!(%error, "cannot write the audit log to the disk");
        }
        // Who waits may have given up.
        let _ = done.send(());
    }
}

/// Entries that are written at once.
const BATCH: usize = 256;

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    #[test]
    fn entries_that_a_disk_does_not_take_are_counted() {
        let file = RotatedFile::open(Config { path: "/dev/full".into(), max_bytes: 4096, keep: 1 }).unwrap();
        let mut writer = Writer::new(file, Counter::default());
        for _ in 0..3 {
            writer.add(b"{}\n");
        }
        writer.flush();
        assert_eq!((writer.dropped.get(), writer.lines.len(), writer.broken), (3, 0, true));
    }
}
