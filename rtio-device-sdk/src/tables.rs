//! What a connection remembers of calls, observations and reports in flight, and the handlers that it starts for them. Told
//! what the session tells; never speaks to the session itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rtio_proto::session::{DeviceEvent, ReportOutcome};
use rtio_proto::{MessageId, ObserverId, StatusCode, UriDigest};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::{ClientError, SinkError};
use crate::handlers::Handlers;
use crate::reply::{CallKey, Failure, LastWord, ObservationKey, Reply};
use crate::sink::ObservationSink;

/// Who waits for the hub's answer to a report, and for how long at most.
#[derive(Debug)]
pub(crate) struct ReportWaiter {
    pub(crate) answered: oneshot::Sender<Result<Bytes, ClientError>>,
    pub(crate) waited: Duration,
}

/// One observation that lives.
#[derive(Debug)]
pub(crate) struct Observation {
    serial: u64,
    /// Waits for the answer to the frame that was sent last.
    pub(crate) answered: Option<oneshot::Sender<Result<(), SinkError>>>,
    /// The frame behind it, whose handler did not wait for that answer.
    pub(crate) queued: Option<(Bytes, oneshot::Sender<Result<(), SinkError>>)>,
}

pub(crate) struct Tables {
    handlers: Arc<Handlers>,
    call_permits: Arc<Semaphore>,
    replies: UnboundedSender<Reply>,
    next_serial: u64,
    /// By the id that the hub chose, with the serial number of this use of it.
    calls: HashMap<MessageId, u64>,
    observations: HashMap<ObserverId, Observation>,
    pub(crate) reports: HashMap<MessageId, ReportWaiter>,
    /// Handlers of observations: dropped with the connection.
    observers: JoinSet<()>,
    /// No new work: the device is shutting down.
    pub(crate) draining: bool,
}

impl Tables {
    pub(crate) fn new(handlers: Arc<Handlers>, call_permits: Arc<Semaphore>, replies: UnboundedSender<Reply>) -> Self {
        Self {
            handlers,
            call_permits,
            replies,
            next_serial: 0,
            calls: HashMap::new(),
            observations: HashMap::new(),
            reports: HashMap::new(),
            observers: JoinSet::new(),
            draining: false,
        }
    }

    /// Acts on all events but those about verification and heartbeat, which concern nobody here.
    pub(crate) fn handle_event(&mut self, event: DeviceEvent<'_>) {
        match event {
            DeviceEvent::Call { message_id, digest, data } => {
                self.begin_call(message_id, digest, Bytes::copy_from_slice(data));
            }
            DeviceEvent::ObserveRequested { observer, digest, data } => {
                self.begin_observation(observer, digest, Bytes::copy_from_slice(data));
            }
            DeviceEvent::NotifyAnswered { observer } => self.notify_answered(observer),
            DeviceEvent::ObservationStopped { observer, .. } => {
                self.observations.remove(&observer);
            }
            DeviceEvent::ReportAnswered { report, outcome } => self.report_answered(report, outcome),
            DeviceEvent::Verified | DeviceEvent::VerifyRefused(_) | DeviceEvent::PingAnswered(_) => {}
        }
    }

    fn begin_call(&mut self, message_id: MessageId, digest: UriDigest, request: Bytes) {
        let key = CallKey { message_id, serial: self.serial() };
        self.calls.insert(message_id, key.serial);
        let handler = self.handlers.copost(digest);
        let permit = Arc::clone(&self.call_permits).try_acquire_owned().map_err(|_| StatusCode::TooManyRequests);
        let permit = if self.draining { Err(StatusCode::TooManyRequests) } else { permit };
        let (handler, permit) = match (handler, permit) {
            (Ok(handler), Ok(permit)) => (handler, permit),
            (Err(status), _) | (_, Err(status)) => {
                self.reply(Reply::Answer { key, result: Err(status.into()) });
                return;
            }
        };
        let of_panic = Reply::Answer { key, result: Err(Failure::panicked()) };
        let mut last_word = LastWord::new(of_panic, self.replies.clone());
        // A task of its own, which outlives the connection: what a handler does to the device is done to the end.
        tokio::spawn(async move {
            let _permit = permit;
            let result = handler(request).await.map_err(Failure::from);
            last_word.set(Reply::Answer { key, result });
        });
    }

    fn begin_observation(&mut self, observer: ObserverId, digest: UriDigest, request: Bytes) {
        let key = ObservationKey { observer, serial: self.serial() };
        self.observations.insert(observer, Observation { serial: key.serial, answered: None, queued: None });
        while self.observers.try_join_next().is_some() {}
        let room = !self.draining && self.observers.len() < MAX_OBSERVERS;
        let handler = match self.handlers.obget(digest) {
            Ok(handler) if room => handler,
            refused => {
                let status = refused.err().unwrap_or(StatusCode::TooManyObservers);
                self.reply(Reply::Finish { key, result: Err(status.into()) });
                return;
            }
        };
        let replies = self.replies.clone();
        let of_panic = Reply::Finish { key, result: Err(Failure::panicked()) };
        let mut last_word = LastWord::new(of_panic, replies.clone());
        let sink = ObservationSink { key, replies: replies.clone() };
        self.observers.spawn(async move {
            let mut running = handler(request, sink);
            let result = match timeout(ACCEPT_AFTER, &mut running).await {
                Ok(result) => result,
                Err(_elapsed) => {
                    // Without a connection there is nobody to tell.
                    let _ = replies.send(Reply::Accept { key });
                    running.await
                }
            };
            last_word.set(Reply::Finish { key, result: result.map_err(Failure::from) });
        });
    }

    fn notify_answered(&mut self, observer: ObserverId) {
        let Some(observation) = self.observations.get_mut(&observer) else { return };
        if let Some(answered) = observation.answered.take() {
            // A handler that does not wait any more needs no answer.
            let _ = answered.send(Ok(()));
        }
        if let Some((data, answered)) = observation.queued.take() {
            let key = ObservationKey { observer, serial: observation.serial };
            self.reply(Reply::Notify { key, data, answered });
        }
    }

    fn report_answered(&mut self, report: MessageId, outcome: ReportOutcome<'_>) {
        let Some(ReportWaiter { answered, waited }) = self.reports.remove(&report) else { return };
        let result = match outcome {
            ReportOutcome::Answered { status: StatusCode::Ok, data } => Ok(Bytes::copy_from_slice(data)),
            ReportOutcome::Answered { status, .. } => Err(ClientError::ReportRefused { status }),
            ReportOutcome::Malformed => Err(ClientError::MalformedAnswer),
            ReportOutcome::TimedOut => Err(ClientError::TimedOut { waited }),
            ReportOutcome::Gone => Err(ClientError::ConnectionLost),
        };
        // Who asked may have stopped waiting.
        let _ = answered.send(result);
    }

    /// Ends the wait for a call's handler. `false` for a call that has been answered.
    pub(crate) fn finish_call(&mut self, key: CallKey) -> bool {
        let live = self.calls.get(&key.message_id) == Some(&key.serial);
        if live {
            self.calls.remove(&key.message_id);
        }
        live
    }

    pub(crate) fn observation(&mut self, key: ObservationKey) -> Option<&mut Observation> {
        self.observations.get_mut(&key.observer).filter(|observation| observation.serial == key.serial)
    }

    /// Forgets an observation. `false` for one that has ended.
    pub(crate) fn finish_observation(&mut self, key: ObservationKey) -> bool {
        let live = self.observation(key).is_some();
        if live {
            self.observations.remove(&key.observer);
        }
        live
    }

    /// Forgets all observations; their handlers are told that they ended.
    pub(crate) fn take_observers(&mut self) -> Vec<ObserverId> {
        self.observations.drain().map(|(observer, _)| observer).collect()
    }

    pub(crate) fn has_calls(&self) -> bool {
        !self.calls.is_empty()
    }

    fn serial(&mut self) -> u64 {
        self.next_serial += 1;
        self.next_serial
    }

    fn reply(&self, reply: Reply) {
        // The receiving end lives as long as this does.
        let _ = self.replies.send(reply);
    }
}

/// Observations that may live on a device, and handlers of observations that may run. One more is refused with
/// [`StatusCode::TooManyObservers`]. A quarter of what the hub allows (docs/protocol.md §4).
pub(crate) const MAX_OBSERVERS: usize = 64;

/// How long a handler of an observation may look at the request before the observation begins, if it sends no frame earlier.
/// Far less than the hub's patience of 20 s (docs/protocol.md §5).
const ACCEPT_AFTER: Duration = Duration::from_secs(1);
