//! The task of one caller's connection: hyper reads requests and writes answers, this bounds what it may take.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::activity::{Activity, CountedStream};
use super::patience::Patience;
use super::{Callers, Config, service};
use crate::net::Stream;

pub(super) async fn run(callers: Arc<Callers>, stream: Stream, peer: SocketAddr) {
    let activity = Arc::new(Activity::default());
    let io = TokioIo::new(CountedStream::new(stream, Arc::clone(&activity)));
    let answer = {
        let (callers, activity) = (Arc::clone(&callers), Arc::clone(&activity));
        service_fn(move |request| {
            let answer = service::handle(Arc::clone(&callers), Arc::clone(&activity), request);
            async { Ok::<_, Infallible>(answer.await) }
        })
    };
    let mut connection = pin!(
        http1::Builder::new()
            // A caller that closes its side has gone away: hyper drops its request, and with it the call.
            .half_close(false)
            .max_buf_size(MAX_BUFFER_BYTES)
            .max_headers(MAX_HEADERS)
            // Head and body go out as one piece. Not by `pipeline_flush`, under which hyper buffers a stream that its caller
            // does not read without any limit.
            .writev(false)
            .serve_connection(io, answer)
    );
    let result = tokio::select! {
        biased;
        result = connection.as_mut() => result,
        () = wear_out(&callers.config, &activity) => {
            tracing::debug!(%peer, "caller's connection closed: no request in time");
            return;
        }
        () = callers.shutdown.triggered() => {
            if activity.progress().in_progress == 0 {
                // Idle, or in the middle of a head that the drain cannot wait for.
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "caller's connection ended");
    }
}

/// Ends when the connection has had its time.
async fn wear_out(config: &Config, activity: &Activity) {
    let mut patience = Patience::new(config.idle_timeout, config.header_timeout);
    let start = Instant::now();
    let mut tick = tokio::time::interval(patience.tick());
    loop {
        tick.tick().await;
        if patience.is_over(start.elapsed(), activity.progress()) {
            return;
        }
    }
}

/// Bytes that hyper may hold for a connection each way, and thereby the longest head: above what browsers send, below what
/// would make a slow caller dear.
const MAX_BUFFER_BYTES: usize = 16 * 1024;

/// Header fields of a request: hyper's own default, written down.
const MAX_HEADERS: usize = 100;
