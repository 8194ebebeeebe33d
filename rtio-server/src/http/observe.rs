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
    match establish(visit, visit.observation(&request.uri, &request.data)).await {
        Ok(watched) => stream(visit, format, watched, in_flight),
        Err(error) => {
            let mut line = Vec::new();
            format.write(&mut line, &Frame::new(0, code_of(&error), Vec::new()));
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
    match establish(visit, visit.observation(uri, &[]).after(visit.asked.last_event())).await {
        Ok(watched) => stream(visit, format, watched, in_flight),
        Err(error) => Problem::of(&error).into_response(Form::Direct),
    }
}

async fn establish(visit: &Visit<'_>, request: CallRequest<'_>) -> Result<(Watch, Doing), CallError> {
    let Visit { callers, device, asked, .. } = visit;
    let mut doing = asked.trail.observes(device, request.uri);
    match callers.hub.observe(device, request).instrument(doing.span()).await {
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
    let body = ObservationBody {
        format,
        watch,
        doing,
        next_frame: 0,
        has_events: false,
        expiry,
        shutdown,
        _in_flight: in_flight,
    };
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

    fn write(self, out: &mut Vec<u8>, frame: &Frame) {
        let Frame { number, code, data, .. } = frame;
        match self {
            Self::Lines { id } => {
                write_answer(out, id, *number, *code, data);
                out.push(b'\n');
            }
            Self::Events => {
                let kind = if *code == Code::Continue { "" } else { "event: end\n" };
                out.extend_from_slice(kind.as_bytes());
                if let Some(event) = frame.event {
                    out.extend_from_slice(format!("id: {event}\n").as_bytes());
                }
                out.extend_from_slice(b"data: ");
                write_answer(out, 0, *number, *code, data);
                out.extend_from_slice(b"\n\n");
            }
        }
    }
}

/// One frame, before it has a format.
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    /// Its number in the stream.
    number: u64,
    /// The id that a reader of events remembers: its number, or what another observation can go on from. `None`: what it has
    /// remembered stays.
    event: Option<u64>,
    code: Code,
    data: Vec<u8>,
}

impl Frame {
    /// A frame of a device, which nobody can go on from.
    const fn new(number: u64, code: Code, data: Vec<u8>) -> Self {
        Self { number, event: Some(number), code, data }
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
    /// Whether frames have ids of their own, which another observation can go on from.
    has_events: bool,
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
            let Some(item) = item else { break };
            let frame = self.frame(item);
            self.format.write(&mut lines, &frame);
            if frame.code != Code::Continue {
                self.watch = None;
                self.doing.end(frame.code, Delivery::Answered);
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

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<ObservationItem>> {
        let Some(watch) = &mut self.watch else { return Poll::Ready(None) };
        // Asked first, or a device that never pauses would keep a caller whose time is over.
        if self.expiry.as_mut().is_some_and(|expiry| expiry.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Some(ObservationItem::End(Ok(()))));
        }
        match watch.poll_next(cx) {
            Poll::Ready(item) => Poll::Ready(Some(item)),
            // The hub shuts down: its observations end in good order, so that the drain need not wait for them. The
            // connection's task waits for the shutdown, and polls its body when that begins.
            Poll::Pending if self.shutdown.is_triggered() => Poll::Ready(Some(ObservationItem::End(Ok(())))),
            Poll::Pending => Poll::Pending,
        }
    }

    fn frame(&mut self, item: ObservationItem) -> Frame {
        let number = self.next_frame;
        self.next_frame += 1;
        match item {
            ObservationItem::Frame(data) => Frame::new(number, Code::Continue, data),
            ObservationItem::Event { id, data } => {
                self.has_events = true;
                Frame { event: Some(id), ..Frame::new(number, Code::Continue, data) }
            }
            ObservationItem::End(end) => {
                let code = end.map_or_else(|error| code_of(&error), |()| Code::Terminate);
                // The end is nothing to go on from.
                let event = Some(number).filter(|_| !self.has_events);
                Frame { event, ..Frame::new(number, code, Vec::new()) }
            }
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
        let x = Frame::new(3, Code::Continue, b"x".to_vec());
        Format::Lines { id: 7 }.write(&mut out, &x);
        assert_eq!(out, b"{\"id\":7,\"fid\":3,\"code\":\"CONTINUE\",\"data\":\"eA==\"}\n");
        out.clear();
        Format::Events.write(&mut out, &x);
        assert_eq!(out, b"id: 3\ndata: {\"id\":0,\"fid\":3,\"code\":\"CONTINUE\",\"data\":\"eA==\"}\n\n");
        out.clear();
        Format::Events.write(&mut out, &Frame::new(4, Code::Terminate, Vec::new()));
        assert_eq!(out, b"event: end\nid: 4\ndata: {\"id\":0,\"fid\":4,\"code\":\"TERMINATE\",\"data\":\"\"}\n\n");
    }

    #[test]
    fn an_event_has_its_own_id_and_an_end_may_have_none() {
        let mut out = Vec::new();
        Format::Events.write(&mut out, &Frame { event: Some(41), ..Frame::new(0, Code::Continue, b"x".to_vec()) });
        assert_eq!(out, b"id: 41\ndata: {\"id\":0,\"fid\":0,\"code\":\"CONTINUE\",\"data\":\"eA==\"}\n\n");
        out.clear();
        Format::Events.write(&mut out, &Frame { event: None, ..Frame::new(1, Code::Terminate, Vec::new()) });
        assert_eq!(out, b"event: end\ndata: {\"id\":0,\"fid\":1,\"code\":\"TERMINATE\",\"data\":\"\"}\n\n");
    }
}
