//! openssl's `s_client` as a device: another TLS than ours.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]
#![expect(clippy::print_stdout, reason = "a test that is skipped shall say so")]

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Ca, TestHub, hub};

/// One run of `openssl s_client`, which ends by itself at last.
struct Client {
    child: Child,
    said: Vec<u8>,
}

impl Client {
    fn connect(addr: SocketAddr, folder: &Path, flags: &str) -> Self {
        let mut command = Command::new("timeout");
        command.args(["20", "openssl", "s_client", "-servername", "localhost", "-verify_return_error"]);
        command.arg("-CAfile").arg(folder.join("ca.pem")).arg("-connect").arg(addr.to_string());
        command.args(flags.split_whitespace()).current_dir(folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        Self { child: command.spawn().unwrap(), said: Vec::new() }
    }

    fn sends(&mut self, bytes: &[u8]) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(bytes).and_then(|()| stdin.flush()).unwrap();
    }

    /// Reads until `bytes` have come, behind all that it says about the connection.
    fn receives(&mut self, bytes: &[u8]) {
        let mut piece = [0; 4096];
        while !self.said.windows(bytes.len()).any(|window| window == bytes) {
            let len = self.child.stdout.as_mut().unwrap().read(&mut piece).unwrap();
            assert!(len > 0, "it ended without {bytes:?}: {}", String::from_utf8_lossy(&self.said));
            self.said.extend_from_slice(&piece[..len]);
        }
    }

    fn verifies(&mut self) {
        self.sends(b"\x10\x00\x01\x00\x05\x00dev:");
        self.receives(b"\x21\x00\x01\x00\x00");
    }

    /// Leaves, and says what it said.
    fn leaves(mut self) -> String {
        drop(self.child.stdin.take());
        self.child.stdout.as_mut().unwrap().read_to_end(&mut self.said).unwrap();
        self.child.wait().unwrap();
        String::from_utf8_lossy(&self.said).into_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn openssl_is_missing() -> bool {
    let found = Command::new("openssl").arg("version").stdout(Stdio::null()).status();
    if found.is_ok() {
        return false;
    }
    println!("skipped: there is no openssl");
    true
}

async fn hub_over(folder: &Path, ca: &Ca) -> TestHub {
    std::fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
    let data_dir = folder.join("data");
    hub().with_device_tls(ca).with(|config| config.data_dir = Some(data_dir)).start().await
}

/// While the hub goes on, on the other thread.
fn blocking<T>(what: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(what)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_called_before_and_after_its_keys_change() {
    if openssl_is_missing() {
        return;
    }
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    let hub = hub_over(folder.path(), &ca).await;
    for version in ["-tls1_2", "-tls1_3"] {
        let mut device = Client::connect(hub.device_addr, folder.path(), version);
        blocking(|| device.verifies());
        let call = hub.is_called("/dev/uri", b"first call");
        blocking(|| device.receives(b"first call"));
        device.sends(b"\x81\x00\x01\x00\x05\x22done");
        assert_eq!(call.await.unwrap().body, b"done", "{version}");
        if version == "-tls1_3" {
            // A command of s_client, not data: it asks for new keys on both sides.
            device.sends(b"K\n");
        }
        let call = hub.is_called("/dev/uri", b"second call");
        blocking(|| device.receives(b"second call"));
        device.sends(b"\x81\x00\x02\x00\x05\x22more");
        assert_eq!(call.await.unwrap().body, b"more", "{version}");
        let said = blocking(|| device.leaves());
        assert!(said.contains(&version.replace("-tls1_", "TLSv1.")), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_takes_its_session_up_again_after_a_restart_of_the_hub() {
    if openssl_is_missing() {
        return;
    }
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    for version in ["-tls1_2", "-tls1_3"] {
        let hub = hub_over(folder.path(), &ca).await;
        let visit = |hub: &TestHub, flags: &str| {
            let mut device = Client::connect(hub.device_addr, folder.path(), &format!("{version} {flags}"));
            blocking(|| device.verifies());
            blocking(|| device.leaves())
        };
        let said = visit(&hub, "-sess_out session.pem");
        assert!(said.contains("\nNew, TLSv1."), "{version}: {said}");
        hub.stops().await;
        let hub = hub_over(folder.path(), &ca).await;
        let said = visit(&hub, "-sess_in session.pem");
        assert!(said.contains("\nReused, TLSv1."), "{version}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn older_versions_are_refused() {
    if openssl_is_missing() {
        return;
    }
    let (ca, folder) = (Ca::new(), tempfile::tempdir().unwrap());
    let hub = hub_over(folder.path(), &ca).await;
    let device = Client::connect(hub.device_addr, folder.path(), "-tls1_1 -cipher ALL:@SECLEVEL=0");
    let said = blocking(|| device.leaves());
    assert!(said.contains("no peer certificate available"), "{said}");
}
