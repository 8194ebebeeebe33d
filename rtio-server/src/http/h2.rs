//! A connection of HTTP/2: many requests at once, each a stream in a task of its own. hyper keeps the streams apart, this bounds
//! what a connection may take and says goodbye to it (GOAWAY).
//!
//! What a caller may make us hold for a connection: [`STREAM_WINDOW`] for the body of each stream, and [`CONNECTION_WINDOW`] for
//! all of them; [`SEND_BUFFER`] for the answer of each stream; a head, once; a few dozen bytes for each stream that it resets.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};

use super::activity::CountedStream;
use super::body::ReplyBody;
use super::connection::Connection;
use super::outcome::Code;
use super::patience::Patience;
use super::problem::Problem;
use super::router::Form;
use super::{Config, cors};
use crate::net::Stream;
use crate::shutdown::Shutdown;

pub(super) async fn run(connection: &Arc<Connection>, stream: Stream) {
    let (peer, config) = (connection.peer, &connection.callers.config);
    let io = TokioIo::new(CountedStream::new(stream, Arc::clone(&connection.activity)));
    let service = service_fn(|request| answer(Arc::clone(connection), request));
    let mut http = pin!(builder(config).serve_connection(io, service));
    let why = tokio::select! {
        biased;
        result = http.as_mut() => {
            if let Err(error) = result {
                tracing::debug!(%peer, %error, "caller's connection ended");
            }
            return;
        }
        () = connection.wear_out(Patience::with_frames(config.idle_timeout, config.header_timeout)) => {
            "no request in time"
        }
        () = connection.callers.shutdown.triggered() => "the hub shuts down",
    };
    http.as_mut().graceful_shutdown();
    tokio::select! {
        _ = http => {}
        () = calm(connection) => {}
    }
    tracing::debug!(%peer, why, "caller's connection closed");
}

fn builder(config: &Config) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.max_h2_streams)
        .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
        .max_local_error_reset_streams(MAX_ERROR_RESETS)
        .max_header_list_size(config.max_header_bytes)
        .max_frame_size(MAX_FRAME_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Ends when the connection has been told to end and has nothing to do any more, whether its peer has understood or not.
async fn calm(connection: &Connection) {
    loop {
        tokio::time::sleep(GOODBYE).await;
        if !connection.is_busy() {
            return;
        }
    }
}

/// The number of fields is bounded here, as the protocol bounds their bytes only.
async fn answer(connection: Arc<Connection>, request: Request<Incoming>) -> Result<Response<AwakeBody>, Infallible> {
    let shutdown = connection.callers.shutdown.clone();
    let max = connection.callers.config.max_headers;
    if request.headers().len() > max {
        let detail = format!("a request has at most {max} header fields");
        let problem = Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, Code::BadRequest, detail);
        let mut response = problem.into_response(Form::Compatible);
        cors::allow(&mut response, &connection.callers.cors_origin);
        let unread = request.into_body();
        return Ok(response.map(|body| AwakeBody::new(body.before(unread), shutdown)));
    }
    let response = connection.answer(request).await?;
    Ok(response.map(|body| AwakeBody::new(body, shutdown)))
}

/// A body that is looked at when the shutdown begins: the task of a stream is not the one that waits for it, and an observation
/// ends with the hub.
struct AwakeBody {
    body: ReplyBody,
    /// `None` once it has begun, and for a body that ends by itself.
    shutdown: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl AwakeBody {
    fn new(body: ReplyBody, shutdown: Shutdown) -> Self {
        let may_last = matches!(body, ReplyBody::Observation(_));
        let shutdown = may_last.then(|| Box::pin(async move { shutdown.triggered().await }) as Pin<Box<_>>);
        Self { body, shutdown }
    }
}

impl Body for AwakeBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if let Some(shutdown) = &mut this.shutdown
            && shutdown.as_mut().poll(cx).is_ready()
        {
            this.shutdown = None;
        }
        Pin::new(&mut this.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of a body that may come before we read them: many times a body that we accept, and small enough that all streams of a
/// connection together stay cheap.
const STREAM_WINDOW: u32 = 16 * 1024;

/// The same for all streams of a connection: what every connection has at its beginning (RFC 9113 §6.9.2), and no more.
const CONNECTION_WINDOW: u32 = 64 * 1024 - 1;

/// Bytes of an answer that wait for a caller that does not read: two pieces of an observation. The device waits then.
const SEND_BUFFER: usize = 16 * 1024;

/// The smallest that the protocol allows (RFC 9113 §6.5.2): no frame that we read needs more.
const MAX_FRAME_BYTES: u32 = 16 * 1024;

/// Streams that the peer has reset before we took them (CVE-2023-44487); one more ends the connection. The default of h2.
const MAX_PENDING_RESETS: usize = 20;

/// Streams that we had to reset for the peer's errors; one more ends the connection. A caller that does it right causes none.
const MAX_ERROR_RESETS: usize = 64;

/// A connection that was silent so long is asked whether it is still there, so that an observation whose caller has vanished ends
/// within a minute.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// How long the answer to that may take.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Time to take note of a goodbye: some round trips.
const GOODBYE: Duration = Duration::from_secs(1);
