//! What this machine allows, as its files say it. Nothing is judged here.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

/// The machine's numbers; `None` where it does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Machine {
    /// Hard limit of descriptors of a process started from here; the hub raises its own that far.
    pub(super) descriptors: Option<u64>,
    pub(super) file_max: Option<u64>,
    pub(super) nr_open: Option<u64>,
    pub(super) somaxconn: Option<u64>,
    pub(super) syn_backlog: Option<u64>,
    /// Pages that TCP may take in all: the last of the three.
    pub(super) tcp_mem_pages: Option<u64>,
    /// Tracked connections; none where the module is not loaded, which is best.
    pub(super) conntrack: Option<u64>,
    pub(super) memory_bytes: Option<u64>,
}

impl Machine {
    /// Reads the files below `root`.
    pub(super) fn read(root: &Path) -> Self {
        let number = |path: &str| last_number(&fs::read_to_string(root.join(path)).ok()?);
        let memory = fs::read_to_string(root.join("proc/meminfo")).ok();
        Self {
            descriptors: Some(getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX)),
            file_max: number("proc/sys/fs/file-max"),
            nr_open: number("proc/sys/fs/nr_open"),
            somaxconn: number("proc/sys/net/core/somaxconn"),
            syn_backlog: number("proc/sys/net/ipv4/tcp_max_syn_backlog"),
            tcp_mem_pages: number("proc/sys/net/ipv4/tcp_mem"),
            conntrack: number("proc/sys/net/netfilter/nf_conntrack_max"),
            memory_bytes: memory.as_deref().and_then(total_memory),
        }
    }
}

fn last_number(text: &str) -> Option<u64> {
    text.split_whitespace().last()?.parse().ok()
}

/// `MemTotal:       16384000 kB`.
fn total_memory(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_machine_are_read() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/sys/fs/file-max", "9223372036854775807\n");
        write("proc/sys/net/ipv4/tcp_mem", "187887\t250517\t375774\n");
        write("proc/sys/net/core/somaxconn", "what?\n");
        write("proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB\n");
        let read = Machine::read(root.path());
        let expected = Machine {
            descriptors: read.descriptors,
            file_max: Some(9_223_372_036_854_775_807),
            tcp_mem_pages: Some(375_774),
            memory_bytes: Some(16_384_000 * 1024),
            ..Machine::default()
        };
        assert_eq!(read, expected);
    }
}
