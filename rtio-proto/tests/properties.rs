//! What holds for all inputs: round trips, chunking that never matters, no panic, no memory beyond the allowed, caps.

use proptest::collection::vec;
use proptest::prelude::*;
use rtio_proto::decoder::{FrameDecoder, PartialFrame};
use rtio_proto::header::encode_frame;
use rtio_proto::rest::{CoPostRequest, Establish, EstablishResponse, Notify, NotifyResponse};
use rtio_proto::session::{CallOutcome, CallRequest, CloseReason, HubEvent, HubSession, SessionLimits, Verdict};
use rtio_proto::time::{Duration, Instant};
use rtio_proto::verify::{DeviceIdRef, Verify};
use rtio_proto::{Capacity, DecodeError, Header, ObserverId, StatusCode, UriDigest};

/// A partial frame that knows how much it may hold.
#[derive(Debug, Default)]
struct Measured(Vec<u8>);

const MEASURED_BODY_BYTES: usize = 1024;

impl PartialFrame for Measured {
    fn append(&mut self, bytes: &[u8], total: usize) -> Result<(), usize> {
        assert!(total <= 5 + MEASURED_BODY_BYTES, "room for {total} bytes was asked for");
        self.0.extend_from_slice(bytes);
        assert!(self.0.len() <= total, "{} bytes of {total}", self.0.len());
        Ok(())
    }

    fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What a decoder made of its input.
#[derive(Debug, Default, PartialEq)]
struct Decoded {
    frames: Vec<(Header, Vec<u8>)>,
    /// What ended it early.
    error: Option<DecodeError>,
    taken: usize,
}

/// Decodes `input` when it comes in pieces of the lengths in `chunks`.
fn decode(input: &[u8], chunks: &[usize]) -> Decoded {
    let mut decoder = FrameDecoder::<Measured>::new(MEASURED_BODY_BYTES);
    let mut decoded = Decoded::default();
    for piece in pieces(input, chunks) {
        if let Err(error) = decode_piece(&mut decoder, piece, &mut decoded) {
            decoded.error = Some(error);
            break;
        }
    }
    decoded
}

fn decode_piece(
    decoder: &mut FrameDecoder<Measured>,
    mut rest: &[u8],
    decoded: &mut Decoded,
) -> Result<(), DecodeError> {
    while !rest.is_empty() {
        let (taken, frame) = decoder.decode(rest)?;
        assert!(0 < taken && taken <= rest.len());
        assert!(frame.is_some() || taken == rest.len(), "without a frame, all is taken");
        decoded.taken += taken;
        rest = &rest[taken..];
        if let Some(frame) = frame {
            decoded.frames.push((frame.header, frame.body.to_vec()));
            decoder.finish();
        }
    }
    Ok(())
}

/// `input` cut after each of the lengths in `chunks`, over and over.
fn pieces<'a>(input: &'a [u8], chunks: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = input;
    let mut lengths = chunks.iter().cycle();
    std::iter::from_fn(|| {
        let len = lengths.next().map_or(rest.len(), |len| (*len).min(rest.len()));
        let (piece, after) = rest.split_at(len);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
    .collect()
}

/// Everything a session does with `input`, in order, as text.
fn course(input: &[u8], chunks: &[usize]) -> (Vec<String>, Vec<u8>) {
    let now = Instant::from_millis(1);
    let limits = SessionLimits { max_reports: 3, observation_window: 2, ..SessionLimits::default() };
    let mut session = HubSession::<u32, u32>::new(limits, now);
    let (mut told, mut sent) = (Vec::new(), Vec::new());
    for piece in pieces(input, chunks) {
        let mut rest = piece;
        while !rest.is_empty() {
            match session.handle_bytes(now, rest) {
                Ok(taken) => {
                    assert!(0 < taken && taken <= rest.len(), "took {taken} of {}", rest.len());
                    rest = &rest[taken..];
                }
                Err(error) => {
                    told.push(error.to_string());
                    rest = &[];
                }
            }
            let events: Vec<_> = std::iter::from_fn(|| session.poll_event()).collect();
            told.extend(events.iter().map(|event| format!("{event:?}")));
            if let [HubEvent::VerifyRequested { .. }] = events[..] {
                accept_and_ask(&mut session, now);
            }
            sent.extend(std::iter::from_fn(|| session.poll_transmit()).flatten());
        }
    }
    told.push(format!("{:?}", session.close_reason()));
    (told, sent)
}

fn accept_and_ask(session: &mut HubSession<u32, u32>, now: Instant) {
    session.answer_verify(now, Verdict::Accepted);
    for token in 0..4 {
        let deadline = now.after(Duration::from_secs(10));
        let call = CallRequest { digest: UriDigest::of("/"), data: b"x", deadline };
        session.start_call(now, call, token).expect("verified");
        session.start_observation(now, call, token).expect("verified");
    }
}

/// Mostly sound frames as a device sends them, with small ids so that some meet what the hub waits for.
fn device_frames() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        vec(any::<u8>(), 0..8),
        (0x20..0x40_u8, 0..6_u16, vec(any::<u8>(), 0..20))
            .prop_map(|(first, observer, data)| { [&[first], &observer.to_be_bytes()[..], &data].concat() }),
        vec(any::<u8>(), 500..520),
    ];
    let kind = prop_oneof![8 => Just(0x30_u8), 8 => Just(0x51), 8 => Just(0x81), 1 => any::<u8>()];
    let frame = (kind, 0..12_u16, body).prop_map(|(first, id, body)| {
        let len = u16::try_from(body.len()).expect("short");
        [&[first], &id.to_be_bytes()[..], &len.to_be_bytes(), &body].concat()
    });
    let verify = prop_oneof![9 => Just(b"\x10\x00\x01\x00\x04\x40a:b".to_vec()), 1 => Just(Vec::new())];
    (verify, vec(frame, 0..30)).prop_map(|(verify, frames)| [verify, frames.concat()].concat())
}

fn chunks() -> impl Strategy<Value = Vec<usize>> {
    vec(1..40_usize, 1..20)
}

fn status() -> impl Strategy<Value = StatusCode> {
    (0..10_u8).prop_map(StatusCode::from_wire)
}

proptest! {
    #[test]
    fn a_header_that_reads_is_written_back(raw: [u8; 5]) {
        if let Ok(header) = Header::decode(raw) {
            let written = header.encode();
            prop_assert_eq!(Header::decode(written), Ok(header));
            prop_assert_eq!((written[0] & 0xf8, &written[1..]), (raw[0] & 0xf8, &raw[1..]));
        }
    }

    #[test]
    fn a_verification_survives_the_wire(id in "[A-Za-z0-9._~-]{1,64}", secret in vec(any::<u8>(), 0..=256), level in 0..4_u8, message: u16) {
        let capacity = [Capacity::Bytes512, Capacity::Bytes1024, Capacity::Bytes2048, Capacity::Bytes4096][usize::from(level)];
        let verify = Verify { capacity, id: DeviceIdRef::parse(id.as_bytes()).expect("sound"), secret: &secret };
        let mut out = [0; 517];
        let len = verify.encode(message, &mut out).expect("fits");
        prop_assert_eq!(Verify::decode(&out[5..len]), Some(verify));
    }

    #[test]
    fn bodies_survive_the_wire(uri: String, observer in 1..=u16::MAX, status in status(), data in vec(any::<u8>(), 0..100)) {
        let (digest, observer) = (UriDigest::of(&uri), ObserverId::new(observer).expect("not 0"));
        let raw_observer_id = observer.to_wire();
        let body = [&CoPostRequest::head(digest), &data[..]].concat();
        prop_assert_eq!(CoPostRequest::decode(&body), Some(CoPostRequest { digest, data: &data }));
        let body = [&Establish::head(observer, digest), &data[..]].concat();
        prop_assert_eq!(Establish::decode(&body), Some(Establish { raw_observer_id, digest, data: &data }));
        let body = [&Notify::head(status, observer), &data[..]].concat();
        prop_assert_eq!(Notify::decode(&body), Some(Notify { status, raw_observer_id, data: &data }));
        let answer = EstablishResponse { status, raw_observer_id };
        prop_assert_eq!(EstablishResponse::decode(&answer.encode()), Some(answer));
        let answer = NotifyResponse { status, raw_observer_id };
        prop_assert_eq!(NotifyResponse::decode(&answer.encode()), Some(answer));
    }

    #[test]
    fn chunking_never_changes_the_frames(input in device_frames(), chunks in chunks()) {
        let (whole, pieces) = (decode(&input, &[]), decode(&input, &chunks));
        prop_assert_eq!((&whole.frames, whole.error), (&pieces.frames, pieces.error));
        prop_assert!(pieces.error.is_some() || pieces.taken == input.len());
    }

    #[test]
    fn frames_and_rest_are_the_input(input in device_frames(), cut in 0..30_usize) {
        let input = &input[..input.len() - cut.min(input.len())];
        let Decoded { frames, error, .. } = decode(input, &[]);
        let mut written = Vec::new();
        for (header, body) in &frames {
            let mut out = [0; 5 + MEASURED_BODY_BYTES];
            let len = encode_frame(header.kind, header.code, header.raw_message_id, &[body], &mut out).expect("fits");
            written.extend_from_slice(&out[..len]);
        }
        let rest = &input[written.len()..];
        // Only the two codes without a name are not written back as they came.
        let same = written.iter().zip(input).all(|(a, b)| a == b || (b & 0b110 == 0b110 && a & 0xf8 == b & 0xf8));
        prop_assert!(same);
        let rest_is_cut = rest.len() < 5 || rest.len() < 5 + usize::from(u16::from_be_bytes([rest[3], rest[4]]));
        prop_assert!(error.is_some() || rest_is_cut);
    }

    #[test]
    fn arbitrary_bytes_never_panic(input in vec(any::<u8>(), 0..3000), chunks in chunks()) {
        decode(&input, &chunks);
        prop_assert_eq!(course(&input, &[]), course(&input, &chunks));
        let verified = [&b"\x10\x00\x01\x00\x04\xc0a:b"[..], &input].concat();
        prop_assert_eq!(course(&verified, &[]), course(&verified, &chunks));
    }

    #[test]
    fn chunking_never_changes_what_a_session_does(input in device_frames(), chunks in chunks()) {
        prop_assert_eq!(course(&input, &[]), course(&input, &chunks));
    }

    #[test]
    fn every_accepted_call_ends_once_and_the_caps_hold(commands in vec((0..6_u8, any::<u8>()), 0..300)) {
        let limits = SessionLimits { max_calls: 8, max_outbox_bytes: 200, ..SessionLimits::default() };
        let mut now = Instant::START;
        let mut session = HubSession::<usize, usize>::new(limits, now);
        session.handle_bytes(now, b"\x10\x00\x01\x00\x04\x00a:b").expect("a sound frame");
        session.poll_event();
        session.answer_verify(now, Verdict::Accepted);
        session.poll_transmit();
        let mut ends: Vec<usize> = Vec::new();
        for (command, value) in commands {
            match command {
                0 | 1 => {
                    let data = vec![0; usize::from(value % 64)];
                    let deadline = now.after(Duration::from_secs(u64::from(value % 10)));
                    let call = CallRequest { digest: UriDigest::of("/"), data: &data, deadline };
                    if session.start_call(now, call, ends.len()).is_ok() {
                        ends.push(0);
                    }
                }
                2 => {
                    session.handle_bytes(now, &[0x81, 0, value % 32 + 1, 0, 1, 0x22]).expect("a sound frame");
                }
                3 => {
                    now = now.after(Duration::from_secs(u64::from(value % 5)));
                    session.handle_timeout(now);
                }
                4 => {
                    let mut bytes = session.poll_transmit().unwrap_or_default();
                    prop_assert!(bytes.len() <= 200);
                    session.handle_unsent(bytes.split_off(bytes.len().min(value.into())));
                }
                _ => prop_assert!(session.calls_in_flight() <= 8),
            }
            count_ends(&mut session, &mut ends);
        }
        session.close(CloseReason::Shutdown);
        count_ends(&mut session, &mut ends);
        prop_assert!(ends.iter().all(|count| *count == 1), "{:?}", ends);
    }
}

fn count_ends(session: &mut HubSession<usize, usize>, ends: &mut [usize]) {
    while let Some(event) = session.poll_event() {
        if let HubEvent::CallDone { token, outcome } = event {
            assert_ne!(outcome, CallOutcome::Malformed);
            ends[token] += 1;
        }
    }
}
