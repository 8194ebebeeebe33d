//! `rtio events`, against real hubs and a fake one.

use std::io::Write;
use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::Value;

use crate::fake_hub::{answer, answers_once, serves};
use crate::program::{Running, rtio, run};

/// A hub at `addr`; where its devices and its operators connect.
fn serve(admin: &str) -> (Running, String, String) {
    let ports = "--device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0";
    let mut hub = Running::start(&mut rtio(&format!("serve --dev {ports} --admin-addr {admin}")));
    let (devices, _, admin) = (hub.value_of("devices"), hub.value_of("callers"), hub.value_of("admin"));
    (hub, devices, admin)
}

fn device(id: &str, devices: &str) -> Running {
    let mut device = Running::start(&mut rtio(&format!("device run {id} --server {devices}")));
    assert_eq!(device.line(), format!("serving as {id}\n"));
    device
}

/// The next line that is printed, without the time, the numbers and the peer.
fn told(reader: &mut Running) -> Vec<String> {
    let line = reader.line();
    let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
    assert!(words[0].parse::<jiff::Timestamp>().is_ok() && words[3] == "epoch", "{line}");
    assert!(words[4].parse::<u64>().is_ok() && words[5].starts_with("127.0.0.1:"), "{line}");
    [&words[1..3], &words[6..]].concat()
}

#[test]
fn each_event_is_a_line_as_it_comes() {
    let (_hub, devices, admin) = serve("127.0.0.1:0");
    let mut reader = Running::start(&mut rtio(&format!("events --after 0 --admin {admin}")));
    assert!(reader.log_line().starts_with("rtio: events may be missing here"));
    let printer = device("PRINTER-001", &devices);
    assert_eq!(told(&mut reader), ["online", "PRINTER-001", "rtio"]);
    let newer = device("PRINTER-001", &devices);
    assert_eq!(told(&mut reader), ["offline", "PRINTER-001", "replaced"]);
    assert_eq!(told(&mut reader)[..5], ["replaced", "PRINTER-001", "rtio", "after", "epoch"]);
    assert_eq!(newer.end_by(Signal::TERM).0, Some(0));
    drop(printer);
    assert_eq!(told(&mut reader)[..2], ["offline", "PRINTER-001"]);
    assert_eq!(reader.end_by(Signal::INT).0, Some(0));
}

#[test]
fn filters_json_and_a_place_to_begin_at() {
    let (_hub, devices, admin) = serve("127.0.0.1:0");
    let (_printer, door) = (device("PRINTER-001", &devices), device("DOOR-1", &devices));
    let mut all = Running::start(&mut rtio(&format!("events --after 0 --json --admin {admin}")));
    let first: Value = serde_json::from_str(&all.line()).unwrap();
    assert_eq!((&first["kind"], &first["device"]), (&"online".into(), &"PRINTER-001".into()));
    let flags = format!("--after {} --id DOOR-*,WINDOW-* --kind offline --json", first["id"]);
    let mut some = Running::start(&mut rtio(&format!("events {flags} --admin {admin}")));
    assert_eq!(door.end_by(Signal::TERM).0, Some(0));
    let only: Value = serde_json::from_str(&some.line()).unwrap();
    assert_eq!((&only["device"], &only["cause"]), (&"DOOR-1".into(), &"closed_by_device".into()));
}

#[test]
fn a_restart_of_the_hub_is_outlived() {
    let (hub, devices, admin) = serve("127.0.0.1:0");
    let mut reader = Running::start(&mut rtio(&format!("events --after 0 --admin {admin}")));
    assert!(reader.log_line().contains("may be missing"));
    let printer = device("PRINTER-001", &devices);
    assert_eq!(told(&mut reader), ["online", "PRINTER-001", "rtio"]);
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
    assert_eq!(told(&mut reader), ["offline", "PRINTER-001", "drained"], "the end is told, too");
    let line = reader.log_line();
    assert!(line.ends_with("; trying again\n"), "{line}");
    drop(printer);
    let (_hub, devices, _) = serve(&admin["http://".len()..]);
    let _printer = device("PRINTER-001", &devices);
    assert_eq!(reader.log_line(), "rtio: connected again\n");
    assert!(reader.log_line().contains("may be missing"), "the hub begins anew");
    assert_eq!(told(&mut reader), ["online", "PRINTER-001", "rtio"], "although it was before the reader was back");
}

#[test]
fn a_stream_that_breaks_is_taken_up_after_the_last_event_that_was_printed() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let (url, first) = serves(|stream, request| {
        let event = "id: 7\nevent: online\ndata: {\"kind\":\"online\"}\n\nid: 8\nevent: off";
        stream.write_all(format!("{HEAD}{event}").as_bytes()).unwrap();
        request
    });
    let mut reader = Running::start(&mut rtio(&format!("events --json --id a,b --kind offline --admin {url}")));
    assert_eq!(reader.line(), "{\"kind\":\"online\"}\n");
    let request = first.join().unwrap();
    assert!(request.head.starts_with("GET /v1/events?id=a&id=b&kind=offline HTTP/1.1\r\n"), "{}", request.head);
    assert!(!request.head.contains("last-event-id"), "{}", request.head);
    assert!(reader.log_line().ends_with("; trying again\n"));
    let listener = TcpListener::bind(&url["http://".len()..]).unwrap();
    let mut stream = crate::device_port::accept(&listener);
    let mut head = String::new();
    let mut lines = std::io::BufReader::new(stream.try_clone().unwrap());
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(std::io::BufRead::read_line(&mut lines, &mut head).unwrap(), 0);
    }
    assert!(head.contains("\r\nlast-event-id: 7\r\n"), "half an event was not seen: {head}");
    let event = "id: 9\nevent: offline\ndata: {\"kind\":\"offline\"}\n\n";
    stream.write_all(format!("{HEAD}{event}").as_bytes()).unwrap();
    assert_eq!(reader.log_line(), "rtio: connected again\n");
    assert_eq!(reader.line(), "{\"kind\":\"offline\"}\n");
}

#[test]
fn a_hub_that_refuses_or_was_never_there_ends_it() {
    for (status, exit) in [(401, 8), (403, 8), (400, 6), (429, 6), (404, 5)] {
        let (url, _request) = answers_once(answer(status, "as text\n"));
        let got = run(&mut rtio(&format!("events --admin {url}")));
        assert_eq!(got, (Some(exit), String::new(), format!("rtio: HTTP {status}: as text\n")));
    }
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(run(&mut rtio(&format!("events --admin http://{free}"))).0, Some(7));
    let (code, _, stderr) = run(&mut rtio("events --kind gone"));
    assert_eq!(code, Some(64));
    assert!(stderr.contains("[possible values: online, offline, replaced]"), "{stderr}");
}
