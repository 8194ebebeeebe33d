//! Descriptors: each connection takes one, and the limit that a process starts with is often 1024.

use std::fmt;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many descriptors the process may have; `None` without a limit. Prints as the number, or `unlimited`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Descriptors(Option<u64>);

/// Raises the limit as far as the process may. Where that fails the old limit stays, and is what is returned: the hub works
/// with it, for fewer connections.
pub(crate) fn raise() -> Descriptors {
    let before = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: before.maximum, maximum: before.maximum };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => Descriptors(wanted.current),
        Err(error) => {
            tracing::warn!(%error, limit = before.current, "cannot raise the limit of descriptors");
            Descriptors(before.current)
        }
    }
}

impl fmt::Display for Descriptors {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(limit) => limit.fmt(out),
            None => out.write_str("unlimited"),
        }
    }
}
