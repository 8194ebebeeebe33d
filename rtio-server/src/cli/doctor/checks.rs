//! What so many devices need, against what there is (pure). docs/operations.md has the same numbers for a million; a test compares.

use super::machine::Machine;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Its name, as the system has it.
    pub(super) what: &'static str,
    /// How much there is; `None` where the machine does not tell.
    pub(super) is: Option<u64>,
    /// How much there must be.
    pub(super) needed: u64,
    /// The command that changes it.
    pub(super) remedy: String,
}

impl Finding {
    /// Whether there is enough. What the machine does not tell is not held against it.
    pub(super) fn is_fine(&self) -> bool {
        self.is.is_none_or(|is| is >= self.needed)
    }
}

/// Everything that limits how many devices can be connected.
pub(super) fn check(devices: u64, machine: &Machine) -> Vec<Finding> {
    let descriptors = devices + OTHER_DESCRIPTORS;
    let finding = |what, is, needed, remedy: String| Finding { what, is, needed, remedy };
    let sysctl = |what: &'static str, is, needed: u64| finding(what, is, needed, format!("sysctl -w {what}={needed}"));
    let burst = (devices / 16).clamp(4096, 65_535);
    let tcp_pages = devices.saturating_mul(SOCKET_BYTES).div_ceil(PAGE_BYTES);
    let (low, pressure) = (tcp_pages / 2, tcp_pages * 3 / 4);
    let tcp_mem = format!("sysctl -w net.ipv4.tcp_mem='{low} {pressure} {tcp_pages}'");
    let memory = |bytes: u64| devices.saturating_mul(bytes + SOCKET_BYTES).saturating_add(OTHER_BYTES);
    let more_memory = |kind: &str| format!("more memory, or fewer devices: --devices COUNT ({kind})");
    let mut findings = vec![
        finding(
            "LimitNOFILE",
            machine.descriptors,
            descriptors,
            format!("LimitNOFILE={descriptors} in the unit, or in a shell of root: ulimit -Hn {descriptors}"),
        ),
        sysctl("fs.nr_open", machine.nr_open, descriptors),
        sysctl("fs.file-max", machine.file_max, descriptors),
        sysctl("net.core.somaxconn", machine.somaxconn, burst),
        sysctl("net.ipv4.tcp_max_syn_backlog", machine.syn_backlog, burst),
        finding("net.ipv4.tcp_mem", machine.tcp_mem_pages, tcp_pages, tcp_mem),
        finding("memory, devices without TLS", machine.memory_bytes, memory(PLAIN_BYTES), more_memory("plain")),
        finding("memory, devices with TLS", machine.memory_bytes, memory(TLS_BYTES), more_memory("TLS")),
    ];
    if machine.conntrack.is_some() {
        findings.push(sysctl("net.netfilter.nf_conntrack_max", machine.conntrack, descriptors * 2));
    }
    findings
}

/// Callers at their default cap, and what the hub has open besides.
const OTHER_DESCRIPTORS: u64 = 20_000;

/// What the kernel keeps for an idle socket, measured: 5.1 KiB.
const SOCKET_BYTES: u64 = 5_222;

/// An idle session without TLS; benches/RESULTS.md measures 1,352 bytes.
const PLAIN_BYTES: u64 = 1_352;

/// The most that an idle session with TLS may take.
const TLS_BYTES: u64 = 10_500;

/// The program, its callers, and air for a storm of reconnects.
const OTHER_BYTES: u64 = 512 * 1024 * 1024;

/// Of x86-64 and of most others; with larger pages the needed number is smaller, and this errs on the safe side.
const PAGE_BYTES: u64 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATIONS: &str = include_str!("../../../../docs/operations.md");

    fn large() -> Machine {
        let most = Some(u64::MAX);
        Machine {
            descriptors: most,
            file_max: most,
            nr_open: most,
            somaxconn: most,
            syn_backlog: most,
            tcp_mem_pages: most,
            conntrack: most,
            memory_bytes: most,
        }
    }

    fn low(devices: u64, machine: &Machine) -> Vec<&'static str> {
        check(devices, machine).iter().filter(|finding| !finding.is_fine()).map(|finding| finding.what).collect()
    }

    #[test]
    fn a_large_machine_is_fine_and_what_is_unknown_is_not_held_against_it() {
        assert_eq!(low(16_777_216, &large()), [""; 0]);
        assert_eq!(low(1_000_000, &Machine::default()), [""; 0]);
    }

    #[test]
    fn each_number_counts_at_its_edge() {
        let machine = |descriptors| Machine { descriptors: Some(descriptors), ..large() };
        assert_eq!(low(1_000_000, &machine(1_020_000)), [""; 0]);
        assert_eq!(low(1_000_000, &machine(1_019_999)), ["LimitNOFILE"]);
        let memory = |bytes| Machine { memory_bytes: Some(bytes), ..large() };
        assert_eq!(low(1_000_000, &memory(8 << 30)), ["memory, devices with TLS"]);
        assert_eq!(low(1_000_000, &memory(4 << 30)).len(), 2);
        assert_eq!(low(100_000, &memory(4 << 30)), [""; 0]);
        let conntrack = |max| Machine { conntrack: Some(max), ..large() };
        assert_eq!(low(1_000, &conntrack(262_144)), [""; 0]);
        assert_eq!(low(1_000_000, &conntrack(262_144)), ["net.netfilter.nf_conntrack_max"]);
        let listen = Machine { somaxconn: Some(4096), syn_backlog: Some(512), tcp_mem_pages: Some(375_774), ..large() };
        assert_eq!(low(10_000, &listen), ["net.ipv4.tcp_max_syn_backlog"]);
        assert_eq!(low(1_000_000, &listen), ["net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog", "net.ipv4.tcp_mem"]);
    }

    #[test]
    fn operations_md_has_the_numbers_for_a_million() {
        for finding in check(1_000_000, &large()) {
            let line = match finding.remedy.strip_prefix("sysctl -w ") {
                Some(setting) => setting.replace('\'', "").replacen('=', " = ", 1),
                None if finding.what == "LimitNOFILE" => format!("LimitNOFILE={}", finding.needed),
                None => continue,
            };
            assert!(OPERATIONS.lines().any(|found| found == line), "{line:?} is not in docs/operations.md");
        }
    }
}
