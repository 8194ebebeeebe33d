//! The file behind [`Memory`](super::memory::Memory): a line of JSON for each change, written through to the disk before anything is
//! sent; written anew from what is known when most of it is history. (Contract §9.3.7, §11.)

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::memory::Entry;

/// A file of changes, and the lock that keeps another program from it.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
    /// The end of the file may be half a line: it must be written anew.
    is_torn: bool,
    _lock: File,
}

impl Journal {
    /// Opens the file in `folder`, which is made if there is none, and reads what it holds. What was being written when the program was
    /// killed is passed over.
    pub(super) fn open(folder: &Path) -> io::Result<(Self, Vec<Entry>)> {
        fs::create_dir_all(folder)?;
        let lock = File::create(folder.join("realer.lock"))?;
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => io::Error::new(io::ErrorKind::WouldBlock, "another program uses it"),
            fs::TryLockError::Error(error) => error,
        })?;
        let path = folder.join("realer.jsonl");
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        let (entries, is_torn) = read(&text)?;
        let file = OpenOptions::new().append(true).create(true).open(&path)?;
        // Or a loss of power could take a new file away with all that is written to it.
        File::open(folder)?.sync_all()?;
        let lines = entries.len();
        Ok((Self { path, file, lines, is_torn, _lock: lock }, entries))
    }

    /// Writes changes, so that they are there after a loss of power. `snapshot` is what is known after them.
    pub(super) fn append(&mut self, entries: &[Entry], snapshot: impl FnOnce() -> Vec<Entry>) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        if self.is_torn || self.lines >= MAX_LINES {
            return self.rewrite(&snapshot());
        }
        self.is_torn = true;
        self.file.write_all(&lines(entries))?;
        self.file.sync_data()?;
        self.is_torn = false;
        self.lines += entries.len();
        Ok(())
    }

    /// Writes the file anew: whole, or it stays as it is.
    fn rewrite(&mut self, entries: &[Entry]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&lines(entries))?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.file = OpenOptions::new().append(true).open(&self.path)?;
        // What is known may be more than the limit: the next time comes after as many lines again.
        (self.lines, self.is_torn) = (entries.len().min(MAX_LINES / 2), false);
        Ok(())
    }
}

fn lines(entries: &[Entry]) -> Vec<u8> {
    let mut text = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut text, entry).expect("texts and numbers, into memory");
        text.push(b'\n');
    }
    text
}

/// The changes, and whether the last line is half a one. Any other line that makes no sense is an error: this is not our file, or broken.
fn read(text: &[u8]) -> io::Result<(Vec<Entry>, bool)> {
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let lines = text[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let entries = lines.enumerate().map(|(at, line)| {
        let problem = |error: serde_json::Error| format!("line {}: {error}", at + 1);
        serde_json::from_slice(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, problem(error)))
    });
    Ok((entries.collect::<io::Result<_>>()?, whole < text.len()))
}

/// Lines before the file is written anew: some hundred kilobytes.
const MAX_LINES: usize = 4096;
