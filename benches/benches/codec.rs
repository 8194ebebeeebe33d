//! Micro-benchmarks of the wire: headers, frames however they are cut, digests, and a whole call through the hub's session.
//! Run with `cargo bench -p benches`.

use divan::{Bencher, black_box, counter::BytesCount};
use rtio_proto::decoder::FrameDecoder;
use rtio_proto::header::encode_frame;
use rtio_proto::limits::HEADER_BYTES;
use rtio_proto::rest::CoPostResponse;
use rtio_proto::session::{CallRequest, HubEvent, HubSession, SessionLimits, Verdict};
use rtio_proto::time::Instant;
use rtio_proto::verify::{DeviceIdRef, Verify};
use rtio_proto::{Capacity, FrameCode, FrameKind, Header, StatusCode, UriDigest};

fn main() {
    divan::main();
}

const HEADER: [u8; HEADER_BYTES] = [0x70, 0x12, 0x34, 0x00, 0x0a];

/// A call of five bytes: method, digest, data.
const FRAME: [u8; 15] = *b"\x70\x12\x34\x00\x0a\x20\xa7\x96\xd0\x57hello";

#[divan::bench]
fn header_decode() -> Header {
    Header::decode(black_box(HEADER)).expect("the header is sound")
}

#[divan::bench]
fn header_encode() -> [u8; HEADER_BYTES] {
    let header =
        Header { kind: FrameKind::ServerSendReq, code: FrameCode::Unknown, raw_message_id: 0x1234, body_bytes: 10 };
    black_box(header).encode()
}

#[divan::bench(args = ["/a", "/printer/status", "/a/uri/of/64/bytes/which/is/longer/than/most/that/anybody/uses/x"])]
fn uri_digest(bencher: Bencher<'_, '_>, uri: &str) {
    bencher.counter(BytesCount::of_str(uri)).bench(|| UriDigest::of(black_box(uri)));
}

#[divan::bench]
fn frame_whole(bencher: Bencher<'_, '_>) {
    let mut decoder = FrameDecoder::<Vec<u8>>::new(Capacity::Bytes512.body_bytes());
    bencher.counter(BytesCount::new(FRAME.len())).bench_local(|| decode_all(&mut decoder, &[black_box(&FRAME)]));
}

/// Cut after so many bytes: in the header, between header and body, in the body.
#[divan::bench(args = [2, 5, 9], sample_size = 1_000)]
fn frame_split(bencher: Bencher<'_, '_>, at: usize) {
    let mut decoder = FrameDecoder::<Vec<u8>>::new(Capacity::Bytes512.body_bytes());
    let (head, tail) = FRAME.split_at(at);
    bencher.counter(BytesCount::new(FRAME.len())).bench_local(|| decode_all(&mut decoder, &[black_box(head), tail]));
}

/// Body bytes of the frames in `reads`.
fn decode_all(decoder: &mut FrameDecoder<Vec<u8>>, reads: &[&[u8]]) -> usize {
    let mut body_bytes = 0;
    for mut read in reads.iter().copied() {
        while !read.is_empty() {
            let (taken, frame) = decoder.decode(read).expect("the frames are sound");
            if let Some(frame) = frame {
                body_bytes += frame.body.len();
                decoder.finish();
            }
            read = &read[taken..];
        }
    }
    body_bytes
}

#[divan::bench(sample_size = 1_000)]
fn session_call_and_answer(bencher: Bencher<'_, '_>) {
    let mut session = verified_session();
    bencher.bench_local(|| {
        let digest = UriDigest::of(black_box("/echo"));
        let request = CallRequest { digest, data: b"hello", deadline: Instant::from_millis(10_000) };
        session.start_call(Instant::START, request, ()).expect("the session is open and idle");
        let request = session.poll_transmit().expect("a call is sent at once");
        let mut answer = [0; 64];
        let length = encode_answer(&request, &mut answer);
        session.handle_bytes(Instant::START, &answer[..length]).expect("the answer is sound");
        session.poll_event()
    });
}

fn verified_session() -> HubSession<(), ()> {
    let mut session = HubSession::new(SessionLimits::default(), Instant::START);
    let id = DeviceIdRef::parse(b"PRINTER-001").expect("the id is sound");
    let verify = Verify { capacity: Capacity::Bytes512, id, secret: b"secret" };
    let mut frame = [0; 64];
    let length = verify.encode(1, &mut frame).expect("the buffer holds it");
    session.handle_bytes(Instant::START, &frame[..length]).expect("the verification is sound");
    let event = session.poll_event();
    assert!(matches!(event, Some(HubEvent::VerifyRequested { .. })), "{event:?}");
    session.answer_verify(Instant::START, Verdict::Accepted);
    session.poll_transmit().expect("the device is told");
    session
}

/// What a device that says yes sends back for the frame `request`.
fn encode_answer(request: &[u8], out: &mut [u8]) -> usize {
    let raw = *request.first_chunk().expect("a frame begins with its header");
    let header = Header::decode(raw).expect("the hub sends sound frames");
    let body = [&CoPostResponse::head(StatusCode::Ok)[..], b"world"];
    encode_frame(FrameKind::ServerSendResp, FrameCode::Success, header.raw_message_id, &body, out)
        .expect("the buffer holds it")
}
