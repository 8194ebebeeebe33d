//! `rtio backup` and `rtio restore`, through the executable.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::program::{Running, rtio, run};

/// A data folder, and a place for backups beside it.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `rtio … --data-dir` on the folder of this name.
    fn rtio(&self, arguments: &str, data: &str) -> (Option<i32>, String, String) {
        run(&mut rtio(&format!("{arguments} --data-dir {}", self.file(data).display())))
    }

    fn prints(&self, arguments: &str, data: &str) -> String {
        let (code, stdout, stderr) = self.rtio(arguments, data);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments}: {stdout}");
        stdout
    }

    fn refuses(&self, arguments: &str, data: &str) -> String {
        let (code, stdout, stderr) = self.rtio(arguments, data);
        assert_eq!((code, stdout.as_str()), (Some(1), ""), "{arguments}: {stderr}");
        stderr
    }

    /// A hub on the folder, once it serves.
    fn hub(&self, data: &str) -> Running {
        let dir = self.file(data);
        let anywhere = "--device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0";
        let mut hub =
            Running::start(&mut rtio(&format!("serve --open-callers --data-dir {} {anywhere}", dir.display())));
        while !hub.line().starts_with("descriptors") {}
        hub
    }

    fn backup(&self, name: &str) -> String {
        format!("backup {}", self.file(name).display())
    }

    fn restore(&self, name: &str) -> String {
        format!("restore {}", self.file(name).display())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn a_backup_of_a_running_hub_becomes_a_folder_that_another_hub_runs_on() {
    let place = Place::new();
    let hub = place.hub("data");
    place.prints("device add before", "data");
    place.prints(&place.backup("one.backup"), "data");
    place.prints("device add after", "data");
    let path = place.file("one.backup");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let taken = place.refuses(&place.backup("one.backup"), "data");
    assert!(taken.contains("there is a file") && taken.contains("one.backup"), "{taken}");
    assert_eq!(names(place.0.path()), ["data", "one.backup"]);

    place.prints(&place.restore("one.backup"), "other");
    assert_eq!(names(&place.file("other")), ["device-secrets.key", "hub.lock", "rtio.db", "signing.key"]);
    for key in ["device-secrets.key", "signing.key"] {
        let read = |data: &str| std::fs::read(place.file(data).join(key)).unwrap();
        assert_eq!(read("data"), read("other"));
    }
    let database = std::fs::read(place.file("other").join("rtio.db")).unwrap();
    let key = std::fs::read(place.file("other").join("device-secrets.key")).unwrap();
    assert!(!database.windows(key.len()).any(|window| window == key), "the key is not in the database any more");
    let other = place.hub("other");
    assert!(place.prints("device list", "other").contains("before"));
    assert!(!place.prints("device list", "other").contains("after"));
    assert_eq!((hub.end_by(Signal::TERM).0, other.end_by(Signal::TERM).0), (Some(0), Some(0)));
}

#[test]
fn what_is_in_the_folder_is_replaced_only_on_demand_and_kept_aside() {
    let place = Place::new();
    place.prints("device add before", "data");
    place.prints(&place.backup("one.backup"), "data");
    place.prints("device add after", "data");
    let refused = place.refuses(&place.restore("one.backup"), "data");
    assert!(refused.contains("rtio.db already") && refused.contains("--replace"), "{refused}");
    assert!(place.prints("device list", "data").contains("after"));
    let printed = place.prints(&format!("{} --replace", place.restore("one.backup")), "data");
    assert!(printed.contains("kept ") && printed.contains("rtio.db.replaced-"), "{printed}");
    let list = place.prints("device list", "data");
    assert!(list.contains("before") && !list.contains("after"), "{list}");
    assert!(names(&place.file("data")).iter().any(|name| name.starts_with("rtio.db.replaced-")));
    assert!(
        names(&place.file("data")).iter().all(|name| !name.starts_with("device-secrets.key.")),
        "it is the same key"
    );
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let place = Place::new();
    place.prints("device add before", "data");
    place.prints(&place.backup("one.backup"), "data");
    let hub = place.hub("data");
    let refused = place.refuses(&format!("{} --replace", place.restore("one.backup")), "data");
    assert!(refused.contains("in use by another hub"), "{refused}");
    assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
}

#[test]
fn a_file_that_is_no_sound_backup_is_refused_before_anything_changes() {
    let place = Place::new();
    let lines: String = (0..2000).map(|number| format!("device-{number}\n")).collect();
    std::fs::write(place.file("lines"), lines).unwrap();
    place.prints(&format!("device import {}", place.file("lines").display()), "data");
    place.prints(&place.backup("good"), "data");
    let sound = std::fs::read(place.file("good")).unwrap();
    let mut torn = sound.clone();
    torn[20_000..60_000].fill(0x55);
    let mut newer = sound.clone();
    newer[60..64].copy_from_slice(&999_u32.to_be_bytes());
    let mut foreign = sound.clone();
    foreign[68..72].fill(0);
    let database = std::fs::read(place.file("data").join("rtio.db")).unwrap();
    let cases: [(&[u8], &str); 6] = [
        (&torn, "damaged"),
        (&sound[..20_000], "damaged"),
        (b"no database at all, but long enough to be one, if only it had begun as one does", "damaged"),
        (&newer, "version 999"),
        (&foreign, "something else"),
        (&database, "was not made by `rtio backup`"),
    ];
    for (bytes, why) in cases {
        std::fs::write(place.file("bad"), bytes).unwrap();
        let refused = place.refuses(&format!("{} --replace", place.restore("bad")), "data");
        assert!(refused.contains(why) && refused.contains("bad"), "{why}: {refused}");
    }
    let missing = place.refuses(&place.restore("nowhere"), "data");
    assert!(missing.contains("there is no") && missing.contains("nowhere"), "{missing}");
    assert!(names(&place.file("data")).iter().all(|name| !name.contains("replaced") && !name.contains("restored")));
    assert_eq!(place.prints("device list", "data").lines().count(), 2000);
}

#[test]
fn a_folder_without_a_store_has_no_backup() {
    let place = Place::new();
    std::fs::create_dir(place.file("data")).unwrap();
    let refused = place.refuses(&place.backup("one.backup"), "data");
    assert!(refused.contains("there is no") && refused.contains("rtio.db"), "{refused}");
    assert!(!place.file("one.backup").exists());
    let (code, _, stderr) = place.rtio(&place.backup("one.backup"), "nowhere");
    assert_eq!(code, Some(1), "{stderr}");
}
