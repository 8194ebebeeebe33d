//! One HTTP request to a hub, on a connection of its own. Knows no devices: `call` and `observe` say what to ask for.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::http::request;
use hyper::{Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Failure;

/// One of a hub's HTTP ports: where callers connect, or operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HubUrl {
    /// Host and port as in the URL, for the `Host` header.
    authority: String,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

impl HubUrl {
    /// Reads `http://HOST[:PORT]`.
    pub(super) fn parse(text: &str) -> Result<Self, HubUrlError> {
        let url: Uri = text.parse().map_err(|_| HubUrlError)?;
        let authority = url.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(HubUrlError)?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none();
        if url.scheme_str() != Some("http") || !is_bare {
            return Err(HubUrlError);
        }
        Ok(Self {
            authority: authority.to_string(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
        })
    }

    /// Sends the request for `path` and returns the head of the answer; its body is still to be read.
    pub(super) async fn send(
        &self,
        request: request::Builder,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let unreachable = |source| Failure::Connect { hub: self.to_string(), source };
        let stream = match timeout(CONNECT_TIMEOUT, TcpStream::connect((self.host.as_str(), self.port))).await {
            Ok(connected) => connected.map_err(unreachable)?,
            Err(_) => return Err(unreachable(io::ErrorKind::TimedOut.into())),
        };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.no_http(error))?;
        // Its errors come out where the answer is awaited, too.
        tokio::spawn(connection);
        let request = request.uri(path).header(HOST, &self.authority).body(Full::new(body));
        let request = request.map_err(|error| self.no_http(error))?;
        sender.send_request(request).await.map_err(|error| self.no_http(error))
    }

    /// The failure of a connection that broke, or on which no HTTP came.
    pub(super) fn no_http(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        Failure::Http { hub: self.to_string(), source: error.into() }
    }
}

impl fmt::Display for HubUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "http://{}", self.authority)
    }
}

/// Text that is no URL of a hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected http://HOST[:PORT], such as http://127.0.0.1:17917")]
pub(super) struct HubUrlError;

/// Longest wait for a connection. Three SYNs on Linux (0, 1 and 3 s): a hub that did not take one of them is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_and_a_host_and_no_path() {
        let check = |text: &str, host: &str, port| {
            let url = HubUrl::parse(text).unwrap();
            assert_eq!((url.host.as_str(), url.port), (host, port), "{text}");
        };
        check("http://127.0.0.1:17917", "127.0.0.1", 17917);
        check("http://hub.example/", "hub.example", 80);
        check("http://[::1]:1", "::1", 1);
        for bad in ["", "127.0.0.1:17917", "https://a", "http://", "http://a/b", "http://a/?b", "http://u@a"] {
            assert_eq!(HubUrl::parse(bad), Err(HubUrlError), "{bad}");
        }
    }
}
