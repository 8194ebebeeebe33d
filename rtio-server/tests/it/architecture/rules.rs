//! The import table as data, and how a violation is said.

use std::fmt;

use super::sources::Source;

/// What one module of rtio-server may use of the others.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) module: &'static str,
    pub(super) may_use: &'static [&'static str],
    /// What somebody who breaks it has to know.
    pub(super) why: &'static str,
}

/// `main` and `cli` are the executable: what they use of the library they name `rtio_server`.
pub(super) const IMPORTS: &[Rule] = &[
    rule("main", &["cli"], "the executable uses the library by its name"),
    rule("cli", &[], "the executable uses the library by its name"),
    rule("lib", &[], "the cover page only lists modules"),
    rule(
        "app",
        &["backend", "config", "device", "http", "hub", "net", "shutdown", "telemetry"],
        "the executable uses the library",
    ),
    rule("config", &["device", "http", "telemetry"], "it composes the subsystems' configs and nothing else"),
    rule("net", &["shutdown"], "it knows no protocol"),
    rule("device", &["net", "hub", "shutdown"], "edges do not know each other"),
    rule("http", &["net", "hub", "shutdown"], "edges do not know each other"),
    rule("hub", &["shutdown"], "the core knows no edge and no backend"),
    rule("backend", &["hub", "shutdown"], "a backend implements the hub's ports and knows no edge"),
    rule("shutdown", &[], "it uses nothing of ours"),
    rule("telemetry", &[], "it uses nothing of ours"),
];

const fn rule(module: &'static str, may_use: &'static [&'static str], why: &'static str) -> Rule {
    Rule { module, may_use, why }
}

/// The one module that may use all of the protocol.
pub(super) const DEVICE_EDGE: &str = "device";

/// What the others may use of it: values that carry no state of a session and do nothing.
pub(super) const PROTO_VALUES: &[(&str, &[&str])] = &[
    ("hub", &["StatusCode", "UriDigest", "session::CallId", "session::ObservationId", "verify::DeviceIdRef"]),
    ("config", &["session::SessionLimits"]),
    ("cli", &["limits::DEVICE_ID_BYTES", "limits::MAX_SECRET_BYTES", "verify::DeviceIdRef"]),
];

/// What stands for IO, clocks, threads, locks or a runtime.
pub(super) const OUTSIDE_OF_PROTO: &[&str] =
    &["std::", "tokio", "mio::", "socket2", "TcpStream", "UdpSocket", "SystemTime", "parking_lot", "Mutex", "async fn"];

pub(super) const SDK_CRATE: &str = "rtio_device_sdk::";
pub(super) const SERVER_CRATE: &str = "rtio_server";

/// The one file that runs a device.
pub(super) const SDK_PLACE: &str = "cli/device.rs";

/// From here on a file is split (typical ones have 100 to 200 lines).
pub(super) const MAX_LINES: usize = 600;

/// One broken rule.
#[derive(Debug)]
pub(super) struct Violation(String);

impl Violation {
    pub(super) fn import(source: &Source, what: &str, why: &str) -> Self {
        Self(format!("{} imports {what}: {why} (ARCHITECTURE.md)", source.path.display()))
    }

    pub(super) fn unknown_module(source: &Source, module: &str) -> Self {
        debug_assert!(IMPORTS.iter().all(|rule| rule.module != module));
        Self(format!("{} is in no module of the import table (ARCHITECTURE.md)", source.path.display()))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
