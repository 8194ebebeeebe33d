//! Devices that vanish without a goodbye, and devices that are only slow (docs/decisions/0005-dead-peers.md).
//!
//! A device that really vanishes needs a network that can be cut: a network namespace, which takes root. Without it those tests
//! print a line and check nothing; what the kernel is told is checked without root in `net/liveness.rs`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on shall panic, and says what it skips"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use crate::program::{Running, rtio};
use crate::support::hub;

#[tokio::test]
async fn a_device_that_is_slow_but_there_is_not_given_up() {
    let hub = hub().with(|config| config.hub.ack_timeout = Duration::from_secs(1)).start().await;
    let mut device = hub.device("dev").await;
    // A vanished one would be gone after 1 s.
    let late = hub.is_asked("POST", "/dev/uri", &[("prefer", "wait=3")], b"");
    let request = device.receives_request().await;
    assert_eq!(late.await.unwrap().problem(), (504, "REQUEST_TIMEOUT".to_owned(), "sent_unanswered".to_owned()));
    device.answers_request(request.message_id, b"\x22late").await;
    hub.has_dropped_answers(1).await;
    let _device = device.answers("/uri", b"here");
    assert_eq!(hub.calls("/dev/uri", b"").await.body, b"here");
    assert_eq!(hub.sessions_ended("vanished"), 0);
}

#[test]
fn a_call_to_a_device_that_vanished_ends_soon_and_so_does_the_session() {
    let Some(net) = Wire::laid(1) else { return };
    let (mut hub, devices, callers) = net.hub("--ack-timeout 2s --call-timeout 30s");
    let _device = net.device(&devices);
    assert!(post(&callers).ends_with("here"), "the device answers");
    net.is_cut();
    let (first, second) = (calling(&callers), calling(&callers));
    for caller in [first, second] {
        let reply = answer(caller);
        assert!(reply.contains(" 504 ") && reply.contains("DEVICEID_TIMEOUT"), "{reply}");
        assert!(reply.contains("sent_unanswered"), "{reply}");
    }
    let reply = post(&callers);
    assert!(reply.contains(" 503 ") && reply.contains("DEVICEID_OFFLINE"), "no ghost is left: {reply}");
    hub.sends(Signal::TERM);
    assert_eq!(hub.ends(), Some(0));
}

#[test]
fn an_idle_device_that_vanished_goes_offline() {
    let Some(net) = Wire::laid(2) else { return };
    let (mut hub, devices, callers) = net.hub("--peer-lost-after 5s --log-level rtio_server=debug");
    let admin = hub.value_of("admin");
    let _device = net.device(&devices);
    assert!(post(&callers).ends_with("here"), "the device answers");
    net.is_cut();
    // Nobody calls it: the kernel asks, and the session ends. The line comes, or the test's own time limit does.
    while !hub.log_line().contains("vanished") {}
    assert!(post(&callers).contains("DEVICEID_OFFLINE"));
    let mut events = Running::start(&mut rtio(&format!("events --after 0 --admin {admin}")));
    assert!(events.line().contains("  online    dev  "));
    let line = events.line();
    assert!(line.contains("  offline   dev  ") && line.ends_with("  vanished\n"), "{line}");
}

/// Two ends of a cable, one of them in a network namespace where the device runs.
struct Wire {
    name: String,
    hub: String,
    device: String,
}

impl Wire {
    /// `None`, and says so, where that is not allowed or not there.
    fn laid(number: u8) -> Option<Self> {
        let name = format!("rtio{}n{number}", std::process::id() % 10_000);
        let subnet = format!("10.213.{}", std::process::id() % 60 * 4 + u32::from(number));
        let net = Self { hub: format!("{subnet}.1"), device: format!("{subnet}.2"), name };
        let Self { name, hub, device } = &net;
        let laid = [
            format!("netns add {name}"),
            format!("link add {name}h type veth peer name {name}d address 02:00:00:00:00:02 netns {name}"),
            format!("addr add {hub}/30 dev {name}h"),
            format!("-n {name} addr add {device}/30 dev {name}d"),
            format!("link set {name}h up"),
            format!("-n {name} link set {name}d up"),
            // So that frames to the device go out for ever, and nobody says that it cannot be reached.
            format!("neigh replace {device} lladdr 02:00:00:00:00:02 dev {name}h nud permanent"),
        ];
        if laid.iter().all(|command| ip(command)) {
            return Some(net);
        }
        println!("skipped: no network namespace here, which takes root and iproute2");
        None
    }

    fn hub(&self, flags: &str) -> (Running, String, String) {
        let addr = &self.hub;
        let command =
            format!("serve --dev --device-addr {addr}:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0 {flags}");
        let mut hub = Running::start(&mut rtio(&command));
        let devices = hub.value_of("devices");
        let callers = hub.value_of("callers").replace("http://", "");
        (hub, devices, callers)
    }

    /// A device at the far end, once it is online.
    fn device(&self, server: &str) -> Running {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, env!("CARGO_BIN_EXE_rtio"), "device", "run", "dev"]);
        command.args(["--server", server, "--secret", "s", "--answer", "/uri=here"]);
        let mut device = Running::start(command.env_clear().stdout(Stdio::piped()).stderr(Stdio::piped()));
        while !device.log_line().contains("online") {}
        device
    }

    /// From now on nothing that is sent to the device arrives: it has no address any more.
    fn is_cut(&self) {
        assert!(ip(&format!("-n {} addr flush dev {}d", self.name, self.name)));
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        ip(&format!("link del {}h", self.name));
        ip(&format!("netns del {}", self.name));
    }
}

fn ip(arguments: &str) -> bool {
    let mut command = Command::new("ip");
    let status = command.args(arguments.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// Sends a call and does not wait for its answer.
fn calling(callers: &str) -> TcpStream {
    let mut caller = TcpStream::connect(callers).unwrap();
    // Above what the hub takes, so that it answers and not this.
    caller.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    caller.write_all(b"POST /dev/uri HTTP/1.1\r\nhost: hub\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    caller
}

fn answer(mut caller: TcpStream) -> String {
    let mut reply = String::new();
    caller.read_to_string(&mut reply).unwrap();
    reply
}

fn post(callers: &str) -> String {
    answer(calling(callers))
}
