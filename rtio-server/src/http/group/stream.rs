//! The answer to a group call as it comes: hyper polls it when there is room for more, so the caller's pace is that of the walk.

use std::fmt;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::each::EachCall;
use super::line::{Aborted, Tally};
use super::seats::Seat;
use crate::http::activity::Busy;
use crate::hub::GroupCall;
use crate::hub::ports::BoxFuture;
use crate::shutdown::Shutdown;
use crate::token::unix_now;

/// The lines of one group call. Dropping it, which is what happens when the caller goes away, ends what is in flight.
pub(in crate::http) struct GroupBody {
    /// `None` once the last line is written.
    calls: Option<GroupCall<EachCall>>,
    tally: Tally,
    begun: Instant,
    /// Ends when no further device shall be called, though some are left; `None` once it has.
    stop: Option<BoxFuture<'static, Aborted>>,
    /// Why some were left.
    aborted: Option<Aborted>,
    /// Counts it among the group calls, and keeps the connection.
    _in_flight: (Seat, Busy),
}

impl GroupBody {
    /// The answer for a caller whose token is valid until then, as time since 1970.
    pub(super) fn new(
        calls: GroupCall<EachCall>,
        until: Option<Duration>,
        shutdown: Shutdown,
        in_flight: (Seat, Busy),
    ) -> Self {
        let stop: BoxFuture<'static, Aborted> = Box::pin(stop(shutdown, until));
        let (tally, begun) = (Tally::default(), Instant::now());
        Self { calls: Some(calls), tally, begun, stop: Some(stop), aborted: None, _in_flight: in_flight }
    }

    /// All lines that are there; `None` after the last.
    pub(in crate::http) fn poll_lines(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_stop(cx);
        let mut lines = Vec::new();
        while lines.len() < FLUSH_BYTES {
            let Some(calls) = &mut self.calls else { break };
            match calls.poll_next(cx) {
                Poll::Ready(Some(answer)) => {
                    self.tally.count(&answer);
                    answer.write(&mut lines);
                }
                Poll::Ready(None) => {
                    self.tally.write(self.aborted, self.begun.elapsed(), &mut lines);
                    self.calls = None;
                }
                Poll::Pending => break,
            }
        }
        match (lines.is_empty(), &self.calls) {
            (false, _) => Poll::Ready(Some(lines.into())),
            (true, None) => Poll::Ready(None),
            (true, Some(_)) => Poll::Pending,
        }
    }

    fn poll_stop(&mut self, cx: &mut Context<'_>) {
        let Some(stop) = &mut self.stop else { return };
        let Poll::Ready(why) = stop.as_mut().poll(cx) else { return };
        self.stop = None;
        if let Some(calls) = self.calls.as_mut().filter(|calls| !calls.has_begun_all()) {
            calls.stop();
            self.aborted = Some(why);
        }
    }
}

/// Waits until no further device shall be called.
async fn stop(shutdown: Shutdown, until: Option<Duration>) -> Aborted {
    let expires = async {
        match until {
            Some(until) => tokio::time::sleep(until.saturating_sub(unix_now())).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = shutdown.triggered() => Aborted::Draining,
        () = expires => Aborted::TokenExpired,
    }
}

impl fmt::Debug for GroupBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("GroupBody");
        debug.field("calls", &self.calls).field("tally", &self.tally).finish_non_exhaustive()
    }
}

/// Lines that are there at the same time go out together, up to this many bytes and one line.
const FLUSH_BYTES: usize = 8 * 1024;
