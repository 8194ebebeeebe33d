//! Devices of the fleet against the hub's own session over a real socket, and against the bare server.

use std::net::Ipv4Addr;

use rtio_proto::session::{CallOutcome, CallRequest, HubEvent, HubSession, ObservationEnd, SessionLimits, Verdict};
use rtio_proto::time::Instant;
use rtio_proto::{StatusCode, UriDigest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Fleet, HungPlan, ReportPlan, Reporters, connect_all};
use crate::accept_server;
use crate::load::Stop;
use crate::payload::Payload;

type Event = HubEvent<(), ()>;

/// The hub's end of one device link, driven by hand.
struct Link {
    stream: TcpStream,
    session: HubSession<(), ()>,
}

impl Link {
    /// Takes one device in.
    async fn accept(listener: TcpListener) -> Self {
        let (stream, _) = listener.accept().await.unwrap();
        let mut link = Self { stream, session: HubSession::new(SessionLimits::default(), Instant::START) };
        let event = link.next_event().await;
        assert!(matches!(event, HubEvent::VerifyRequested { ref id, .. } if id == "fleet-000007"), "{event:?}");
        link.session.answer_verify(Instant::START, Verdict::Accepted);
        link.flush().await;
        link
    }

    /// Reads one frame at a time until there is an event.
    async fn next_event(&mut self) -> Event {
        loop {
            self.flush().await;
            if let Some(event) = self.session.poll_event() {
                return event;
            }
            let byte = self.stream.read_u8().await.unwrap();
            assert_eq!(self.session.handle_bytes(Instant::START, &[byte]), Ok(1));
        }
    }

    async fn flush(&mut self) {
        if let Some(bytes) = self.session.poll_transmit() {
            self.stream.write_all(&bytes).await.unwrap();
        }
    }
}

fn request(data: &[u8]) -> CallRequest<'_> {
    CallRequest { digest: UriDigest::of("/any"), data, deadline: Instant::from_millis(1_000) }
}

async fn one_device() -> (Link, Fleet) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (link, fleet) = tokio::join!(Link::accept(listener), Fleet::connect(address, 7..8));
    (link, fleet.unwrap())
}

#[tokio::test]
async fn a_call_is_echoed_and_counted() {
    let (mut link, fleet) = one_device().await;
    for data in [b"hello", b"world"] {
        link.session.start_call(Instant::START, request(data), ()).unwrap();
        let Event::CallDone { outcome: CallOutcome::Answered { data: echo, .. }, .. } = link.next_event().await else {
            panic!("the device did not answer")
        };
        assert_eq!(echo, data);
    }
    assert_eq!(fleet.calls(), 2);
    fleet.check_complete().unwrap();
}

#[tokio::test]
async fn an_observation_gets_every_numbered_frame_and_its_end() {
    let (mut link, _fleet) = one_device().await;
    let count = 20_u32;
    let observation = link.session.start_observation(Instant::START, request(&count.to_be_bytes()), ()).unwrap();
    assert_eq!(link.next_event().await, Event::ObservationStarted { token: () });
    for number in 0..count {
        let data = Payload::of(number.into()).as_bytes().to_vec();
        assert_eq!(link.next_event().await, Event::Notified { token: (), data });
        link.session.grant_frame(observation);
    }
    let event = link.next_event().await;
    assert!(matches!(event, Event::ObservationEnded { end: ObservationEnd::Terminated, .. }), "{event:?}");
}

#[tokio::test]
async fn a_device_that_reports_answers_calls_between_its_reports() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let plan = ReportPlan { devices: 7..8, uri: "/json", stop: Stop::AfterCalls(3), hung: None };
    let (mut link, reporters) = tokio::join!(Link::accept(listener), Reporters::start(address, plan));
    let mut reporters = reporters.unwrap();
    for number in 0..3 {
        let Event::Report { message_id, digest, data } = link.next_event().await else { panic!("no report") };
        assert_eq!((digest, &data[..]), (UriDigest::of("/json"), &Payload::of(number).as_bytes()[..]));
        link.session.start_call(Instant::START, request(b"hello"), ()).unwrap();
        let event = link.next_event().await;
        assert!(matches!(event, Event::CallDone { outcome: CallOutcome::Answered { .. }, .. }), "{event:?}");
        let (status, data) = if number == 1 { (StatusCode::InternalError, Vec::new()) } else { (StatusCode::Ok, data) };
        link.session.answer_report(message_id, status, &data);
        link.flush().await;
    }
    let outcome = reporters.reported().await;
    assert_eq!((outcome.tally.sent, outcome.tally.lost, outcome.tally.crossed), (3, 1, 0));
    assert_eq!((outcome.latency.len(), reporters.calls(), reporters.nags()), (3, 3, 0));
}

#[tokio::test]
async fn beside_a_hung_service_a_device_goes_on_to_report() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let hung = Some(HungPlan { uri: "/hung", others: 8..8 });
    let plan = ReportPlan { devices: 7..8, uri: "/json", stop: Stop::AfterCalls(1_000_000), hung };
    let (mut link, reporters) = tokio::join!(Link::accept(listener), Reporters::start(address, plan));
    let (reporters, mut nags, mut reports) = (reporters.unwrap(), 0, 0);
    while nags < 3 {
        let Event::Report { message_id, digest, data } = link.next_event().await else { panic!("no report") };
        if digest == UriDigest::of("/hung") {
            nags += 1;
            continue;
        }
        reports += 1;
        link.session.answer_report(message_id, StatusCode::Ok, &data);
    }
    assert!(reports >= 2, "{reports} reports");
    assert_eq!(reporters.nags(), 3);
}

#[tokio::test]
async fn many_devices_are_let_in_by_the_bare_server() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(accept_server::serve(listener));
    let streams = connect_all(address, 0..200).await.unwrap();
    server.abort();
    assert_eq!(streams.len(), 200);
}
