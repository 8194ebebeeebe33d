//! The hub's own registry of devices, end to end through the executable: directly, through a running hub, and what happens to live
//! sessions.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::program::{Running, rtio, run};

/// A data folder, and commands on it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn device(&self, arguments: &str) -> (Option<i32>, String, String) {
        run(&mut rtio(&format!("device {arguments} --data-dir {}", self.path().display())))
    }

    /// What the command prints; it must succeed.
    fn prints(&self, arguments: &str) -> String {
        let (code, stdout, stderr) = self.device(arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments}: {stdout}");
        stdout
    }

    fn secret_of(&self, arguments: &str) -> String {
        self.prints(arguments).trim().to_owned()
    }

    /// A hub on this folder, and where its devices connect.
    fn hub(&self) -> (Running, String) {
        let mut hub = Running::start(&mut rtio(&self.serve("127.0.0.1:0")));
        let devices = hub.value_of("devices");
        // Once the last line is there, the hub serves.
        while !hub.line().starts_with("descriptors") {}
        (hub, devices)
    }

    fn serve(&self, admin: &str) -> String {
        let dir = self.path().display();
        format!(
            "serve --open-callers --data-dir {dir} --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr {admin}"
        )
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

/// Verifies itself; the code of the answer, and the connection.
pub(crate) fn connects(devices: &str, id: &str, secret: &str) -> (u8, TcpStream) {
    let mut device = TcpStream::connect(devices).unwrap();
    device.set_read_timeout(Some(PATIENCE)).unwrap();
    let body = format!("\0{id}:{secret}");
    device.write_all(&[&[0x10, 0, 1, 0, u8::try_from(body.len()).unwrap()], body.as_bytes()].concat()).unwrap();
    let mut answer = [0; 5];
    device.read_exact(&mut answer).unwrap();
    (answer[0] & 7, device)
}

pub(crate) fn is_closed(device: &mut TcpStream) {
    assert_eq!(device.read(&mut [0]).unwrap_or(0), 0, "the session ends");
}

pub(crate) fn is_open(device: &mut TcpStream) {
    device.write_all(&[0x30, 0, 9, 0, 0]).unwrap();
    let mut pong = [0; 5];
    device.read_exact(&mut pong).unwrap();
    assert_eq!(pong, [0x41, 0, 9, 0, 0]);
}

#[test]
fn devices_are_added_to_a_folder_that_no_hub_uses_and_to_one_that_a_hub_does() {
    let place = Place::new();
    let before = place.secret_of("add before");
    let (hub, devices) = place.hub();
    let meanwhile = place.secret_of("add meanwhile");
    assert!((24..=64).contains(&before.len()) && before != meanwhile);
    for (id, secret) in [("before", &before), ("meanwhile", &meanwhile)] {
        assert_eq!(connects(&devices, id, secret).0, 1, "{id}");
    }
    for (id, secret) in [("before", &meanwhile), ("stranger", &before)] {
        assert_eq!(connects(&devices, id, secret).0, 3, "{id}");
    }
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn commands_print_the_same_with_and_without_a_hub() {
    let place = Place::new();
    for id in ["one", "two"] {
        place.prints(&format!("add {id}"));
    }
    let commands = [
        "list",
        "list --json",
        "show one",
        "show one --json",
        "disable one",
        "enable one",
        "show gone",
        "add one",
        "remove gone",
    ];
    let all = || commands.map(|command| place.device(command));
    let without = all();
    let (hub, _) = place.hub();
    assert_eq!(all(), without);
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
    let lines: Vec<_> = without[0].1.lines().collect();
    assert!(lines[0].starts_with("one enabled 20") && lines[0].ends_with(" secrets 1"), "{lines:?}");
    assert_eq!((without[6].0, without[6].2.as_str()), (Some(5), "rtio: there is no device gone\n"));
    assert_eq!((without[7].0, without[7].2.as_str()), (Some(6), "rtio: there is a device one already\n"));
}

#[test]
fn a_killed_hub_loses_no_device_that_it_confirmed() {
    let place = Place::new();
    let (hub, _) = place.hub();
    let secrets: Vec<_> = (0..5).map(|number| place.secret_of(&format!("add dev-{number}"))).collect();
    assert_eq!(hub.end_by(Signal::KILL).0, None);
    let (hub, devices) = place.hub();
    for (number, secret) in secrets.iter().enumerate() {
        assert_eq!(connects(&devices, &format!("dev-{number}"), secret).0, 1);
    }
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn a_second_hub_on_the_folder_is_refused() {
    let place = Place::new();
    let (hub, _) = place.hub();
    let (code, stdout, stderr) = run(&mut rtio(&place.serve("off")));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("hub.lock is in use by another hub"), "{stderr}");
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn a_hub_without_a_port_for_operators_cannot_be_asked() {
    let place = Place::new();
    let mut hub = Running::start(&mut rtio(&place.serve("off")));
    hub.value_of("devices");
    let (code, _, stderr) = place.device("add dev");
    assert_eq!(code, Some(6));
    assert!(stderr.contains("has no port for operators"), "{stderr}");
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn disabling_or_removing_a_device_ends_its_session_at_once() {
    let place = Place::new();
    let (hub, devices) = place.hub();
    for command in ["disable", "remove"] {
        let secret = place.secret_of(&format!("add {command}d"));
        let other = place.secret_of(&format!("add other-{command}"));
        let (code, mut device) = connects(&devices, &format!("{command}d"), &secret);
        let (_, mut bystander) = connects(&devices, &format!("other-{command}"), &other);
        assert_eq!(code, 1);
        place.prints(&format!("{command} {command}d"));
        is_closed(&mut device);
        assert_eq!(connects(&devices, &format!("{command}d"), &secret).0, 3);
        is_open(&mut bystander);
    }
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn a_rotation_loses_nobody_until_the_old_secret_is_dropped() {
    let place = Place::new();
    let first = place.secret_of("add dev");
    let (hub, devices) = place.hub();
    let (_, mut with_first) = connects(&devices, "dev", &first);
    let second = place.secret_of("rotate dev");
    is_open(&mut with_first);
    assert_eq!(connects(&devices, "dev", &first).0, 1, "both count");
    let (code, mut with_second) = connects(&devices, "dev", &second);
    assert_eq!(code, 1);
    let third = place.secret_of("rotate dev");
    is_open(&mut with_second);
    assert_eq!(connects(&devices, "dev", &first).0, 3, "the oldest of three counts no more");
    is_open(&mut with_second);
    let fourth = place.secret_of("rotate dev --now");
    is_closed(&mut with_second);
    assert_eq!(connects(&devices, "dev", &third).0, 3);
    assert_eq!(connects(&devices, "dev", &fourth).0, 1);
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn an_import_adds_all_or_none_and_names_the_lines() {
    let place = Place::new();
    let brought = "a-secret-that-the-device-has";
    let sound = place.file("fleet", &format!("one,{brought}\n# made here\ntwo\n"));
    let secrets = place.prints(&format!("import {sound}"));
    let made = secrets.strip_prefix("two,").unwrap().trim();
    let (hub, devices) = place.hub();
    assert_eq!(connects(&devices, "one", brought).0, 1);
    assert_eq!(connects(&devices, "two", made).0, 1);
    for (text, expected) in [
        ("three\nfour,short\n", "line 2: a secret has 24 to 256 bytes"),
        ("three\nthree\n", "line 2: the same id as in line 1"),
        ("three\n\ntwo\n", "line 3: there is a device two already"),
    ] {
        let file = place.file("broken", text);
        let (code, stdout, stderr) = place.device(&format!("import {file}"));
        assert_eq!((code, stdout.as_str()), (Some(6), ""));
        assert_eq!(stderr, format!("rtio: nothing was imported; {expected}\n"));
        assert_eq!(place.device("show three").0, Some(5));
    }
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn a_hundred_thousand_devices_are_imported_in_one_go() {
    let place = Place::new();
    let (hub, devices) = place.hub();
    let lines: String = (0..100_000).map(|number| format!("dev-{number},secret-number-{number:016}\n")).collect();
    let file = place.file("fleet", &lines);
    assert_eq!(place.prints(&format!("import {file} --json")), "{\"added\":100000,\"issued\":[]}\n");
    assert_eq!(connects(&devices, "dev-99999", &format!("secret-number-{:016}", 99_999)).0, 1);
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn a_damaged_registry_keeps_the_hub_from_starting() {
    let place = Place::new();
    place.prints("add dev");
    place.file("rtio.db", &"no database ".repeat(100));
    let (code, stdout, stderr) = run(&mut rtio(&place.serve("off")));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("rtio.db") && stderr.contains("damaged"), "{stderr}");
}

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
