//! `rtio serve` with TLS, as a user runs it.

use std::io::{Read, Write};
use std::net::TcpStream;

use rustix::process::Signal;

use crate::program::{Running, rtio, run};
use crate::support::Ca;
use crate::support::tls::{Issued, PortFiles};

const FREE_PORTS: &str = "serve --dev --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr off";

fn flags(port: &str, files: &PortFiles) -> String {
    let (cert, key) = (files.path("cert.pem"), files.path("key.pem"));
    format!("--{port}-tls-cert {} --{port}-tls-key {}", cert.display(), key.display())
}

#[test]
fn it_says_which_ports_have_tls_and_reads_certificates_again_at_a_hangup() {
    let ca = Ca::new();
    let files = PortFiles::new(&ca.server());
    let mut hub = Running::start(&mut rtio(&format!("{FREE_PORTS} {}", flags("device", &files))));
    assert!(hub.value_of("devices ").ends_with(" tls"));
    assert!(hub.value_of("callers ").starts_with("http://"));
    hub.sends(Signal::HUP);
    assert!(hub.log_line().contains("reloading"));
    assert!(hub.log_line().contains("TLS certificate read again"));
    files.write("key.pem", "nothing");
    hub.sends(Signal::HUP);
    assert!(hub.log_line().contains("reloading"));
    let line = hub.log_line();
    assert!(line.contains("the old one stays") && line.contains("no private key in"), "{line}");
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
    files.hold(&ca.server());
    let mut hub = Running::start(&mut rtio(&format!("{FREE_PORTS} {}", flags("http", &files))));
    assert!(!hub.value_of("devices ").ends_with(" tls"));
    assert!(hub.value_of("callers ").starts_with("https://127.0.0.1:"));
}

#[test]
fn files_of_no_use_end_the_start_with_1_and_are_named() {
    let ca = Ca::new();
    let foreign = Issued { key: ca.server().key, ..ca.server() };
    let empty = Issued { cert: String::new(), ..ca.server() };
    for (issued, expected) in [(foreign, "does not belong to the first certificate in"), (empty, "no certificate in")] {
        let files = PortFiles::new(&issued);
        let (code, stdout, stderr) = run(&mut rtio(&format!("{FREE_PORTS} {}", flags("http", &files))));
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
        let file = files.path("cert.pem").display().to_string();
        assert!(stderr.contains("TLS of the callers port") && stderr.contains(expected), "{stderr}");
        assert!(stderr.contains(&file), "{stderr}");
    }
}

#[test]
fn half_of_a_pair_is_wrong_usage() {
    for (flags, expected) in [
        ("--device-tls-cert x", "--device-tls-cert is set, but --device-tls-key is not"),
        ("--http-tls-key x", "--http-tls-key is set, but --http-tls-cert is not"),
        ("--device-tls-client-ca x", "the devices' port has no TLS"),
    ] {
        let (code, stdout, stderr) = run(&mut rtio(&format!("{FREE_PORTS} {flags}")));
        assert_eq!((code, stdout.as_str()), (Some(64), ""), "{stderr}");
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[test]
fn a_tls_hello_to_a_port_without_tls_is_logged_as_what_it_is() {
    let mut hub = Running::start(&mut rtio(FREE_PORTS));
    let devices = hub.value_of("devices ");
    let mut device = TcpStream::connect(devices).unwrap();
    device.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").unwrap();
    let line = hub.log_line();
    assert!(line.contains("a TLS hello came, but the devices' port has no TLS"), "{line}");
    // To the protocol it is a verification of 512 bytes, which none is that long.
    device.write_all(&[b'x'; 506]).unwrap();
    let mut refused = Vec::new();
    device.read_to_end(&mut refused).unwrap();
    assert_eq!(refused, b"\x24\x03\x01\x00\x00");
}
