//! The program as a service of systemd: what it tells the manager, and sockets that it was given.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::program::{Running, TestFile, rtio};
use crate::support::tokens::Issuer;

const FREE_PORTS: &str = "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off";

/// Reads what the hub tells until a message has `part`; the message.
fn hears(manager: &UnixDatagram, part: &str) -> String {
    let mut buffer = [0; 4096];
    loop {
        let len = manager.recv(&mut buffer).unwrap_or_else(|error| panic!("{part:?} was not told: {error}"));
        let message = String::from_utf8_lossy(&buffer[..len]).into_owned();
        if message.contains(part) {
            return message;
        }
    }
}

#[test]
fn the_manager_hears_of_start_life_reload_and_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut command = rtio(FREE_PORTS);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000");
    let mut hub = Running::start(&mut command);
    assert!(hears(&manager, "READY=1").contains("STATUS=0 devices online"));
    hears(&manager, "WATCHDOG=1");
    let devices = hub.value_of("devices");
    let mut device = Running::start(&mut rtio(&format!("device run PRINTER-001 --server {devices}")));
    assert_eq!(device.line(), "serving as PRINTER-001\n");
    hears(&manager, "STATUS=1 devices online");
    hub.sends(Signal::HUP);
    assert!(hears(&manager, "RELOADING=1").contains("MONOTONIC_USEC="));
    hears(&manager, "READY=1");
    hub.sends(Signal::TERM);
    hears(&manager, "STOPPING=1");
    assert_eq!(hub.ends(), Some(0));
}

/// The program with `socket` as the first descriptor that a manager gives; `names` as in LISTEN_FDNAMES.
fn rtio_with_socket(socket: TcpListener, names: &str, flags: &str) -> Running {
    // The variable must hold the number of the process, which only a shell that becomes it can know.
    let script = "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; exec \"$0\" $1";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_rtio"), &format!("{FREE_PORTS} {flags}")]).env_clear();
    command.stdin(OwnedFd::from(socket)).stdout(Stdio::piped()).stderr(Stdio::piped());
    if !names.is_empty() {
        command.env("LISTEN_FDNAMES", names);
    }
    Running::start(&mut command)
}

#[test]
fn a_socket_that_was_given_replaces_the_address() {
    for (names, is_for_devices) in [("", true), ("rtio.socket", true), ("callers", false)] {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        let mut hub = rtio_with_socket(socket, names, "");
        let (devices, callers) = (hub.value_of("devices"), hub.value_of("callers"));
        let given = if is_for_devices { devices } else { callers.replace("http://", "") };
        assert_eq!(given, addr.to_string(), "{names:?}");
        TcpStream::connect(addr).unwrap();
        assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
    }
}

#[test]
fn a_socket_for_mqtt_is_used_where_there_is_mqtt_and_its_address_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    let flags = format!("--data-dir {} --mqtt-addr 127.0.0.1:0", folder.path().display());
    let mut hub = rtio_with_socket(socket.try_clone().unwrap(), "mqtt", &flags);
    hub.value_of("devices");
    assert_eq!(hub.value_of("mqtt"), format!("mqtt://{addr}"));
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
    let mut hub = rtio_with_socket(socket, "mqtt", "");
    hub.value_of("devices");
    hub.value_of("callers");
    let (code, logs) = hub.end_by(Signal::TERM);
    assert!(code == Some(0) && logs.contains("there is no --mqtt-addr"), "{logs}");
}

#[test]
fn sockets_for_other_programs_are_left_alone() {
    let mut command = rtio(FREE_PORTS);
    command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1");
    let mut hub = Running::start(&mut command);
    assert!(hub.value_of("devices").starts_with("127.0.0.1:"));
}

#[test]
fn the_hub_starts_with_the_file_that_the_document_has_for_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::new();
    let document = include_str!("../../../docs/operations.md");
    let (_, section) = document.split_once("## As a service of systemd").unwrap();
    let (_, file) = section.split_once("```toml\n").unwrap();
    let (file, _) = file.split_once("```").unwrap();
    let path = |path: PathBuf| path.to_str().unwrap().to_owned();
    let file = file.replace("/var/lib/rtio", &path(folder.path().join("data")));
    let file = file.replace("/etc/rtio/token-key.pub.pem", &path(issuer.public_file()));
    let file = TestFile::new("rtio.service.toml", &file);
    let flags = "--device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off";
    let mut hub = Running::start(&mut rtio(&format!("--config {} serve {flags}", path(file.0.clone()))));
    hub.value_of("devices");
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}
