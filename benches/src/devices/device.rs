//! One device. It answers at once: a CoPOST is echoed, or done as it is a desired state; an ObGET gets as many numbered frames as its data says, each sent
//! after the last was acknowledged. What it sends by itself, if anything, is in `reports`.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use rtio_proto::decoder::{Frame, FrameDecoder};
use rtio_proto::header::encode_frame;
use rtio_proto::limits::HEADER_BYTES;
use rtio_proto::rest::{CoPostRequest, CoPostResponse, Establish, EstablishResponse, Method, Notify, NotifyResponse};
use rtio_proto::{Capacity, FrameCode, FrameKind, MessageId, ObserverId, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::fleet::FleetCounts;
use super::link::VERIFY_MESSAGE_ID;
use super::reports::{Post, Reports};
use crate::json_field::json_field;
use crate::payload::Payload;
use crate::port::Stream;

/// A device on a connection that is verified.
pub(super) struct Device {
    next_message: MessageId,
    answers: Answers,
    observations: Vec<Countdown>,
    /// Frames that wait to be written.
    out: Vec<u8>,
    counts: Arc<FleetCounts>,
    /// What it sends by itself; nothing in most.
    reports: Option<Box<Reports>>,
}

/// What a device answers to a CoPOST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// The same data.
    Echo,
    /// The report of a desired state that was applied.
    Report,
}

/// An observation: frames sent, and frames to send.
struct Countdown {
    observer: ObserverId,
    sent: u32,
    count: u32,
}

impl Device {
    pub(super) fn new(counts: Arc<FleetCounts>, answers: Answers) -> Self {
        let verified = MessageId::new(VERIFY_MESSAGE_ID).expect("the id of the verification is not zero");
        let (observations, out) = (Vec::new(), Vec::new());
        Self { next_message: verified.next(), answers, observations, out, counts, reports: None }
    }

    /// One that sends by itself, too.
    pub(super) fn reporting(counts: Arc<FleetCounts>, reports: Reports) -> Self {
        Self { reports: Some(Box::new(reports)), ..Self::new(counts, Answers::Echo) }
    }

    /// Answers until the connection ends, also when it has sent what it had to send.
    pub(super) async fn serve(mut self, mut stream: Stream) -> io::Result<()> {
        let mut decoder = FrameDecoder::<Vec<u8>>::new(CAPACITY.body_bytes());
        let mut buffer = [0; READ_BYTES];
        self.report_next();
        loop {
            if !self.out.is_empty() {
                stream.write_all(&self.out).await?;
                // TLS may have kept some of it.
                stream.flush().await?;
                self.out.clear();
            }
            tokio::select! {
                read = stream.read(&mut buffer) => match read? {
                    0 => return Ok(()),
                    read => self.handle_bytes(&mut decoder, &buffer[..read])?,
                },
                () = nag_due(self.reports.as_deref_mut()) => self.nag(),
            }
        }
    }

    fn handle_bytes(&mut self, decoder: &mut FrameDecoder<Vec<u8>>, mut input: &[u8]) -> io::Result<()> {
        while !input.is_empty() {
            let (taken, frame) = decoder.decode(input).map_err(io::Error::other)?;
            if let Some(frame) = frame {
                self.handle_frame(frame).ok_or(io::ErrorKind::InvalidData)?;
                decoder.finish();
            }
            input = &input[taken..];
        }
        Ok(())
    }

    /// `None` for what no sound hub sends.
    fn handle_frame(&mut self, frame: Frame<'_>) -> Option<()> {
        let is_observation = frame.body.first()? >> 4 == Method::ObGet as u8;
        match frame.header.kind {
            FrameKind::ServerSendReq if is_observation => self.begin(frame),
            FrameKind::ServerSendReq => self.answer(frame),
            FrameKind::DeviceSendResp if is_observation => self.acknowledged(frame.body),
            FrameKind::DeviceSendResp => self.report_answered(frame),
            FrameKind::DeviceVerifyReq
            | FrameKind::DeviceVerifyResp
            | FrameKind::DevicePingReq
            | FrameKind::DevicePingResp
            | FrameKind::DeviceSendReq
            | FrameKind::ServerSendResp => None,
        }
    }

    fn answer(&mut self, frame: Frame<'_>) -> Option<()> {
        let call = CoPostRequest::decode(frame.body)?;
        self.counts.calls.fetch_add(1, Ordering::Relaxed);
        let report = match self.answers {
            Answers::Echo => None,
            Answers::Report => Some(report(call.data, SystemTime::now())?),
        };
        let data = report.as_deref().map_or(call.data, str::as_bytes);
        let body = [&CoPostResponse::head(StatusCode::Ok)[..], data];
        self.push(FrameKind::ServerSendResp, FrameCode::Success, frame.header.raw_message_id, &body);
        Some(())
    }

    fn begin(&mut self, frame: Frame<'_>) -> Option<()> {
        let request = Establish::decode(frame.body)?;
        let observer = ObserverId::new(request.raw_observer_id)?;
        let count = u32::from_be_bytes(*request.data.first_chunk()?);
        let response = EstablishResponse { status: StatusCode::Continue, raw_observer_id: request.raw_observer_id };
        self.push(FrameKind::ServerSendResp, FrameCode::Success, frame.header.raw_message_id, &[&response.encode()]);
        let mut countdown = Countdown { observer, sent: 0, count };
        self.notify(&mut countdown);
        self.observations.push(countdown);
        Some(())
    }

    fn acknowledged(&mut self, body: &[u8]) -> Option<()> {
        let response = NotifyResponse::decode(body)?;
        let observer = ObserverId::new(response.raw_observer_id)?;
        let Some(at) = self.observations.iter().position(|live| live.observer == observer) else { return Some(()) };
        let mut countdown = self.observations.swap_remove(at);
        // After the last frame the hub's answer ends the observation here too.
        if response.status == StatusCode::Continue && countdown.sent <= countdown.count {
            self.notify(&mut countdown);
            self.observations.push(countdown);
        }
        Some(())
    }

    fn report_answered(&mut self, frame: Frame<'_>) -> Option<()> {
        let response = CoPostResponse::decode(frame.body)?;
        if self.reports.as_mut()?.answered(frame.header.raw_message_id, &response, Instant::now()) {
            self.report_next();
        }
        Some(())
    }

    /// Sends the next report of those that wait for each other.
    fn report_next(&mut self) {
        let message = self.next_message;
        if let Some(post) = self.reports.as_mut().and_then(|reports| reports.next(message, Instant::now())) {
            self.post(post);
        }
    }

    /// Sends one of those that do not.
    fn nag(&mut self) {
        let message = self.next_message;
        if let Some(post) = self.reports.as_mut().and_then(|reports| reports.nag(message)) {
            self.post(post);
        }
    }

    fn post(&mut self, post: Post) {
        let message = self.next_message;
        self.next_message = message.next();
        let head = CoPostRequest::head(post.digest);
        self.push(FrameKind::DeviceSendReq, FrameCode::Unknown, message.to_wire(), &[&head, post.payload.as_bytes()]);
    }

    /// Sends the next numbered frame, or the one that ends the observation.
    fn notify(&mut self, countdown: &mut Countdown) {
        let payload = Payload::of(countdown.sent.into());
        let (status, data): (_, &[u8]) = if countdown.sent < countdown.count {
            (StatusCode::Continue, payload.as_bytes())
        } else {
            (StatusCode::Terminate, &[])
        };
        let message = self.next_message;
        self.next_message = message.next();
        countdown.sent += 1;
        let head = Notify::head(status, countdown.observer);
        self.push(FrameKind::DeviceSendReq, FrameCode::Unknown, message.to_wire(), &[&head, data]);
    }

    fn push(&mut self, kind: FrameKind, code: FrameCode, raw_message_id: u16, body: &[&[u8]]) {
        let mut frame = [0; FRAME_BYTES];
        let length = encode_frame(kind, code, raw_message_id, body, &mut frame).expect("what fitted in fits out");
        self.out.extend_from_slice(&frame[..length]);
    }
}

/// What a device says that did what is desired.
fn report(desired: &[u8], now: SystemTime) -> Option<String> {
    let text = |key| str::from_utf8(json_field(desired, key)?).ok();
    let (id, value) = (text(b"\"desired_id\":")?, text(b"\"value\":")?);
    let at = humantime::format_rfc3339_millis(now);
    Some(format!(r#"{{"message_id":"{id}","value":"{value}","value_received_at":"{at}"}}"#))
}

/// Comes when another nag is due: never, for most.
async fn nag_due(reports: Option<&mut Reports>) {
    match reports {
        Some(reports) => reports.nag_due().await,
        None => std::future::pending().await,
    }
}

/// Read at once. Small, because there are 18,000 devices; many calls of one device come in several reads.
const READ_BYTES: usize = 2_048;

/// What the fleet asks for: the least, as constrained devices do.
const CAPACITY: Capacity = Capacity::Bytes512;

const FRAME_BYTES: usize = HEADER_BYTES + CAPACITY.body_bytes();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_what_it_answers_and_its_value() {
        let desired = br#"{"desired_id":"des_1","command_id":"cmd_1","value":"1.5","sequence_number":4}"#;
        assert_eq!(
            report(desired, SystemTime::UNIX_EPOCH).unwrap(),
            r#"{"message_id":"des_1","value":"1.5","value_received_at":"1970-01-01T00:00:00.000Z"}"#
        );
        assert_eq!(report(b"hello", SystemTime::UNIX_EPOCH), None);
    }
}
