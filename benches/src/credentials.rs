//! What a hub with TLS and tokens needs, made by the hub's own program in a folder that goes away with the run.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tokio_rustls::TlsConnector;

use crate::error::RunError;
use crate::port::trust;

/// Certificates for the ports, and perhaps a token for all devices.
pub(crate) struct Credentials {
    folder: TempDir,
    pub(crate) trust: TlsConnector,
    pub(crate) token: Option<String>,
}

impl Credentials {
    /// Certificates alone.
    pub(crate) fn certificates(hub: &Path) -> Result<Self, RunError> {
        let folder = tempfile::tempdir().map_err(RunError::io("make a folder"))?;
        run(hub, &["certs", "--out"], folder.path(), &[])?;
        let trust = trust(&folder.path().join("ca.pem")).map_err(RunError::io("read the certificate of the CA"))?;
        Ok(Self { folder, trust, token: None })
    }

    /// Certificates, and a token that is good for calling every device.
    pub(crate) fn with_token(hub: &Path) -> Result<Self, RunError> {
        let mut credentials = Self::certificates(hub)?;
        run(hub, &["token", "keygen", "--out"], credentials.folder.path(), &[])?;
        let key = credentials.file("token-key.pem");
        let token = run(hub, &["token", "issue", "--key"], &key, &["--grant", "devices=*;methods=copost"])?;
        credentials.token = Some(token.trim().to_owned());
        Ok(credentials)
    }

    /// Flags of a hub that uses them.
    pub(crate) fn flags(&self) -> Vec<String> {
        let mut files = vec![
            ("--device-tls-cert", "server.pem"),
            ("--device-tls-key", "server-key.pem"),
            ("--http-tls-cert", "server.pem"),
            ("--http-tls-key", "server-key.pem"),
        ];
        if self.token.is_some() {
            files.push(("--jwt-key", "token-key.pub.pem"));
        }
        let words = files.into_iter().flat_map(|(flag, name)| [flag.to_owned(), self.file(name).display().to_string()]);
        words.collect()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Runs the program to its end, and returns what it printed.
pub(crate) fn run(hub: &Path, words: &[&str], path: &Path, more: &[&str]) -> Result<String, RunError> {
    let doing = format!("run {} {}", hub.display(), words.join(" "));
    let output = Command::new(hub).args(words).arg(path).args(more).output().map_err(RunError::io(&*doing))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(RunError::Io { doing, source: io::Error::other(said) });
    }
    String::from_utf8(output.stdout).map_err(|error| RunError::Io { doing, source: io::Error::other(error) })
}
