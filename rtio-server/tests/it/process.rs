//! The hub as a process, with a call in flight: what signals do to it, and what is left after it was killed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::program::{Running, rtio};

#[test]
fn the_first_signal_lets_a_call_in_flight_end_and_exits_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let (mut hub, mut device, mut caller) = hub_with_a_call_in_flight();
        hub.sends(signal);
        assert!(hub.log_line().contains("draining"));
        device.write_all(b"\x81\x00\x01\x00\x05\x22done").unwrap();
        let mut reply = String::new();
        caller.read_to_string(&mut reply).unwrap();
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\ndone"), "{reply}");
        assert_eq!(hub.ends(), Some(0));
    }
}

#[test]
fn the_second_signal_exits_at_once_with_its_number() {
    for (second, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (mut hub, _device, _caller) = hub_with_a_call_in_flight();
        hub.sends(Signal::TERM);
        assert!(hub.log_line().contains("draining"));
        assert_eq!(hub.end_by(second).0, Some(code));
    }
}

#[test]
fn a_killed_hub_starts_again_at_the_same_addresses() {
    let (mut hub, mut device, caller) = hub_with_a_call_in_flight();
    let (devices, callers) = (device.peer_addr().unwrap(), caller.peer_addr().unwrap());
    hub.sends(Signal::KILL);
    assert_eq!(hub.ends(), None);
    assert_eq!(device.read(&mut [0]).unwrap_or(0), 0, "the system closed its sockets");
    let again = format!("serve --dev --device-addr {devices} --http-addr {callers} --admin-addr off");
    let mut hub = Running::start(&mut rtio(&again));
    assert_eq!(hub.value_of("devices"), devices.to_string());
    connect_device(&devices.to_string());
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn a_hub_whose_logs_nobody_reads_any_more_serves_and_ends_as_ever() {
    let flags = "--dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off --log-level debug";
    let mut hub = Running::start(&mut rtio(&format!("serve {flags}")));
    let devices = hub.value_of("devices");
    hub.is_not_listened_to_any_more();
    for _ in 0..2 {
        connect_device(&devices);
    }
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn a_failure_that_nobody_reads_has_its_exit_code() {
    let flags = "serve --dev --http-addr 127.0.0.1:0 --admin-addr off";
    // A failure, and a value that is told of in a line of its own, as it is not on the command line.
    for (more, devices, code) in [("--audit-log /nowhere/audit", "127.0.0.1:0", 1), ("", "nonsense", 64)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = rtio(&format!("{flags} {more}"));
        let status = command.env("RTIO_DEVICE_ADDR", devices).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(code), "{more}");
    }
}

/// A device called `dev` that has a call and has not answered it.
fn hub_with_a_call_in_flight() -> (Running, TcpStream, TcpStream) {
    let mut hub =
        Running::start(&mut rtio("serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off"));
    let devices = hub.value_of("devices");
    let callers = hub.value_of("callers").replace("http://", "");
    let mut device = connect_device(&devices);
    let mut caller = connect(&callers);
    caller.write_all(b"POST /dev/uri HTTP/1.1\r\nhost: hub\r\ncontent-length: 0\r\nprefer: wait=100\r\n\r\n").unwrap();
    let mut request = [0; 10];
    device.read_exact(&mut request).unwrap();
    assert_eq!(request[..6], *b"\x70\x00\x01\x00\x05\x20", "a CoPOST");
    (hub, device, caller)
}

fn connect_device(addr: &str) -> TcpStream {
    let mut device = connect(addr);
    device.write_all(b"\x10\x00\x01\x00\x05\x00dev:").unwrap();
    let mut verified = [0; 5];
    device.read_exact(&mut verified).unwrap();
    assert_eq!(verified, *b"\x21\x00\x01\x00\x00");
    device
}

fn connect(addr: &str) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Far more than anything here takes, far less than the time limit of the call.
const PATIENCE: Duration = Duration::from_secs(30);
