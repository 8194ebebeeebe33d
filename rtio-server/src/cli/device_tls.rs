//! The TLS of a virtual device, as written on the command line. Pure: [`super::device`] reads the files and connects.

use std::path::PathBuf;

use clap::Args;
use rtio_server::config::value::switch;

/// The flags.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "TLS (files are PEM)")]
pub(super) struct TlsArguments {
    /// Connect by TLS, and verify the hub
    #[arg(long, value_parser = switch)]
    tls: bool,

    /// CA certificates that the hub is verified by; unless given, those that the system trusts
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Certificate of the device, for a hub that asks for one; with --key
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    /// Private key of --cert
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// What the hub's certificate must be good for; unless given, the host of --server
    #[arg(long, value_name = "NAME_OR_IP")]
    server_name: Option<String>,
}

/// What they come to, where TLS is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) ca: Option<PathBuf>,
    /// Files of the device's certificate and its key.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
    pub(super) server_name: Option<String>,
}

impl TlsArguments {
    /// None for plain TCP.
    pub(super) fn tls(self) -> Result<Option<Tls>, TlsArgumentError> {
        let Self { tls, ca, cert, key, server_name } = self;
        let has_more = ca.is_some() || cert.is_some() || key.is_some() || server_name.is_some();
        let identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(TlsArgumentError::HalfIdentity),
        };
        match (tls, has_more) {
            (true, _) => Ok(Some(Tls { ca, identity, server_name })),
            (false, true) => Err(TlsArgumentError::NoTls),
            (false, false) => Ok(None),
        }
    }
}

/// Flags that do not go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TlsArgumentError {
    /// A key of a certificate that is not there, or the other way round.
    #[error("--cert and --key belong together")]
    HalfIdentity,
    /// What was meant to be safe would go in the open.
    #[error("--ca, --cert, --key and --server-name are of no use without --tls")]
    NoTls,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(given: &[&str]) -> Result<Option<Tls>, TlsArgumentError> {
        let has = |flag| given.contains(&flag);
        let file = |flag| has(flag).then(|| PathBuf::from("file"));
        let server_name = has("server-name").then(|| "h".to_owned());
        TlsArguments { tls: has("tls"), ca: file("ca"), cert: file("cert"), key: file("key"), server_name }.tls()
    }

    #[test]
    fn flags_that_do_not_go_together_are_refused() {
        let nothing = Tls { ca: None, identity: None, server_name: None };
        assert_eq!(tls(&[]), Ok(None));
        assert_eq!(tls(&["tls"]), Ok(Some(nothing)));
        let identity = Some(("file".into(), "file".into()));
        let all = Tls { ca: Some("file".into()), identity, server_name: Some("h".into()) };
        assert_eq!(tls(&["tls", "ca", "cert", "key", "server-name"]), Ok(Some(all)));
        for given in [&["ca"][..], &["cert", "key"], &["server-name"]] {
            assert_eq!(tls(given), Err(TlsArgumentError::NoTls), "{given:?}");
        }
        for given in [["tls", "cert"], ["tls", "key"], ["ca", "cert"]] {
            assert_eq!(tls(&given), Err(TlsArgumentError::HalfIdentity), "{given:?}");
        }
    }
}
