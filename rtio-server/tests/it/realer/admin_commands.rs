//! `rtio realer` through the executable: directly, through a running hub, and what happens to live sessions.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::path::Path;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::program::{Running, rtio, run};
use crate::registry::{connects, is_closed, is_open};

const GREENHOUSE: &str = r#"
[[resources]]
label = "Bench 1"

[[devices]]
label = "greenhouse"

  [[devices.commands]]
  label = "Heater"
  kind = "relay"
  pin_port = "6"
  min = 0.0
  max = 1.0
  resources = ["Bench 1"]

  [[devices.sensors]]
  label = "Air temperature"
  kind = "thermistor"
  qc = "celsius_temperature"
  mu = "degree_celsius:0"
  pin_port = "5"
  resources = ["Bench 1"]
"#;

/// A data folder, and commands on it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn rtio(&self, arguments: &str) -> (Option<i32>, String, String) {
        run(&mut rtio(&format!("{arguments} --data-dir {}/data", self.path().display())))
    }

    /// What the command prints; it must succeed.
    fn prints(&self, arguments: &str) -> String {
        let (code, stdout, stderr) = self.rtio(arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments}: {stdout}");
        stdout
    }

    /// The first word of each line that the command prints.
    fn ids(&self, arguments: &str) -> Vec<String> {
        let first = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        self.prints(arguments).lines().map(first).collect()
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// A device with the greenhouse's catalog: its id and secret.
    fn greenhouse(&self) -> (String, String) {
        let told = self.prints(&format!("realer apply {}", self.file("greenhouse.toml", GREENHOUSE)));
        let line = told.lines().find(|line| line.starts_with("client_id")).unwrap();
        let words: Vec<_> = line.split(' ').collect();
        assert!(told.ends_with("4 added, 0 changed, 0 removed\n"), "{told}");
        (words[1].to_owned(), words[3].to_owned())
    }

    /// A hub on this folder, and where its devices connect.
    fn hub(&self) -> (Running, String) {
        let folder = format!("--data-dir {}/data --open-callers", self.path().display());
        let ports = "--device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0";
        let mut hub = Running::start(&mut rtio(&format!("serve {folder} {ports}")));
        let devices = hub.value_of("devices");
        while !hub.line().starts_with("descriptors") {}
        (hub, devices)
    }
}

#[test]
fn what_a_hub_has_is_exported_and_applied_again_without_a_change() {
    let place = Place::new();
    let (_, secret) = place.greenhouse();
    let exported = place.prints("realer export");
    assert!(exported.contains("label = \"Heater\"") && !exported.contains(&secret), "{exported}");
    let nothing = "0 added, 0 changed, 0 removed\n";
    let (toml, source) = (place.file("export.toml", &exported), place.file("greenhouse.toml", GREENHOUSE));
    let json = place.file("export.json", &place.prints("realer export --format json"));
    for file in [&toml, &json, &source] {
        assert_eq!(place.prints(&format!("realer apply {file} --prune")), nothing, "{file}");
    }
    let (hub, _) = place.hub();
    assert_eq!(place.prints("realer export"), exported);
    assert_eq!(place.prints(&format!("realer apply {toml}")), nothing);
    let other = place.file("other.toml", &exported.replace("max = 1.0", "max = 2.0"));
    let dry = place.prints(&format!("realer apply {other} --dry-run"));
    assert!(dry.contains("    max: 1.0 -> 2.0\n") && dry.contains("dry run"), "{dry}");
    assert_eq!(place.prints("realer export"), exported);
    assert!(place.prints(&format!("realer apply {other}")).ends_with("0 added, 1 changed, 0 removed\n"));
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn commands_print_the_same_with_and_without_a_hub() {
    let place = Place::new();
    let (device, _) = place.greenhouse();
    let command = place.ids(&format!("realer command list {device}")).remove(0);
    let sensor = place.ids(&format!("realer sensor list {device}")).remove(0);
    let commands = [
        "realer device list".to_owned(),
        "realer device list --json".to_owned(),
        format!("realer device show {device}"),
        format!("realer command show {device} {command} --json"),
        format!("realer command change {device} {command} --max none --adoption on --value-type Binary"),
        format!("realer sensor change {device} {sensor} --resource none"),
        format!("realer feed-data {device}"),
        format!("realer adoptions {device} --json"),
        format!("realer desired list {device}"),
        "realer resource list".to_owned(),
        "realer export --format json".to_owned(),
        "realer device show cdv_00000000000000000000000000".to_owned(),
        "realer resource add Bench".to_owned(),
        "realer device add greenhouse".to_owned(),
        format!("realer device change {device} --subscription maybe"),
        format!("realer desired set {device} {command} seven"),
        "realer device show x".to_owned(),
    ];
    place.prints("realer resource add Bench");
    place.rtio(&commands[4]);
    place.rtio(&commands[5]);
    let all = || commands.each_ref().map(|command| place.rtio(command));
    let without = all();
    let (hub, _) = place.hub();
    for (command, (here, there)) in commands.iter().zip(without.iter().zip(all())) {
        assert_eq!(*here, there, "{command}");
    }
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
    let exits = without.each_ref().map(|(code, ..)| code.unwrap());
    assert_eq!(exits, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 6, 6, 64, 6, 6]);
    let told = &without[14].2;
    assert!(told.contains("--subscription") && told.contains("active, inactive") && !told.contains("JSON"), "{told}");
}

#[test]
fn a_device_is_one_of_the_registry_and_its_session_ends_with_it() {
    let place = Place::new();
    let (device, secret) = place.greenhouse();
    let (hub, devices) = place.hub();
    assert!(place.prints("device list").starts_with(&format!("{device} enabled ")));
    let (code, mut session) = connects(&devices, &device, &secret);
    assert_eq!(code, 1);
    let rotated = place.prints(&format!("realer device rotate {device}"));
    is_open(&mut session);
    let newer = rotated.lines().nth(1).and_then(|line| line.strip_prefix("client_secret ")).unwrap().to_owned();
    place.prints(&format!("realer device rotate {device} --now"));
    is_closed(&mut session);
    assert_eq!(connects(&devices, &device, &newer).0, 3, "the secret before the last one");

    let issued = place.prints("realer device add cellar");
    let words: Vec<_> = issued.split_whitespace().collect();
    let (id, secret) = (words[1], words[3]);
    for removal in [format!("realer device remove {id}"), format!("device remove {id}")] {
        if place.rtio(&format!("realer device show {id}")).0 == Some(0) {
            let mut session = connects(&devices, id, secret).1;
            assert_eq!(place.prints(&removal), format!("removed {id}\n"));
            is_closed(&mut session);
        }
        assert_eq!(place.rtio(&removal).0, Some(5), "{removal}");
    }
    let empty = place.file("empty.toml", "");
    let told = place.prints(&format!("realer apply {empty} --prune"));
    assert!(told.ends_with("0 added, 0 changed, 2 removed\n"), "{told}");
    assert_eq!(place.prints("device list"), "");
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn the_registry_removes_a_control_device_with_all_that_it_has() {
    let place = Place::new();
    let (device, _) = place.greenhouse();
    place.prints(&format!("device remove {device}"));
    assert_eq!(place.prints("realer device list"), "");
    assert_eq!(place.rtio(&format!("realer feed-data {device}")).0, Some(5));
}

#[test]
fn what_is_done_is_logged_without_secrets() {
    let place = Place::new();
    let (hub, _) = place.hub();
    let issued = place.prints("realer device add greenhouse");
    let words: Vec<_> = issued.split_whitespace().collect();
    let rotated = place.prints(&format!("realer device rotate {}", words[1]));
    place.prints(&format!("realer device change {} --subscription inactive", words[1]));
    place.prints(&format!("realer device remove {}", words[1]));
    let (code, logs) = hub.end_by(Signal::TERM);
    assert_eq!(code, Some(0));
    for what in ["added a control device", "rotated the secret", "changed a control device", "removed a control device"]
    {
        assert!(logs.contains(what), "{what}: {logs}");
    }
    let rotated = rotated.lines().nth(1).and_then(|line| line.strip_prefix("client_secret ")).unwrap();
    assert!(!logs.contains(words[3]) && !logs.contains(rotated));
}

#[test]
fn a_folder_that_is_not_there_is_a_slip_unless_something_is_added() {
    let place = Place::new();
    let (code, _, stderr) = place.rtio("realer device list");
    assert_eq!(code, Some(1), "{stderr}");
    assert!(!place.path().join("data").exists());
    place.prints("realer device add greenhouse");
    let (code, _, stderr) = place.rtio("realer apply /nowhere.toml");
    assert_eq!(code, Some(1), "{stderr}");
}
