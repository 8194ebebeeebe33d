//! ObGET in both forms: a stream of lines, each written as its frame comes.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::Response;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use tokio::time::Sleep;
use tracing::Instrument;

use super::activity::Busy;
use super::body::ReplyBody;
use super::call::refuse_uri;
use super::caller_limits::Place;
use super::json::{self, write_answer};
use super::outcome::{Code, code_of};
use super::prefer::EVENT_STREAM;
use super::problem::Problem;
use super::router::Form;
use super::service::{Visit, success, whole};
use super::trail::Doing;
use crate::hub::{CallError, CallRequest, Delivery, ObservationItem, Watch};
use crate::shutdown::Shutdown;
use crate::token::{Method, unix_now};

/// An obget of the compatible form.
pub(super) async fn compatible(visit: &Visit<'_>, request: &json::Request, in_flight: InFlight) -> Response<ReplyBody> {
    let format = Format::Lines { id: request.id };
    match establish(visit, &request.uri, &request.data).await {
        Ok(watched) => stream(visit, format, watched, in_flight),
        Err(error) => {
            let mut line = Vec::new();
            format.write(&mut line, 0, code_of(&error), &[]);
            success(format.content_type(), whole(line))
        }
    }
}

/// `GET /{device_id}/{uri…}`.
pub(super) async fn direct(visit: &Visit<'_>, uri: &str, busy: Busy) -> Response<ReplyBody> {
    if let Some(refusal) = refuse_uri(uri) {
        return refusal;
    }
    let in_flight = match visit.place(Method::ObGet, uri) {
        Ok(place) => InFlight::new(place, busy),
        Err(denied) => return denied.into_response(Form::Direct, 0),
    };
    let format = if visit.asked.wants_events() { Format::Events } else { Format::Lines { id: 0 } };
    match establish(visit, uri, &[]).await {
        Ok(watched) => stream(visit, format, watched, in_flight),
        Err(error) => Problem::of(&error).into_response(Form::Direct),
    }
}

async fn establish(visit: &Visit<'_>, uri: &str, data: &[u8]) -> Result<(Watch, Doing), CallError> {
    let Visit { callers, device, asked, .. } = visit;
    let wait = asked.wait.unwrap_or(callers.config.establish_timeout);
    let mut doing = asked.trail.observes(device, uri);
    match callers.hub.observe(device, CallRequest { uri, data, wait }).instrument(doing.span()).await {
        Ok(watch) => {
            doing.has_begun();
            Ok((watch, doing))
        }
        Err(error) => {
            doing.end(code_of(&error), error.delivery());
            Err(error)
        }
    }
}

fn stream(
    visit: &Visit<'_>,
    format: Format,
    (watch, doing): (Watch, Doing),
    in_flight: InFlight,
) -> Response<ReplyBody> {
    let shutdown = visit.callers.shutdown.clone();
    let expiry = visit.caller.until().map(|until| Box::pin(tokio::time::sleep(until.saturating_sub(unix_now()))));
    let watch = Some(watch);
    let body = ObservationBody { format, watch, doing, next_frame: 0, expiry, shutdown, _in_flight: in_flight };
    let mut response = success(format.content_type(), ReplyBody::Observation(Box::new(body)));
    // A stream that a proxy keeps to itself is none.
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What an observation takes as long as it lives.
#[derive(Debug)]
pub(super) struct InFlight {
    /// One of its caller's places.
    _place: Place,
    /// The connection is in use.
    _busy: Busy,
}

impl InFlight {
    pub(super) const fn new(place: Place, busy: Busy) -> Self {
        Self { _place: place, _busy: busy }
    }
}

/// How frames are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// One JSON object a line, with the request's id.
    Lines { id: u32 },
    /// Server-sent events whose data is such an object. The last one is of type `end`, so that a page can tell it from a
    /// broken connection, after which browsers connect again.
    Events,
}

impl Format {
    const fn content_type(self) -> &'static str {
        match self {
            Self::Lines { .. } => "application/x-ndjson",
            Self::Events => EVENT_STREAM,
        }
    }

    fn write(self, out: &mut Vec<u8>, frame: u64, code: Code, data: &[u8]) {
        match self {
            Self::Lines { id } => {
                write_answer(out, id, frame, code, data);
                out.push(b'\n');
            }
            Self::Events => {
                let kind = if code == Code::Continue { "" } else { "event: end\n" };
                out.extend_from_slice(format!("{kind}id: {frame}\ndata: ").as_bytes());
                write_answer(out, 0, frame, code, data);
                out.extend_from_slice(b"\n\n");
            }
        }
    }
}

/// The lines of one observation. Dropping it, which is what happens when the caller goes away, leaves the observation.
pub(super) struct ObservationBody {
    format: Format,
    /// `None` once the last line is written.
    watch: Option<Watch>,
    /// Writes down how it ended.
    doing: Doing,
    next_frame: u64,
    /// Fires when the caller's token has expired; `None` where callers need none.
    expiry: Option<Pin<Box<Sleep>>>,
    shutdown: Shutdown,
    _in_flight: InFlight,
}

impl ObservationBody {
    /// All lines that are there; `None` after the last.
    pub(super) fn poll_lines(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut lines = Vec::new();
        while let Poll::Ready(item) = self.poll_item(cx) {
            let Some((code, data)) = item else { break };
            self.format.write(&mut lines, self.next_frame, code, &data);
            self.next_frame += 1;
            if code != Code::Continue {
                self.watch = None;
                self.doing.end(code, Delivery::Answered);
            }
            if lines.len() >= FLUSH_BYTES {
                break;
            }
        }
        match (lines.is_empty(), &self.watch) {
            (false, _) => Poll::Ready(Some(lines.into())),
            (true, None) => Poll::Ready(None),
            (true, Some(_)) => Poll::Pending,
        }
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Code, Vec<u8>)>> {
        let Some(watch) = &mut self.watch else { return Poll::Ready(None) };
        // Asked first, or a device that never pauses would keep a caller whose time is over.
        if self.expiry.as_mut().is_some_and(|expiry| expiry.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Some((Code::Terminate, Vec::new())));
        }
        match watch.poll_next(cx) {
            Poll::Ready(ObservationItem::Frame(data)) => Poll::Ready(Some((Code::Continue, data))),
            Poll::Ready(ObservationItem::End(Ok(()))) => Poll::Ready(Some((Code::Terminate, Vec::new()))),
            Poll::Ready(ObservationItem::End(Err(error))) => Poll::Ready(Some((code_of(&error), Vec::new()))),
            // The hub shuts down: its observations end in good order, so that the drain need not wait for them. The
            // connection's task waits for the shutdown, and polls its body when that begins.
            Poll::Pending if self.shutdown.is_triggered() => Poll::Ready(Some((Code::Terminate, Vec::new()))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl fmt::Debug for ObservationBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservationBody").field("format", &self.format).field("next_frame", &self.next_frame).finish()
    }
}

/// Lines that are there at the same time go out together, up to this many bytes.
const FLUSH_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_line_or_an_event() {
        let mut out = Vec::new();
        Format::Lines { id: 7 }.write(&mut out, 3, Code::Continue, b"x");
        assert_eq!(out, b"{\"id\":7,\"fid\":3,\"code\":\"CONTINUE\",\"data\":\"eA==\"}\n");
        out.clear();
        Format::Events.write(&mut out, 3, Code::Continue, b"x");
        assert_eq!(out, b"id: 3\ndata: {\"id\":0,\"fid\":3,\"code\":\"CONTINUE\",\"data\":\"eA==\"}\n\n");
        out.clear();
        Format::Events.write(&mut out, 4, Code::Terminate, b"");
        assert_eq!(out, b"event: end\nid: 4\ndata: {\"id\":0,\"fid\":4,\"code\":\"TERMINATE\",\"data\":\"\"}\n\n");
    }
}
