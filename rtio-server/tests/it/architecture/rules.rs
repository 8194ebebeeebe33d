//! The import table as data, and how a violation is said.

use std::fmt;

use super::sources::Source;

/// What one module of rtio-server may use of the others.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) module: &'static str,
    pub(super) may_use: &'static [&'static str],
    /// What somebody who breaks it has to know.
    pub(super) why: Why,
}

/// Why something is forbidden, and where in ARCHITECTURE.md that is said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Why(pub(super) &'static str, pub(super) &'static str);

const EDGES: Why = Why("edges do not know each other", "invariant 2");
const CORE: Why = Why("the core knows no edge and no backend", "invariant 3");
pub(super) const NO_OUTSIDE_IN_HUB: Why = Why("the hub knows no socket, no HTTP and no file", "invariant 3");
pub(super) const ONE_PROTOCOL_EDGE: Why = Why("only the device edge speaks the protocol", "code map");
pub(super) const PURE: Why = Why("the protocol has no IO, no clock and no runtime", "invariant 5");
pub(super) const CRATES: Why = Why("a device does not know the server", "invariant 1");
pub(super) const ONE_SDK_FILE: Why =
    Why("the hub does not know the SDK; only cli/device.rs runs a device", "invariant 4");

/// `main` and `cli` are the executable: what they use of the library they name `rtio_server`.
pub(super) const IMPORTS: &[Rule] = &[
    rule("main", &["cli"], Why("the executable uses the library by its name", "code map")),
    rule("cli", &[], Why("the executable uses the library by its name", "code map")),
    rule("lib", &[], Why("the cover page only lists modules", "code map")),
    rule(
        "app",
        &[
            "admin",
            "audit",
            "backend",
            "builtin",
            "config",
            "data_dir",
            "device",
            "http",
            "hub",
            "hub_lock",
            "mqtt",
            "net",
            "readiness",
            "realer",
            "reload",
            "shutdown",
            "store",
            "telemetry",
            "token",
        ],
        Why("the executable uses the library", "code map"),
    ),
    rule(
        "config",
        &["admin", "audit", "backend", "device", "http", "hub", "mqtt", "net", "realer", "store", "telemetry", "token"],
        Why("it composes the subsystems' configs and nothing else", "code map"),
    ),
    rule("net", &["data_dir", "reload", "shutdown"], Why("it knows no protocol", "code map")),
    rule("device", &["net", "hub", "shutdown"], EDGES),
    rule("mqtt", &["net", "hub", "realer", "shutdown"], EDGES),
    rule("http", &["net", "hub", "realer", "reload", "shutdown", "token"], EDGES),
    rule(
        "admin",
        &["data_dir", "event_json", "net", "hub", "readiness", "realer", "reload", "shutdown", "telemetry"],
        EDGES,
    ),
    rule("hub", &["shutdown"], CORE),
    rule("audit", &["hub", "reload"], Why("it implements a port of the hub and knows no edge", "code map")),
    rule(
        "backend",
        &["data_dir", "event_json", "hub", "readiness", "reload", "shutdown", "telemetry", "token"],
        Why("a backend implements the hub's ports and knows no edge", "code map"),
    ),
    rule("builtin", &["hub"], Why("it implements a port of the hub and knows no edge", "code map")),
    rule(
        "store",
        &["data_dir", "hub", "realer", "shutdown", "telemetry"],
        Why("the store implements the hub's ports and knows no edge", "code map"),
    ),
    rule("realer", &["hub", "shutdown", "telemetry"], Why("the runtime knows no edge and no SQL", "code map")),
    rule("event_json", &["hub"], Why("it writes what the hub knows and nothing else", "code map")),
    rule("hub_lock", &["data_dir"], Why("it locks the data folder and knows nothing else", "code map")),
    rule("data_dir", &[], Why("it uses nothing of ours", "code map")),
    rule("readiness", &[], Why("it uses nothing of ours", "code map")),
    rule("reload", &[], Why("it uses nothing of ours", "code map")),
    rule("shutdown", &[], Why("it uses nothing of ours", "code map")),
    rule("telemetry", &[], Why("it uses nothing of ours", "code map")),
    rule(
        "token",
        &["readiness", "reload", "telemetry"],
        Why("who a caller is does not depend on how it came", "code map"),
    ),
];

const fn rule(module: &'static str, may_use: &'static [&'static str], why: Why) -> Rule {
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

/// What stands for sockets, HTTP and files.
pub(super) const OUTSIDE_OF_HUB: &[&str] =
    &["hyper", "tokio::net", "tokio::io", "std::net", "std::fs", "std::io", "rustix", "serde"];

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
    pub(super) fn import(source: &Source, what: &str, Why(why, place): Why) -> Self {
        Self(format!("{} imports {what}: {why} (ARCHITECTURE.md, {place})", source.path.display()))
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
