//! A full disk under the real hub: what it cannot keep it refuses, what it has confirmed it keeps, and it goes on once there is room.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use tempfile::TempDir;

use crate::program::{Running, rtio, run};

/// A hub whose data folder has little room.
struct Cramped {
    hub: Running,
    /// The folder as this process sees it.
    data: PathBuf,
    known: BTreeSet<String>,
    next: u32,
}

impl Cramped {
    /// Starts the hub by a line of shell, in which `$0` is the program and `$@` are its arguments.
    fn start(shell: &mut Command, script: &str, data: &Path) -> Self {
        let serve = rtio(&format!(
            "serve --open-callers --data-dir {} --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0",
            data.display()
        ));
        shell.args(["sh", "-c", script]).arg(serve.get_program()).args(serve.get_args());
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut hub = Running::start(shell);
        while !hub.line().starts_with("descriptors") {}
        Self { hub, data: data.to_owned(), known: BTreeSet::new(), next: 0 }
    }

    fn device(&self, arguments: &str) -> (Option<i32>, String, String) {
        run(&mut rtio(&format!("device {arguments} --data-dir {}", self.data.display())))
    }

    /// Adds some devices; whether the hub has confirmed it.
    fn adds(&mut self, lines: &Path) -> bool {
        let ids: Vec<_> = (self.next..self.next + 500).map(|number| format!("device-{number:09}")).collect();
        self.next += 500;
        std::fs::write(lines, ids.join("\n")).unwrap();
        let (code, _, stderr) = self.device(&format!("import {}", lines.display()));
        if code == Some(0) {
            self.known.extend(ids);
            return true;
        }
        assert!(stderr.contains("cannot be read or written"), "{stderr}");
        false
    }

    /// Reads all, and it is what was confirmed.
    fn knows_what_it_confirmed(&self) {
        let (code, stdout, stderr) = self.device("list");
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        let listed = stdout.lines().map(|line| line.split_whitespace().next().unwrap().to_owned());
        assert_eq!(listed.collect::<BTreeSet<_>>(), self.known);
    }

    /// Fills the disk, makes room, and sees what became of it all.
    fn goes_through_a_full_disk(mut self, make_room: impl FnOnce(&Self)) -> PathBuf {
        let lines = tempfile::NamedTempFile::new().unwrap();
        let filled = (0..200).find(|_| !self.adds(lines.path()));
        assert!(filled.is_some_and(|count| count > 0), "{filled:?} imports, then the disk was full");
        for _ in 0..3 {
            assert!(!self.adds(lines.path()), "it is still full");
            self.knows_what_it_confirmed();
        }
        make_room(&self);
        assert!(self.adds(lines.path()), "there is room");
        self.knows_what_it_confirmed();
        let Self { hub, data, known, .. } = self;
        let copy = tempfile::tempdir().unwrap();
        // A memory disk ends with its hub.
        for file in std::fs::read_dir(&data).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
        let (_, listed, _) = run(&mut rtio(&format!("device list --data-dir {}", copy.path().display())));
        assert_eq!(listed.lines().count(), known.len(), "what was on disk is all there");
        data
    }
}

/// Works for any user: a file must not grow beyond a limit, which is lifted from outside.
#[test]
fn a_hub_that_cannot_write_any_more_refuses_and_goes_on_when_it_can() {
    let place = TempDir::new().unwrap();
    let data = place.path().join("data");
    let script = r#"trap '' XFSZ; ulimit -S -f 2048; exec "$0" "$@""#;
    let hub = Cramped::start(Command::new("env").arg("-i"), script, &data);
    hub.goes_through_a_full_disk(|cramped| {
        let pid = Pid::from_raw(i32::try_from(cramped.hub.id()).unwrap());
        let lifted = prlimit(pid, Resource::Fsize, Rlimit { current: None, maximum: None });
        lifted.unwrap();
    });
    let (_, listed, stderr) = run(&mut rtio(&format!("device list --data-dir {}", data.display())));
    assert!(!listed.is_empty(), "{stderr}");
}

/// A disk that is really full, where this user may have one of its own.
#[test]
fn a_hub_on_a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let may =
        Command::new("unshare").args(["-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]).stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("skipped: this user may have no disk in memory (unshare -rm, mount -t tmpfs)");
        return;
    }
    let place = TempDir::new().unwrap();
    let disk = place.path();
    let script = format!(
        r#"mount -t tmpfs -o size=12m tmpfs {0} && head -c 8000000 /dev/zero > {0}/ballast && exec "$0" "$@""#,
        disk.display()
    );
    let mut cramped = Cramped::start(Command::new("unshare").arg("-rm"), &script, &disk.join("data"));
    let root = PathBuf::from(format!("/proc/{}/root", cramped.hub.id()));
    let seen = root.join(disk.strip_prefix("/").unwrap());
    cramped.data = seen.join("data");
    cramped.goes_through_a_full_disk(|_| std::fs::remove_file(seen.join("ballast")).unwrap());
}
