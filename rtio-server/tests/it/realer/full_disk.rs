//! A full disk under the real hub: what it cannot keep it refuses, what it has confirmed it keeps, and it goes on once there is room.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rtio_server::realer::ports::Store as _;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::json;
use tempfile::TempDir;

use super::https_admission::is_refused;
use super::killed::{SECRET, device, fill, open, sensor};
use crate::program::{Running, rtio, run};
use crate::support::realer::{FORM, basic, bearer};
use crate::support::{Caller, Reply};

/// A hub whose data folder has little room.
struct Cramped {
    hub: Running,
    /// The folder as this process sees it.
    data: PathBuf,
    /// Devices of the registry that the hub has confirmed.
    known: BTreeSet<String>,
    next: u32,
    callers: String,
    admin: String,
    /// Of the control device that brings feed data.
    token: String,
    /// Items that the hub has confirmed.
    fed: BTreeSet<String>,
    brought: u32,
}

impl Cramped {
    /// Starts the hub by a line of shell, in which `$0` is the program and `$@` are its arguments.
    async fn start(shell: &mut Command, script: &str, data: &Path) -> Self {
        let serve = rtio(&format!(
            "serve --open-callers --realer-plain --data-dir {} --device-addr 127.0.0.1:0 --http-addr 127.0.0.1:0 --admin-addr 127.0.0.1:0",
            data.display()
        ));
        shell.args(["sh", "-c", script]).arg(serve.get_program()).args(serve.get_args());
        shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut hub = Running::start(shell);
        hub.value_of("devices");
        let (callers, admin) = (hub.value_of("callers http://"), hub.value_of("admin http://"));
        while !hub.line().starts_with("descriptors") {}
        let known = (0..super::killed::DEVICES).map(|number| device(number).to_string()).collect();
        let (token, fed) = (String::new(), BTreeSet::new());
        let mut this = Self { hub, data: data.to_owned(), known, next: 0, callers, admin, token, fed, brought: 0 };
        let headers = [("authorization", &*basic(device(0).as_str(), SECRET)), ("content-type", FORM)];
        let reply = asks(&this.callers, "POST", "/oauth/token", &headers, b"grant_type=client_credentials").await;
        this.token = reply.field("access_token");
        this
    }

    /// A request of the control device.
    async fn asks(&self, method: &str, rest: &str, body: &[u8]) -> Reply {
        let path = format!("/iot/v1/devices/{}/{rest}", device(0));
        let headers = [("authorization", &*bearer(&self.token)), ("content-type", "application/json")];
        asks(&self.callers, method, &path, &headers, body).await
    }

    /// Brings one item; whether the hub has confirmed it.
    async fn feeds(&mut self) -> bool {
        let id = format!("m-{}", self.brought);
        self.brought += 1;
        let item = json!({
            "sensor_id": sensor(0).as_str(), "message_id": id, "value": "7".repeat(200),
            "value_received_at": "2026-05-12T08:31:10Z",
        });
        let reply = self.asks("POST", "feed-data", item.to_string().as_bytes()).await;
        if reply.status == 201 {
            self.fed.insert(id);
            return true;
        }
        is_refused(&reply, 503, 5003, "service_unavailable");
        assert!(reply.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{reply:?}");
        false
    }

    /// Neither devices nor operators can change anything, and devices read as before.
    async fn refuses_what_it_cannot_keep(&mut self) {
        let filled = self.fills_up().await;
        assert!(filled, "there was room for some 10,000 items");
        for rest in ["bootstrap", "desired-states"] {
            assert_eq!(self.asks("GET", rest, b"").await.status, 200, "{rest}");
        }
        let token = std::fs::read_to_string(self.data.join("admin.token")).unwrap();
        let authorization = bearer(token.trim());
        let headers = [("authorization", &*authorization), ("content-type", "application/json")];
        let label = json!({ "label": "attic" }).to_string();
        let devices: String = (0..5_000).map(|number| format!("never-{number}\n")).collect();
        let text = [("authorization", &*authorization), ("content-type", "text/plain")];
        for (path, headers, body) in [("/v1/realer/devices", headers, label), ("/v1/registry/import", text, devices)] {
            let reply = asks(&self.admin, "POST", path, &headers, body.as_bytes()).await;
            assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")), "{path}: {reply:?}");
        }
    }

    /// Brings item after item, until three in a row were refused.
    async fn fills_up(&mut self) -> bool {
        let mut refused = 0;
        for _ in 0..10_000 {
            refused = if self.feeds().await { 0 } else { refused + 1 };
            if refused == 3 {
                return true;
            }
        }
        false
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
    async fn goes_through_a_full_disk(mut self, make_room: impl FnOnce(&Self)) -> PathBuf {
        let lines = tempfile::NamedTempFile::new().unwrap();
        assert!(self.feeds().await, "there is room");
        let filled = (0..200).find(|_| !self.adds(lines.path()));
        assert!(filled.is_some_and(|count| count > 0), "{filled:?} imports, then the disk was full");
        for _ in 0..3 {
            assert!(!self.adds(lines.path()), "it is still full");
            self.knows_what_it_confirmed();
        }
        self.refuses_what_it_cannot_keep().await;
        make_room(&self);
        assert!(self.adds(lines.path()), "there is room");
        assert!(self.feeds().await, "there is room");
        self.knows_what_it_confirmed();
        let Self { hub, data, known, fed, .. } = self;
        let copy = tempfile::tempdir().unwrap();
        // A memory disk ends with its hub.
        for file in std::fs::read_dir(&data).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        assert_eq!(hub.end_by(Signal::TERM).0, Some(0));
        let (_, listed, _) = run(&mut rtio(&format!("device list --data-dir {}", copy.path().display())));
        assert_eq!(listed.lines().count(), known.len(), "what was on disk is all there");
        let kept = open(copy.path()).feed_data(&device(0), 0, usize::MAX).await.unwrap();
        let kept: BTreeSet<_> = kept.iter().map(|record| record.message_id.as_str().to_owned()).collect();
        assert_eq!(kept, fed, "what was confirmed and nothing else");
        data
    }
}

async fn asks(hub: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    Caller::connect(hub.parse().unwrap()).await.asks(method, path, headers, body).await
}

/// Works for any user: a file must not grow beyond a limit, which is lifted from outside.
#[tokio::test]
async fn a_hub_that_cannot_write_any_more_refuses_and_goes_on_when_it_can() {
    let place = TempDir::new().unwrap();
    let data = place.path().join("data");
    let script = r#"trap '' XFSZ; ulimit -S -f 2048; exec "$0" "$@""#;
    fill(&open(&data)).await;
    let hub = Cramped::start(Command::new("env").arg("-i"), script, &data).await;
    hub.goes_through_a_full_disk(|cramped| {
        let pid = Pid::from_raw(i32::try_from(cramped.hub.id()).unwrap());
        let lifted = prlimit(pid, Resource::Fsize, Rlimit { current: None, maximum: None });
        lifted.unwrap();
    })
    .await;
    let (_, listed, stderr) = run(&mut rtio(&format!("device list --data-dir {}", data.display())));
    assert!(!listed.is_empty(), "{stderr}");
}

/// A disk that is really full, where this user may have one of its own.
#[tokio::test]
async fn a_hub_on_a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let may =
        Command::new("unshare").args(["-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]).stderr(Stdio::null()).status();
    if !may.is_ok_and(|status| status.success()) {
        println!("skipped: this user may have no disk in memory (unshare -rm, mount -t tmpfs)");
        return;
    }
    let place = TempDir::new().unwrap();
    let disk = place.path();
    let begun = TempDir::new().unwrap();
    fill(&open(begun.path())).await;
    let script = format!(
        r#"mount -t tmpfs -o size=12m tmpfs {0} && cp -r {1} {0}/data && head -c 8000000 /dev/zero > {0}/ballast && exec "$0" "$@""#,
        disk.display(),
        begun.path().display()
    );
    let mut cramped = Cramped::start(Command::new("unshare").arg("-rm"), &script, &disk.join("data")).await;
    let root = PathBuf::from(format!("/proc/{}/root", cramped.hub.id()));
    let seen = root.join(disk.strip_prefix("/").unwrap());
    cramped.data = seen.join("data");
    cramped.goes_through_a_full_disk(|_| std::fs::remove_file(seen.join("ballast")).unwrap()).await;
}
