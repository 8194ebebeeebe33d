//! The one HTTP client with which the hub asks its backends: kept connections, HTTP/1.1 and HTTP/2, TLS; a time limit and a cap
//! on the answer for each request. Those who ask (`verifier`, key sets of callers' tokens, …) know what the bytes mean.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::signature::SIGNATURE;
use super::{BackendUrl, Signer, SigningKeyError, Trust, TrustError};

type Connections = Pool<HttpsConnector<HttpConnector>, Full<Bytes>>;
type BoxError = Box<dyn Error + Send + Sync>;

/// Asks backends. All clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    trust: Trust,
    connections: Arc<ArcSwap<Connections>>,
    /// `None`: posts are not signed.
    signer: Option<Arc<Signer>>,
}

/// What one request may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// From the first step of connecting to the last byte of the answer.
    pub time: Duration,
    /// Most bytes of the answer's body.
    pub max_bytes: usize,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Any.
    pub status: StatusCode,
    /// How long the backend wants to be left alone, if it says so in seconds.
    pub retry_after: Option<Duration>,
    /// No more than the bounds allow; empty unless the status means success, because nobody needs the pages that explain failures.
    pub body: Bytes,
}

impl Reply {
    fn into_ok(self) -> Result<Bytes, BackendError> {
        if self.status == StatusCode::OK { Ok(self.body) } else { Err(BackendError::Status(self.status.as_u16())) }
    }
}

/// Why there is no answer. All but `Status` mean that the backend is down, or is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// No connection.
    #[error("the backend cannot be reached")]
    Unreachable(#[source] BoxError),
    /// Its certificate is not trusted, or it speaks no TLS that we do.
    #[error("no trusted TLS connection to the backend")]
    Tls(#[source] BoxError),
    /// It took too long.
    #[error("no answer of the backend within {} ms", limit.as_millis())]
    TimedOut {
        /// The limit.
        limit: Duration,
    },
    /// The connection broke before the answer was whole, or what came is no HTTP.
    #[error("the backend's answer is broken")]
    Broken(#[source] BoxError),
    /// An answer other than 200.
    #[error("the backend answered with HTTP status {0}")]
    Status(u16),
    /// The answer goes on and on.
    #[error("the backend's answer has more than {max_bytes} bytes")]
    TooLong {
        /// The cap.
        max_bytes: usize,
    },
}

impl BackendError {
    /// One word for it, for metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Tls(_) => "tls",
            Self::TimedOut { .. } => "timed_out",
            Self::Broken(_) => "broken",
            Self::Status(_) => "status",
            Self::TooLong { .. } => "too_long",
        }
    }
}

impl Client {
    /// A client that has no connections yet.
    ///
    /// # Errors
    ///
    /// [`TrustError`], where the authorities to trust cannot be read.
    pub fn new(trust: Trust) -> Result<Self, TrustError> {
        if trust == Trust::Anyone {
            tracing::warn!("INSECURE: certificates of backends are not verified (--backend-insecure)");
        }
        let connections = Arc::new(ArcSwap::from_pointee(connections(&trust)?));
        Ok(Self { trust, connections, signer: None })
    }

    /// A client that signs what it posts.
    #[must_use]
    pub fn signed_by(self, signer: Signer) -> Self {
        Self { signer: Some(Arc::new(signer)), ..self }
    }

    /// Reads the authorities to trust again. New requests use them, on new connections.
    ///
    /// # Errors
    ///
    /// [`TrustError`]; the old ones stay.
    pub fn reload(&self) -> Result<(), TrustError> {
        self.connections.store(Arc::new(connections(&self.trust)?));
        Ok(())
    }

    /// Reads the keys that posts are signed with again.
    ///
    /// # Errors
    ///
    /// [`SigningKeyError`]; the old ones stay.
    pub fn reload_keys(&self) -> Result<(), SigningKeyError> {
        self.signer.as_ref().map_or(Ok(()), |signer| signer.reload())
    }

    /// Posts a JSON document; the answer's body.
    ///
    /// # Errors
    ///
    /// [`BackendError`]; anything but status 200 is one.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up; the backend may have acted on it.
    pub async fn post_json(&self, url: &BackendUrl, document: Vec<u8>, bounds: Bounds) -> Result<Bytes, BackendError> {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, JSON), (ACCEPT, JSON)]);
        self.post(url, headers, Bytes::from(document), bounds).await.and_then(Reply::into_ok)
    }

    /// Posts any bytes with `headers`, and a signature where there is a key; the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// [`BackendError`], but never `Status`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up; the backend may have acted on it.
    pub async fn post(
        &self,
        url: &BackendUrl,
        mut headers: HeaderMap,
        body: Bytes,
        bounds: Bounds,
    ) -> Result<Reply, BackendError> {
        if let Some(signer) = &self.signer {
            headers.insert(SIGNATURE, signer.sign(&headers, &body));
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        self.send(url, request, bounds).await
    }

    /// Gets what is at `url`.
    ///
    /// # Errors
    ///
    /// [`BackendError`]; anything but status 200 is one, a redirect too.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the request up.
    pub async fn get(&self, url: &BackendUrl, bounds: Bounds) -> Result<Bytes, BackendError> {
        let mut request = Request::new(Full::default());
        request.headers_mut().insert(ACCEPT, JSON);
        self.send(url, request, bounds).await.and_then(Reply::into_ok)
    }

    async fn send(
        &self,
        url: &BackendUrl,
        mut request: Request<Full<Bytes>>,
        bounds: Bounds,
    ) -> Result<Reply, BackendError> {
        *request.uri_mut() = url.as_uri().clone();
        let exchange = exchange(self.connections.load_full(), request, bounds.max_bytes);
        let answer = tokio::time::timeout(bounds.time, exchange).await;
        answer.unwrap_or(Err(BackendError::TimedOut { limit: bounds.time }))
    }
}

async fn exchange(
    connections: Arc<Connections>,
    request: Request<Full<Bytes>>,
    max_bytes: usize,
) -> Result<Reply, BackendError> {
    let answer = connections.request(request).await.map_err(of_request)?;
    let (status, retry_after) = (answer.status(), retry_after(answer.headers()));
    if !status.is_success() {
        return Ok(Reply { status, retry_after, body: Bytes::new() });
    }
    match Limited::new(answer.into_body(), max_bytes).collect().await {
        Ok(body) => Ok(Reply { status, retry_after, body: body.to_bytes() }),
        Err(error) if error.is::<LengthLimitError>() => Err(BackendError::TooLong { max_bytes }),
        Err(error) => Err(BackendError::Broken(error)),
    }
}

/// The other form of the header, a date, is not read: it would need the backend's clock to be ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn of_request(error: hyper_util::client::legacy::Error) -> BackendError {
    if !error.is_connect() {
        return BackendError::Broken(error.into());
    }
    if speaks_of_tls(&error) { BackendError::Tls(error.into()) } else { BackendError::Unreachable(error.into()) }
}

/// An error of IO hides the one that it was made of from `source`.
fn speaks_of_tls(error: &(dyn Error + 'static)) -> bool {
    let inner = error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
    error.is::<rustls::Error>()
        || inner.is_some_and(|inner| speaks_of_tls(inner))
        || error.source().is_some_and(speaks_of_tls)
}

fn connections(trust: &Trust) -> Result<Connections, TrustError> {
    let mut tcp = HttpConnector::new();
    // The scheme is the business of the layer above.
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let tls = HttpsConnectorBuilder::new().with_tls_config(trust.client_config()?);
    let connector = tls.https_or_http().enable_all_versions().wrap_connector(tcp);
    let mut builder = Pool::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).timer(TokioTimer::new());
    builder.pool_idle_timeout(IDLE_TIMEOUT).pool_max_idle_per_host(MAX_IDLE);
    builder.http1_max_buf_size(MAX_HEAD_BYTES).http2_max_header_list_size(MAX_HEADER_LIST_BYTES);
    // Not of idle connections: they are closed sooner than a ping would tell more.
    builder.http2_keep_alive_interval(PING_INTERVAL).http2_keep_alive_timeout(PING_TIMEOUT);
    Ok(builder.build(connector))
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How long a connection is kept without a request: less than common servers keep theirs (Node.js 5 s), because a request that
/// meets a closing connection fails.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// Silence of a backend that owes an answer over HTTP/2, after which it is asked for a sign of life. A request that gives up leaves a
/// connection of HTTP/2 open for others, so that steady requests would all go to a backend that vanished, until TCP gives up after
/// some 15 minutes. One of HTTP/1 is closed with its request. Less than half of what a request may take by default, so that a single one is
/// enough to tell.
const PING_INTERVAL: Duration = Duration::from_secs(2);

/// How long the sign may take: two repeats by TCP (RFC 6298: after 1 s, then 2 s). Requests of the connection fail with it; the next
/// begins a new one.
const PING_TIMEOUT: Duration = Duration::from_secs(3);

/// Connections that are kept to one backend: as many as verifications are in flight by default.
const MAX_IDLE: usize = 256;

/// Head of an answer, and what hyper reads at once: a backend must not make us keep more.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEADER_LIST_BYTES: u32 = 16 * 1024;

#[cfg(test)]
mod tests;
