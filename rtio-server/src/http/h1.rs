//! A connection of HTTP/1.1: hyper reads requests and writes answers, this bounds what it may take.

use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::activity::CountedStream;
use super::connection::Connection;
use super::patience::Patience;
use crate::net::Stream;

pub(super) async fn run(connection: &Arc<Connection>, stream: Stream) {
    let (peer, config) = (connection.peer, &connection.callers.config);
    let io = TokioIo::new(CountedStream::new(stream, Arc::clone(&connection.activity)));
    let mut http = pin!(
        http1::Builder::new()
            // A caller that closes its side has gone away: hyper drops its request, and with it the call.
            .half_close(false)
            // What hyper may hold each way, and thereby the longest head.
            .max_buf_size(config.max_header_bytes as usize)
            .max_headers(config.max_headers)
            // Head and body go out as one piece. Not by `pipeline_flush`, under which hyper buffers a stream that its caller
            // does not read without any limit.
            .writev(false)
            .serve_connection(io, service_fn(|request| Arc::clone(connection).answer(request)))
    );
    let result = tokio::select! {
        biased;
        result = http.as_mut() => result,
        () = connection.wear_out(Patience::new(config.idle_timeout, config.header_timeout)) => {
            tracing::debug!(%peer, "caller's connection closed: no request in time");
            return;
        }
        () = connection.callers.shutdown.triggered() => {
            if !connection.is_busy() {
                // Idle, or in the middle of a head that the drain cannot wait for.
                return;
            }
            http.as_mut().graceful_shutdown();
            http.await
        }
    };
    if let Err(error) = result {
        report(connection, &error);
    }
}

fn report(connection: &Connection, error: &hyper::Error) {
    let peer = connection.peer;
    if error.is_parse() && connection.activity.begins_with_tls() {
        if let Some(left_out) = connection.callers.tls_to_plain.due() {
            tracing::warn!(%peer, left_out, "a caller speaks TLS to the plain HTTP port: closed");
        }
    } else {
        tracing::debug!(%peer, %error, "caller's connection ended");
    }
}
