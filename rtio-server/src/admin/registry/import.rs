//! Lines of `id` or `id,secret`, as devices to add: all of them, or a list of what is wrong with which line. Pure.

use std::collections::HashMap;
use std::fmt;

use crate::hub::{DeviceId, DeviceSecret, InvalidDeviceId, UnfitSecret};

/// One device of a file.
#[derive(Debug, Clone)]
pub struct ImportLine {
    /// Where it stands, from 1.
    pub number: usize,
    /// Its name.
    pub id: DeviceId,
    /// What it brings; `None`: one shall be made.
    pub secret: Option<DeviceSecret>,
}

/// The lines that cannot be taken, in order. Never shows a secret.
#[derive(Debug, PartialEq, Eq)]
pub struct ImportError {
    faults: Vec<(usize, LineFault)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum LineFault {
    #[error(transparent)]
    Id(#[from] InvalidDeviceId),
    #[error(transparent)]
    Secret(#[from] UnfitSecret),
    #[error("the same id as in line {first}")]
    Again { first: usize },
    #[error("more devices than one import may have ({MAX_LINES})")]
    TooMany,
}

/// Reads all lines. Empty ones and those that begin with `#` do not count.
///
/// # Errors
///
/// [`ImportError`] names every line that cannot be taken.
pub fn parse(text: &str) -> Result<Vec<ImportLine>, ImportError> {
    let (mut lines, mut faults, mut seen) = (Vec::new(), Vec::new(), HashMap::new());
    let written = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    for (number, line) in written.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        match parse_line(number, line) {
            Ok(line) => {
                let first = *seen.entry(line.id.clone()).or_insert(number);
                if first < number {
                    faults.push((number, LineFault::Again { first }));
                }
                lines.push(line);
            }
            Err(fault) => faults.push((number, fault)),
        }
        if lines.len() > MAX_LINES {
            faults.push((number, LineFault::TooMany));
            break;
        }
    }
    if faults.is_empty() { Ok(lines) } else { Err(ImportError { faults }) }
}

fn parse_line(number: usize, line: &str) -> Result<ImportLine, LineFault> {
    let (id, secret) = match line.split_once(',') {
        Some((id, secret)) => (id.trim_end(), Some(DeviceSecret::parse(secret.trim_start())?)),
        None => (line, None),
    };
    Ok(ImportLine { number, id: DeviceId::parse(id)?, secret })
}

impl fmt::Display for ImportError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("nothing was imported")?;
        for (number, fault) in self.faults.iter().take(MAX_SHOWN) {
            write!(out, "; line {number}: {fault}")?;
        }
        match self.faults.len().saturating_sub(MAX_SHOWN) {
            0 => Ok(()),
            more => write!(out, "; and {more} more"),
        }
    }
}

impl std::error::Error for ImportError {}

/// More are imported in pieces: one import is one transaction, and takes seconds at this size.
const MAX_LINES: usize = 1_000_000;

/// A file in a wrong format is wrong in every line, and nobody reads them all.
const MAX_SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_an_id_and_perhaps_a_secret() {
        let secret = "s,ecret-with-a-comma-in-it";
        let lines = parse(&format!("# fleet\none\n\n two , {secret}\r\nthree,{secret}")).unwrap();
        let read: Vec<_> = lines
            .iter()
            .map(|line| (line.number, line.id.as_str(), line.secret.as_ref().map(DeviceSecret::reveal)))
            .collect();
        assert_eq!(read, [(2, "one", None), (4, "two", Some(secret)), (5, "three", Some(secret))]);
    }

    #[test]
    fn what_is_wrong_is_told_line_by_line_without_the_secrets() {
        let error = parse("one\na b\ntwo,hidden\nv1\none\n").unwrap_err().to_string();
        assert_eq!(
            error,
            "nothing was imported; line 2: a device id is 1 to 64 characters of A-Z a-z 0-9 . _ ~ -; line 3: a secret has \
             24 to 256 bytes; line 4: this name belongs to the hub; line 5: the same id as in line 1"
        );
        let many = parse(&"a b\n".repeat(100)).unwrap_err().to_string();
        assert!(many.ends_with("; and 80 more"), "{many}");
    }
}
