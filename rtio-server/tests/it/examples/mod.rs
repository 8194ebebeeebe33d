//! The examples, run as programs and asked what the curl lines in their headers ask.

mod backends;
mod devices;
mod realer;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use crate::support::{Caller, Reply, TestHub, eventually, within};

/// A running example; stopped when dropped.
struct Example {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
}

/// What a curl line asks: a path, perhaps with a header, and data where it posts.
#[derive(Debug, PartialEq, Eq)]
struct Curl {
    path: String,
    header: Option<String>,
    data: Option<String>,
}

impl Example {
    /// Starts an example and waits until it is online.
    async fn start(hub: &TestHub, name: &'static str) -> Self {
        Self::start_with(hub, name, &[]).await
    }

    async fn start_with(hub: &TestHub, name: &'static str, flags: &[&str]) -> Self {
        let server = hub.device_addr.to_string();
        let example = Self::run(name, &[&["--server", &server], flags].concat()).await;
        eventually("the example is online", || hub.core.devices_online() == 1).await;
        example
    }

    /// Starts a backend on a free port, and waits until it has printed where it is.
    async fn serve(name: &'static str, flags: &[&str]) -> (Self, SocketAddr) {
        let mut example = Self::run(name, &[&["--listen", "127.0.0.1:0"], flags].concat()).await;
        let line = example.prints("").await;
        let address = line.rsplit_once("http://").and_then(|(_, address)| address.trim().parse().ok());
        (example, address.unwrap_or_else(|| panic!("no address in {line:?}")))
    }

    async fn run(name: &'static str, flags: &[&str]) -> Self {
        let program = tokio::task::spawn_blocking(move || folder().join(name)).await.expect("the examples are built");
        Self::spawn(Command::new(program).args(flags))
    }

    fn spawn(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the example starts");
        let stdout = child.stdout.take().map(BufReader::new);
        Self { child, stdout }
    }

    /// Waits for a line on its standard output that begins with `start`, and returns it.
    async fn prints(&mut self, start: &'static str) -> String {
        let mut stdout = self.stdout.take().expect("nobody else reads it");
        let read = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            while line.is_empty() || !line.starts_with(start) {
                line.clear();
                assert!(stdout.read_line(&mut line).expect("text") > 0, "no line begins with {start:?}");
            }
            (stdout, line)
        });
        let (stdout, line) = within(start, read).await.expect("the line comes");
        self.stdout = Some(stdout);
        line
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
    header.lines().filter(|line| line.trim_start().starts_with("curl")).map(Curl::parse).collect()
}

impl Curl {
    fn parse(line: &str) -> Self {
        let (_, rest) = line.split_once("http://localhost:").expect("an address");
        let path = rest.split_whitespace().next().and_then(|address| address.get(PORT_DIGITS..)).expect("a port");
        let path = if path.is_empty() { "/" } else { path };
        Self { path: path.to_owned(), header: word_behind(rest, "-H "), data: word_behind(rest, "-d ") }
    }

    /// Asks it of a backend.
    async fn asks(&self, addr: SocketAddr) -> Reply {
        let header = self.header.as_deref().and_then(|header| header.split_once(": "));
        let data = self.data.as_deref().expect("backends are posted to");
        Caller::connect(addr).await.asks("POST", &self.path, header.as_slice(), data.as_bytes()).await
    }
}

/// What follows a flag, without the quotes.
fn word_behind(line: &str, flag: &str) -> Option<String> {
    let (_, word) = line.split_once(flag)?;
    let word = match word.strip_prefix('\'') {
        Some(quoted) => quoted.split('\'').next(),
        None => word.split_whitespace().next(),
    };
    word.map(str::to_owned)
}

async fn asks(hub: &TestHub, curl: &Curl) -> Reply {
    match &curl.data {
        Some(data) => hub.asks("POST", &curl.path, &[], data.as_bytes()).await,
        None => hub.asks("GET", &curl.path, &[], b"").await,
    }
}

/// Of every published port.
const PORT_DIGITS: usize = 5;

#[test]
fn curl_lines_are_found_in_headers() {
    let source = "//! Text.\n//! curl http://localhost:17917/d/u -d hello\n//! curl -N http://localhost:17917/d \\\n//!     -d '{\"a\": 1}'\n//! curl http://localhost:17917 -H 'A: b' -d c\n\ncode";
    let curl = |path: &str, header: Option<&str>, data: &str| Curl {
        path: path.to_owned(),
        header: header.map(str::to_owned),
        data: Some(data.to_owned()),
    };
    let expected = [curl("/d/u", None, "hello"), curl("/d", None, "{\"a\": 1}"), curl("/", Some("A: b"), "c")];
    assert_eq!(curl_lines(source), expected);
}
