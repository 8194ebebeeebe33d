//! One session with what it needs: mutates it, drains it, and joins it to the [`Tables`]. Knows no socket.

use bytes::Bytes;
use rtio_proto::error::ProtocolError;
use rtio_proto::session::{CloseReason, DeviceEvent, DeviceRefusal, DeviceSession};
use rtio_proto::time::Instant;
use rtio_proto::{MessageId, ObserverId, StatusCode, UriDigest};
use tokio::sync::oneshot;

use crate::error::{ClientError, SinkError};
use crate::reply::{Failure, ObservationKey, Reply};
use crate::tables::{MAX_OBSERVERS, ReportWaiter, Tables};

/// A session for every capacity.
pub(crate) type Session = DeviceSession<4101, MAX_REPORTS, MAX_OBSERVERS>;

/// A report on its way to the session.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) digest: UriDigest,
    pub(crate) data: Bytes,
    pub(crate) deadline: tokio::time::Instant,
    pub(crate) waiter: ReportWaiter,
}

pub(crate) struct Link {
    /// On the heap, because it holds two frames of 4 KiB.
    session: Box<Session>,
    pub(crate) tables: Tables,
    /// Bytes that the socket has not taken.
    pub(crate) outbox: Vec<u8>,
    pub(crate) verified: bool,
}

impl Link {
    pub(crate) fn new(session: Session, tables: Tables) -> Self {
        Self { session: Box::new(session), tables, outbox: Vec::new(), verified: false }
    }

    /// One mutation of the session, then drain.
    pub(crate) fn apply<R>(&mut self, mutate: impl FnOnce(&mut Session) -> R) -> R {
        let result = mutate(&mut self.session);
        while let Some(event) = self.session.poll_event() {
            self.verified |= event == DeviceEvent::Verified;
            self.tables.handle_event(event);
        }
        let mut chunk = [0; 512];
        while let Some(len) = self.session.poll_transmit(&mut chunk) {
            self.outbox.extend_from_slice(&chunk[..len]);
        }
        result
    }

    pub(crate) fn handle_bytes(&mut self, now: Instant, mut bytes: &[u8]) -> Result<(), ProtocolError> {
        while !bytes.is_empty() {
            let taken = self.apply(|session| session.handle_bytes(now, bytes))?;
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    pub(crate) fn handle_reply(&mut self, now: Instant, reply: Reply) {
        match reply {
            Reply::Answer { key, result } => {
                if self.tables.finish_call(key) {
                    log_failure(result.as_ref().err());
                    self.answer(now, key.message_id, result);
                }
            }
            Reply::Accept { key } => {
                if self.tables.observation(key).is_some() {
                    self.accept(now, key.observer);
                }
            }
            Reply::Notify { key, data, answered } => self.notify(now, key, data, answered),
            Reply::Finish { key, result } => {
                if self.tables.finish_observation(key) {
                    log_failure(result.as_ref().err());
                    self.finish(now, key.observer, result);
                }
            }
        }
    }

    pub(crate) fn handle_report(&mut self, now: Instant, deadline: Instant, report: Report) {
        let Report { digest, data, waiter, .. } = report;
        if waiter.answered.is_closed() {
            return;
        }
        match self.apply(|session| session.start_report(now, digest, &data, deadline)) {
            Ok(report) => {
                self.tables.reports.insert(report, waiter);
            }
            Err(refusal) => {
                // Who asked may have stopped waiting.
                let _ = waiter.answered.send(Err(report_refused(refusal)));
            }
        }
    }

    /// Takes no new work and ends all observations.
    pub(crate) fn begin_shutdown(&mut self, now: Instant) {
        self.tables.draining = true;
        for observer in self.tables.take_observers() {
            self.finish(now, observer, Ok(()));
        }
    }

    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.session.close_reason()
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout().map(|(at, _)| at)
    }

    fn answer(&mut self, now: Instant, call: MessageId, result: Result<Bytes, Failure>) {
        let (status, data) = match result {
            Ok(data) => (StatusCode::Ok, data),
            Err(failure) => (failure.status, Bytes::new()),
        };
        let answered = self.apply(|session| session.answer_call(now, call, status, &data));
        if let Err(DeviceRefusal::TooLarge { len, max }) = answered {
            tracing::warn!(len, max, "answer of a handler does not fit a message");
            self.wish(|session| session.answer_call(now, call, StatusCode::InternalError, &[]));
        }
    }

    fn notify(
        &mut self,
        now: Instant,
        key: ObservationKey,
        data: Bytes,
        answered: oneshot::Sender<Result<(), SinkError>>,
    ) {
        if self.tables.observation(key).is_none() {
            return;
        }
        self.accept(now, key.observer);
        let sent = self.apply(|session| session.notify(now, key.observer, &data));
        let Some(observation) = self.tables.observation(key) else { return };
        match sent {
            Ok(()) => observation.answered = Some(answered),
            Err(DeviceRefusal::NotifyUnanswered) => observation.queued = Some((data, answered)),
            Err(DeviceRefusal::TooLarge { len, max }) => {
                // A handler that does not wait any more needs no answer.
                let _ = answered.send(Err(SinkError::TooLarge { len, max }));
            }
            // The session is over: dropping `answered` says so.
            Err(
                DeviceRefusal::NotOpen
                | DeviceRefusal::Undrained
                | DeviceRefusal::TooManyReports { .. }
                | DeviceRefusal::UnknownObserver
                | DeviceRefusal::PingUnanswered,
            ) => {}
        }
    }

    /// Begins an observation unless it has begun.
    fn accept(&mut self, now: Instant, observer: ObserverId) {
        self.wish(|session| session.accept_observation(now, observer));
    }

    fn finish(&mut self, now: Instant, observer: ObserverId, result: Result<(), Failure>) {
        match result {
            Ok(()) => {
                self.accept(now, observer);
                self.wish(|session| session.terminate(now, observer));
            }
            Err(Failure { status, .. }) => {
                // Refused before it began, failed after.
                if self.apply(|session| session.refuse_observation(now, observer, status)).is_err() {
                    self.wish(|session| session.fail_observation(now, observer, status));
                }
            }
        }
    }

    /// A verb whose refusal only says that there is nothing to do any more.
    fn wish(&mut self, verb: impl FnOnce(&mut Session) -> Result<(), DeviceRefusal>) {
        if let Err(refusal) = self.apply(verb) {
            tracing::trace!(%refusal, "nothing to do");
        }
    }
}

fn log_failure(failure: Option<&Failure>) {
    if let Some(detail) = failure.and_then(|failure| failure.detail.as_deref()) {
        tracing::warn!(error = detail, "handler failed");
    }
}

fn report_refused(refusal: DeviceRefusal) -> ClientError {
    match refusal {
        DeviceRefusal::TooLarge { len, max } => ClientError::TooLarge { len, max },
        DeviceRefusal::TooManyReports { max } => ClientError::TooManyReports { max },
        DeviceRefusal::NotOpen
        | DeviceRefusal::Undrained
        | DeviceRefusal::UnknownObserver
        | DeviceRefusal::NotifyUnanswered
        | DeviceRefusal::PingUnanswered => ClientError::ConnectionLost,
    }
}

/// Reports that may wait for their answers, late ones included; one more is refused. A quarter of what the hub takes of a
/// device by default.
pub(crate) const MAX_REPORTS: usize = 16;
