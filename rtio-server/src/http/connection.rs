//! The task of one caller's connection: which version of HTTP it speaks, and what both versions have in common.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::{Body, Incoming};
use hyper::{Request, Response, Version};
use tokio::time::Instant;

use super::activity::Activity;
use super::body::{self, ReplyBody};
use super::patience::Patience;
use super::{Callers, h1, h2, service};
use crate::net::Stream;

/// What a connection's service is made of.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) callers: Arc<Callers>,
    pub(super) activity: Arc<Activity>,
    pub(super) peer: SocketAddr,
    /// Whether it has TLS.
    pub(super) is_secure: bool,
}

/// Serves a connection until it ends. TLS agreed on the version; plain connections speak HTTP/1.1.
pub(super) async fn run(callers: Arc<Callers>, stream: Stream, peer: SocketAddr) {
    let h2 = stream.protocol() == Some(H2);
    let is_secure = matches!(stream, Stream::Tls(_));
    let connection = Arc::new(Connection { callers, activity: Arc::new(Activity::default()), peer, is_secure });
    if h2 {
        // Boxed, so that connections of HTTP/1.1 are not as large as one of these.
        Box::pin(h2::run(&connection, stream)).await;
    } else {
        h1::run(&connection, stream).await;
    }
}

impl Connection {
    /// Answers one of the connection's requests.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<ReplyBody>, Infallible> {
        self.callers.metrics.request(request.version());
        let (head, mut body) = request.into_parts();
        let response = service::handle(&self, &head, &mut body).await;
        if head.version == Version::HTTP_2 && !body.is_end_stream() {
            body::take_rest(&mut body).await;
        }
        Ok(response.map(|answer| answer.before(body)))
    }

    /// Whether requests are being answered.
    pub(super) fn is_busy(&self) -> bool {
        self.activity.progress().in_progress > 0
    }

    /// Ends when the connection has had its time.
    pub(super) async fn wear_out(&self, mut patience: Patience) {
        let start = Instant::now();
        let mut tick = tokio::time::interval(patience.tick());
        loop {
            tick.tick().await;
            if patience.is_over(start.elapsed(), self.activity.progress()) {
                return;
            }
        }
    }
}

/// Name of HTTP/2 in ALPN (RFC 9113 §3.2).
const H2: &[u8] = b"h2";
