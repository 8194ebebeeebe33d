//! How a device is put together: who it is, what it answers, how it connects.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use rtio_proto::Capacity;
use rtio_proto::limits::MAX_SECRET_BYTES;
use rtio_proto::ping::PingInterval;
use rtio_proto::session::DeviceConfig;
use rtio_proto::verify::DeviceIdRef;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::backoff::{BASE_DELAY, MAX_DELAY};
use crate::client::{Companion, Device, Parts, Presence, Runner};
use crate::connection::Context;
use crate::dial::{Dial, Tcp};
use crate::error::{ClientError, HandlerError};
use crate::handlers::{Handlers, call_handler, observe_handler, stream_handler};
use crate::sink::ObservationSink;

/// Puts a device together. Mistakes are told by [`connect`](Self::connect), the first one made.
#[must_use = "a builder does nothing until it connects"]
pub struct Builder {
    id: String,
    secret: Vec<u8>,
    config: DeviceConfig,
    handlers: Handlers,
    base_delay: Duration,
    max_delay: Duration,
    companions: Vec<Companion>,
    mistake: Option<ClientError>,
}

impl Builder {
    pub(crate) fn new(id: String) -> Self {
        Self {
            id,
            secret: Vec::new(),
            config: DeviceConfig::default(),
            handlers: Handlers::default(),
            base_delay: BASE_DELAY,
            max_delay: MAX_DELAY,
            companions: Vec::new(),
            mistake: None,
        }
    }

    /// What proves the id: 0 to 256 bytes, default none.
    pub fn secret(mut self, secret: impl Into<Vec<u8>>) -> Self {
        self.secret = secret.into();
        self
    }

    /// Longest body of a message, default [`Capacity::Bytes512`], which every hub takes.
    pub fn capacity(mut self, capacity: Capacity) -> Self {
        self.config.capacity = capacity;
        self
    }

    /// Heartbeat interval, default 300 s. The hub gives a silent device up after one and a half of it.
    pub fn heartbeat(mut self, interval: PingInterval) -> Self {
        self.config.ping_interval = interval;
        self
    }

    /// Delays between attempts to connect: each is drawn evenly from zero up to a ceiling, `base` at first (default 1 s), then
    /// twice the last, `cap` at most (default 60 s).
    pub fn backoff(mut self, base: Duration, cap: Duration) -> Self {
        (self.base_delay, self.max_delay) = (base, cap);
        self
    }

    /// Answers calls to `uri`.
    ///
    /// Each call runs in a task of its own, 64 of them at most; one more is answered with
    /// [`StatusCode::TooManyRequests`](crate::StatusCode::TooManyRequests). A handler that panics, or whose answer is over
    /// capacity − 1 bytes, answers with [`StatusCode::InternalError`](crate::StatusCode::InternalError).
    pub fn on_copost<F, R, T>(mut self, uri: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Bytes) -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, HandlerError>> + Send + 'static,
        T: Into<Bytes>,
    {
        let added = self.handlers.add_copost(uri.into(), call_handler(handler));
        self.note(added.err());
        self
    }

    /// Serves observations of `uri`, 64 of them at most on all URIs.
    ///
    /// An observation begins with its first frame, or after one second; a handler that fails before that refuses it, one that
    /// fails later ends it with its error. It ends when the handler returns. When the connection is lost, the handler is
    /// dropped where it waits.
    pub fn on_observe<F, R>(mut self, uri: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Bytes, ObservationSink) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), HandlerError>> + Send + 'static,
    {
        let added = self.handlers.add_obget(uri.into(), observe_handler(handler));
        self.note(added.err());
        self
    }

    /// As [`on_observe`](Self::on_observe), with a stream of frames. The next frame is asked for once the hub has taken the
    /// last; the stream is dropped when the caller leaves.
    pub fn on_observe_stream<F, S>(mut self, uri: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Bytes) -> S + Send + Sync + 'static,
        S: Stream + Send + 'static,
        S::Item: Into<Bytes> + Send,
    {
        let added = self.handlers.add_obget(uri.into(), stream_handler(handler));
        self.note(added.err());
        self
    }

    /// Runs `program` beside the device: it begins with [`Runner::run`], and is dropped where it waits when that returns. What
    /// measures and reports belongs here.
    pub fn alongside<F, R>(mut self, program: F) -> Self
    where
        F: FnOnce(Device) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.companions.push(Box::new(move |device| Box::pin(program(device))));
        self
    }

    /// A device that connects to `HOST:PORT` by TCP once it is [run](Runner::run).
    ///
    /// # Errors
    ///
    /// [`ClientError::InvalidDeviceId`], [`ClientError::SecretTooLong`], [`ClientError::DigestCollision`],
    /// [`ClientError::RegisteredTwice`].
    pub fn connect(self, address: impl Into<String>) -> Result<Runner, ClientError> {
        self.connect_with(Tcp::new(address))
    }

    /// As [`connect`](Self::connect), by another transport.
    ///
    /// # Errors
    ///
    /// As `connect`.
    pub fn connect_with<D: Dial>(mut self, dial: D) -> Result<Runner<D>, ClientError> {
        let len = self.secret.len();
        if DeviceIdRef::parse(self.id.as_bytes()).is_none() {
            self.note(Some(ClientError::InvalidDeviceId { id: self.id.clone() }));
        } else if len > MAX_SECRET_BYTES {
            self.note(Some(ClientError::SecretTooLong { len, max: MAX_SECRET_BYTES }));
        }
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        let context = Context {
            id: self.id,
            secret: self.secret,
            config: self.config,
            handlers: Arc::new(self.handlers),
            call_permits: Arc::new(Semaphore::new(MAX_CALLS)),
            presence: watch::Sender::new(Presence::Offline),
            shutdown: CancellationToken::new(),
        };
        let (base_delay, max_delay, companions) = (self.base_delay, self.max_delay, self.companions);
        Ok(Runner::new(dial, Parts { context, base_delay, max_delay, companions }))
    }

    fn note(&mut self, mistake: Option<ClientError>) {
        self.mistake = self.mistake.take().or(mistake);
    }
}

/// Without the secret and the handlers.
impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("id", &self.id).field("config", &self.config).finish_non_exhaustive()
    }
}

/// Handlers of calls that may run at once. An operating default: as many as a small device's memory bears.
const MAX_CALLS: usize = 64;
