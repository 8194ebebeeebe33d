//! A file that only grows, until it is full: then it moves aside, and the oldest of those that moved aside goes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::Config;

#[derive(Debug)]
pub(super) struct RotatedFile {
    config: Config,
    file: File,
    bytes: u64,
}

impl RotatedFile {
    pub(super) fn open(config: Config) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).mode(OWNER_ONLY).open(&config.path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { config, file, bytes })
    }

    /// Opens the file by its name, which another program may have given to a new one.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        *self = Self::open(self.config.clone())?;
        Ok(())
    }

    /// Writes whole lines. They go into one file, which may thereby be larger than it should by their length.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.bytes > 0 && self.bytes + lines.len() as u64 > self.config.max_bytes {
            self.rotate()?;
        }
        self.file.write_all(lines)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// To the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.sync()?;
        for number in (1..self.config.keep).rev() {
            match std::fs::rename(self.aside(number), self.aside(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        std::fs::rename(&self.config.path, self.aside(1))?;
        self.reopen()
    }

    fn aside(&self, number: u32) -> PathBuf {
        let mut path = self.config.path.clone().into_os_string();
        path.push(format!(".{number}"));
        path.into()
    }
}

const OWNER_ONLY: u32 = 0o600;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_full_file_moves_aside_and_the_oldest_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit");
        let mut file = RotatedFile::open(Config { path: path.clone(), max_bytes: 10, keep: 2 }).unwrap();
        for line in [b"1111\n", b"2222\n", b"3333\n", b"4444\n", b"5555\n", b"6666\n", b"7777\n"] {
            file.write(line).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).ok();
        assert_eq!(read("audit").as_deref(), Some("7777\n"));
        assert_eq!(read("audit.1").as_deref(), Some("5555\n6666\n"));
        assert_eq!(read("audit.2").as_deref(), Some("3333\n4444\n"));
        assert_eq!(read("audit.3"), None);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_goes_on_where_it_ended_and_is_opened_by_its_name_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit");
        let config = Config { path: path.clone(), max_bytes: 100, keep: 1 };
        RotatedFile::open(config.clone()).unwrap().write(b"1\n").unwrap();
        let mut file = RotatedFile::open(config).unwrap();
        file.write(b"2\n").unwrap();
        std::fs::rename(&path, dir.path().join("moved")).unwrap();
        file.reopen().unwrap();
        file.write(b"3\n").unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("moved")).unwrap(), "1\n2\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "3\n");
    }
}
