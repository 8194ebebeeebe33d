//! The example devices, run as programs and asked what the curl lines in their headers ask.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use crate::support::backends::Echo;
use crate::support::tls::Ca;
use crate::support::{Issuer, Reply, TestHub, eventually, hub, within};

/// A running example; stopped when dropped.
struct Example {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
}

/// What a curl line asks: a path, and data where it posts.
#[derive(Debug, PartialEq, Eq)]
struct Curl {
    path: String,
    data: Option<String>,
}

impl Example {
    /// Starts an example and waits until it is online.
    async fn start(hub: &TestHub, name: &'static str) -> Self {
        Self::start_with(hub, name, &[]).await
    }

    async fn start_with(hub: &TestHub, name: &'static str, flags: &[&str]) -> Self {
        let program = tokio::task::spawn_blocking(move || folder().join(name)).await.expect("the examples are built");
        let server = hub.device_addr.to_string();
        let mut child = Command::new(program)
            .args(["--server", &server])
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the example starts");
        let stdout = child.stdout.take().map(BufReader::new);
        eventually("the example is online", || hub.core.devices_online() == 1).await;
        Self { child, stdout }
    }

    /// Waits for a line on its standard output that begins with `start`.
    async fn prints(&mut self, start: &'static str) {
        let mut stdout = self.stdout.take().expect("nobody else reads it");
        let read = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            while !line.starts_with(start) {
                line.clear();
                assert!(stdout.read_line(&mut line).expect("text") > 0, "no line begins with {start:?}");
            }
            stdout
        });
        self.stdout = Some(within(start, read).await.expect("the line comes"));
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Where the examples are, once cargo says that they are up to date: they belong to another package, which nobody builds for
/// this test.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let test = std::env::current_exe().expect("this program has a path");
        let target = test.ancestors().nth(3).expect("target/PROFILE/deps/PROGRAM");
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--locked", "--package", "examples", "--target-dir"])
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status();
        assert!(build.expect("cargo runs").success(), "the examples do not build");
        target.join("debug")
    })
}

/// The curl lines in the header of an example.
fn curl_lines(source: &str) -> Vec<Curl> {
    let header: String = source.lines().map_while(|line| line.strip_prefix("//!")).collect::<Vec<_>>().join("\n");
    let header = header.replace("\\\n", "");
    let lines = header.lines().filter(|line| line.trim_start().starts_with("curl"));
    lines
        .map(|line| {
            let (_, rest) = line.split_once("http://localhost:17917").expect("the hub's address");
            let path = rest.split_whitespace().next().expect("a path").to_owned();
            let data = rest.split_once("-d ").map(|(_, data)| match data.strip_prefix('\'') {
                Some(quoted) => quoted.split('\'').next().unwrap_or_default().to_owned(),
                None => data.split_whitespace().next().unwrap_or_default().to_owned(),
            });
            Curl { path, data }
        })
        .collect()
}

async fn asks(hub: &TestHub, curl: &Curl) -> Reply {
    match &curl.data {
        Some(data) => hub.asks("POST", &curl.path, &[], data.as_bytes()).await,
        None => hub.asks("GET", &curl.path, &[], b"").await,
    }
}

#[tokio::test]
async fn simple_device_answers_both_forms() {
    let hub = hub().start().await;
    let _example = Example::start(&hub, "simple_device").await;
    let curl = curl_lines(include_str!("../../../examples/src/bin/simple_device.rs"));
    assert_eq!(asks(&hub, &curl[0]).await.body, b"world");
    let reply = asks(&hub, &curl[1]).await;
    assert_eq!((reply.envelope(), reply.field("id")), (("OK".to_owned(), b"world".to_vec()), "12667".to_owned()));
}

#[tokio::test]
async fn simple_device_tls_answers_over_a_session_that_it_verified() {
    let (ca, folder) = (Ca::new(), tempfile::tempdir().expect("a folder"));
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, ca.pem()).expect("the folder can be written");
    let hub = hub().with_device_tls(&ca).start().await;
    let flags = ["--ca", file.to_str().expect("text")];
    let _example = Example::start_with(&hub, "simple_device_tls", &flags).await;
    let curl = curl_lines(include_str!("../../../examples/src/bin/simple_device_tls.rs"));
    assert_eq!(asks(&hub, &curl[0]).await.body, b"world");
}

#[tokio::test]
async fn simple_device_obget_streams_in_both_forms() {
    let hub = hub().start().await;
    let _example = Example::start(&hub, "simple_device_obget").await;
    let curl = curl_lines(include_str!("../../../examples/src/bin/simple_device_obget.rs"));
    let (direct, compatible) = tokio::join!(asks(&hub, &curl[0]), asks(&hub, &curl[1]));
    for (reply, id) in [(direct, 0), (compatible, 12667)] {
        let text = reply.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 11);
        assert_eq!(lines[0], format!(r#"{{"id":{id},"fid":0,"code":"CONTINUE","data":"d29ybGQgMA=="}}"#));
        assert_eq!(lines[10], format!(r#"{{"id":{id},"fid":10,"code":"TERMINATE","data":""}}"#));
    }
}

#[tokio::test]
async fn simple_device_copost_to_server_reports_and_answers() {
    let hub = hub().with_service("/aa/bb", Echo).start().await;
    let mut example = Example::start(&hub, "simple_device_copost_to_server").await;
    let curl = curl_lines(include_str!("../../../examples/src/bin/simple_device_copost_to_server.rs"));
    assert_eq!(asks(&hub, &curl[0]).await.body, b"world");
    example.prints("report answered with").await;
}

#[test]
fn curl_lines_are_found_in_headers() {
    let source = "//! Text.\n//! curl http://localhost:17917/d/u -d hello\n//! curl -N http://localhost:17917/d \\\n//!     -d '{\"a\": 1}'\n//! curl http://localhost:17917/d/u\n\ncode";
    let curl = |path: &str, data: Option<&str>| Curl { path: path.to_owned(), data: data.map(str::to_owned) };
    assert_eq!(curl_lines(source), [curl("/d/u", Some("hello")), curl("/d", Some("{\"a\": 1}")), curl("/d/u", None)]);
}

#[tokio::test]
async fn tokens_of_jwt_issuer_are_accepted_by_a_hub() {
    let issuer = Issuer::new();
    let hub = issuer.hub().start().await;
    let _device = hub.device("PRINTER-001").await.answers("/uri", b"yes");
    let program = tokio::task::spawn_blocking(|| folder().join("jwt_issuer")).await.expect("the examples are built");
    let mut command = Command::new(program);
    command.args(["--listen", "127.0.0.1:0", "--key"]).arg(issuer.private_file());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the example starts");
    let mut line = String::new();
    let mut stdout = child.stdout.take().map(BufReader::new).expect("it is piped");
    stdout.read_line(&mut line).expect("text");
    let _example = Example { child, stdout: Some(stdout) };
    let addr = line.trim().strip_prefix("issuer http://").expect("its address").parse().expect("an address");
    let mut caller = crate::support::Caller::connect(addr).await;
    for (request, code) in [
        (r#"{"id":1,"method":"jwtissuer","deviceid":"PRINTER-001"}"#, "OK"),
        (r#"{"id":1,"method":"jwtissuer","deviceid":"PRINTER-001","expires":604800}"#, "OK"),
        (r#"{"id":1,"method":"jwtissuer","deviceid":"PRINTER-001","expires":604801}"#, "BAD_REQUEST"),
        (r#"{"id":1,"method":"jwtissuer","deviceid":"PRINTER-001","expires":0}"#, "BAD_REQUEST"),
        (r#"{"id":1,"method":"jwtissuer","deviceid":"a b"}"#, "BAD_REQUEST"),
        (r#"{"id":1,"method":"jwtissuer"}"#, "BAD_REQUEST"),
        (r#"{"id":1,"method":"verify","deviceid":"PRINTER-001"}"#, "METHOD_NOT_ALLOWED"),
        (r#"{"method":"jwtissuer","deviceid":"PRINTER-001"}"#, "BAD_REQUEST"),
        ("no json", "BAD_REQUEST"),
    ] {
        let reply = caller.asks("POST", "/", &[], request.as_bytes()).await;
        assert_eq!(reply.field("code"), code, "{request}");
        if code == "OK" {
            let bearer = format!("Bearer {}", reply.field("jwt"));
            let called = hub.asks("POST", "/PRINTER-001/uri", &[("authorization", &bearer)], b"").await;
            assert_eq!((called.status, called.body), (200, b"yes".to_vec()));
        }
    }
}
