//! The URL of a hub. Pure.

use std::fmt;
use std::io;

use hyper::Uri;
use rustls_pki_types::ServerName;

use super::super::Failure;

/// One of a hub's HTTP ports: where callers connect, or operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct HubUrl {
    pub(super) scheme: Scheme,
    /// Host and port as in the URL, for the `Host` header.
    pub(super) authority: String,
    /// Without the brackets of an IPv6 address.
    pub(super) host: String,
    pub(super) port: u16,
}

/// Whether TLS is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl HubUrl {
    /// Reads `http://HOST[:PORT]` or `https://HOST[:PORT]`.
    pub(in super::super) fn parse(text: &str) -> Result<Self, HubUrlError> {
        let url: Uri = text.parse().map_err(|_| HubUrlError)?;
        let authority = url.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(HubUrlError)?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
        let (scheme, default_port) = match url.scheme_str() {
            Some("http") if is_bare => (Scheme::Http, 80),
            Some("https") if is_bare => (Scheme::Https, 443),
            _ => return Err(HubUrlError),
        };
        Ok(Self {
            scheme,
            authority: authority.to_string(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(default_port),
        })
    }

    /// The failure of a connection that broke, or on which no HTTP came.
    pub(in super::super) fn no_http(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        Failure::Http { hub: self.to_string(), source: error.into() }
    }

    /// What the hub's certificate must be good for.
    pub(super) fn server_name(&self) -> io::Result<ServerName<'static>> {
        ServerName::try_from(self.host.clone()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))
    }
}

impl fmt::Display for HubUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(out, "{scheme}://{}", self.authority)
    }
}

/// Text that is no URL of a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected http://HOST[:PORT] or https://HOST[:PORT], such as http://127.0.0.1:17917")]
pub(in super::super) struct HubUrlError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_and_a_host_and_no_path() {
        let check = |text: &str, host: &str, port| {
            let url = HubUrl::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port), (host, port), "{text}");
            assert_eq!(url.to_string(), text.trim_end_matches('/'));
            assert!(url.server_name().is_ok(), "{text}");
        };
        check("http://127.0.0.1:17917", "127.0.0.1", 17917);
        check("http://hub.example/", "hub.example", 80);
        check("http://[::1]:1", "::1", 1);
        check("https://hub.example", "hub.example", 443);
        check("https://[::1]:8443/", "::1", 8443);
        for bad in
            ["", "127.0.0.1:17917", "ftp://a", "http://", "https://a/b", "http://a/b", "http://a/?b", "http://u@a"]
        {
            assert_eq!(HubUrl::parse(bad), Err(HubUrlError), "{bad}");
        }
    }
}
