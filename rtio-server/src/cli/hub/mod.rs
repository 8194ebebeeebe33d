//! A hub as `call` and `observe` reach it: where it is, which CA vouches for it, which token opens it. One request on a
//! connection of its own; knows no devices.

mod token;
mod trust;
mod url;

pub(crate) use token::BearerError;
pub(crate) use trust::TrustError;
pub(super) use url::HubUrl;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue};
use hyper::http::request;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::token::Token;
use self::url::Scheme;
use super::Failure;
use super::problem::Problem;

/// Which hub, and what it takes to speak with it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Hub")]
pub(super) struct HubArguments {
    /// Where the hub's callers connect: http or https
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:17917", value_parser = HubUrl::parse)]
    hub: HubUrl,

    /// CA certificates that the hub of an https URL is verified by, in PEM; unless given, those that the system trusts
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Token for a hub that wants one; better in the variable, where other users do not see it
    #[arg(long, value_name = "TOKEN", value_parser = Token::parse, hide_default_value = true)]
    token: Option<Token>,

    /// File that holds the token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// A hub that can be asked.
pub(super) struct Hub {
    url: HubUrl,
    /// For an https URL.
    tls: Option<TlsConnector>,
    authorization: Option<HeaderValue>,
}

impl HubArguments {
    /// Reads what stands in files.
    pub(super) fn open(&self) -> Result<Hub, Failure> {
        let tls = match (self.hub.scheme, &self.ca) {
            (Scheme::Https, ca) => Some(trust::connector(ca.as_deref())?),
            (Scheme::Http, Some(_)) => return Err(TrustError::PlainUrl.into()),
            (Scheme::Http, None) => None,
        };
        let authorization = token::authorization(self.token.as_ref(), self.token_file.as_deref())?;
        Ok(Hub { url: self.hub.clone(), tls, authorization })
    }
}

impl Hub {
    /// A hub's port that is asked without a token of a caller. By https, it must be one that the system trusts.
    pub(super) fn at(url: &HubUrl) -> Result<Self, Failure> {
        let tls = match url.scheme {
            Scheme::Https => Some(trust::connector(None)?),
            Scheme::Http => None,
        };
        Ok(Self { url: url.clone(), tls, authorization: None })
    }

    /// Sends the request for `path` and returns the head of the answer; its body is still to be read.
    pub(super) async fn send(
        &self,
        request: request::Builder,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = request.uri(path).header(HOST, &self.url.authority);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body)).map_err(|error| self.no_http(error))?;
        match &self.tls {
            None => self.exchange(self.connect().await?, request).await,
            Some(tls) => self.exchange(self.handshake(tls).await?, request).await,
        }
    }

    /// The failure that an answer stands for which is no success.
    pub(super) fn refused(&self, status: u16, body: &[u8]) -> Failure {
        let problem = Problem::of_answer(status, body);
        match (status, &self.authorization) {
            (401, None) => Failure::TokenWanted(problem),
            (401, Some(_)) => Failure::TokenRefused(problem),
            (403, _) => Failure::NotAllowed(problem),
            _ => problem.into(),
        }
    }

    /// The failure of a connection that broke, or on which no HTTP came.
    pub(super) fn no_http(&self, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Failure {
        self.url.no_http(error)
    }

    async fn connect(&self) -> Result<TcpStream, Failure> {
        let connected = TcpStream::connect((self.url.host.as_str(), self.url.port));
        let stream = in_time(CONNECT_TIMEOUT, connected).await;
        stream.map_err(|source| Failure::Connect { hub: self.to_string(), source })
    }

    async fn handshake(&self, tls: &TlsConnector) -> Result<TlsStream<TcpStream>, Failure> {
        let stream = self.connect().await?;
        let handshake = async { tls.connect(self.url.server_name()?, stream).await };
        let stream = in_time(HANDSHAKE_TIMEOUT, handshake).await;
        stream.map_err(|source| Failure::Handshake { hub: self.to_string(), source })
    }

    async fn exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        stream: S,
        request: hyper::Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.no_http(error))?;
        // Its errors come out where the answer is awaited, too.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|error| self.no_http(error))
    }
}

impl std::fmt::Display for Hub {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.url.fmt(out)
    }
}

async fn in_time<T>(limit: Duration, attempt: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, attempt).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Longest wait for a connection. Three SYNs on Linux (0, 1 and 3 s): a hub that did not take one of them is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for a handshake: what a hub allows it by default.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
