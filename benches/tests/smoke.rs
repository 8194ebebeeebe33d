//! The tool as it is run: its command line, its baselines as child processes, its verdicts. With a hub where one is built.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn fleet(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fleet")).args(args).output().expect("the tool starts")
}

#[test]
fn a_missing_hub_is_named_and_fails_the_run() {
    let output = fleet(&["notify", "--quick", "--hub", "/nonexistent/rtio"]);
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cannot start /nonexistent/rtio: No such file"), "{text}");
}

#[test]
fn a_hub_that_prints_no_address_fails_the_run() {
    let output = fleet(&["notify", "--quick", "--hub", "/bin/true"]);
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("/bin/true did not print the addresses"), "{text}");
}

#[test]
fn wrong_usage_is_refused() {
    for args in [["--devices", "18501"], ["--callers", "0"], ["--repeat", "0"]] {
        assert_eq!(fleet(&args).status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn a_baseline_serves_until_its_parent_lets_go() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fleet"))
        .arg("baseline-hyper")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut stream = TcpStream::connect(line.trim().strip_prefix("callers http://").unwrap()).unwrap();
    let body = r#"{"method":"copost","id":7,"uri":"/echo","data":"aGk="}"#;
    let length = body.len();
    write!(stream, "POST /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("\r\n\r\n{\"id\":7,\"fid\":0,\"code\":\"OK\",\"data\":\"aGk=\"}"), "{answer}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

/// Runs a part with tiny numbers against the hub beside the tool; nothing may be lost.
fn measures(part: &[&str], figures: &[&str]) {
    let hub = Path::new(env!("CARGO_BIN_EXE_fleet")).with_file_name("rtio");
    if !hub.exists() {
        eprintln!("skipped: {} is not built", hub.display());
        return;
    }
    let output = fleet(&[part, &["--quick"]].concat());
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("the tool writes text");
    assert!(output.status.success(), "{text}");
    for figure in figures {
        assert!(text.lines().any(|line| line.starts_with(&format!("| {figure}"))), "no {figure} in {text}");
    }
}

#[test]
fn reports_are_measured_in_both_forms() {
    let figures = ["reports/s, 4 devices, JSON form", "CPU s per 100,000 reports, 4 devices, raw form"];
    measures(&["reports", "--callers", "4"], &figures);
}

#[test]
fn a_hung_backend_is_measured_beside_a_healthy_one() {
    measures(&["hung-backend"], &["p99 µs of reports beside a hung backend", "posts/s of devices to the hung backend"]);
}

#[test]
fn a_group_call_is_measured() {
    measures(
        &["group", "--devices", "40"],
        &["devices/s, group call of 40, 64 at once", "devices/s, group call of 40 by id"],
    );
}

#[test]
fn control_devices_are_measured_polling_and_connected() {
    let figures = [
        "items, one at a time: a second, 2 devices",
        "items, 100 at a time: CPU s per 100,000, 2 devices",
        "bootstraps: p99 µs of a request, 2 devices",
        "desired states: p99 µs from wish to applied, 2 callers",
        "bytes per million items, 1000 → 3000",
        "s to start, 300 control devices",
    ];
    measures(&["realer", "--callers", "2"], &figures);
}

#[test]
fn devices_with_mqtt_are_measured_beside_mosquitto_where_it_is() {
    let figures = [
        "resident bytes per idle MQTT session, 100 → 400",
        "resident bytes per idle MQTT session over TLS, 100 → 400",
        "MQTT messages: a second, 2 devices with 10 in flight",
        "MQTT messages: p99 µs until acknowledged, 2 devices with 1 in flight",
        "desired states over MQTT: p99 µs from wish to device, 2 callers",
    ];
    measures(&["mqtt", "--callers", "2"], &figures);
}
