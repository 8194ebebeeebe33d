//! The session as a client sees it: bytes in, bytes out.

mod lasting;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::*;
use crate::hub::{Credential, Delivery};
use crate::mqtt::packet::ConnectRefusal;
use crate::realer::MqttGrant;
use crate::realer::fake_store::greenhouse::{self, DEVICE, HEATER, NORTH, THERMOMETER};

/// One packet that the hub has written.
#[derive(Debug, PartialEq, Eq)]
struct Packet {
    first: u8,
    body: Vec<u8>,
}

impl Packet {
    const fn kind(&self) -> u8 {
        self.first >> 4
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn packets(bytes: &[u8]) -> Vec<Packet> {
    let (mut rest, mut packets) = (bytes, Vec::new());
    while let Some((&first, after)) = rest.split_first() {
        let (mut len, mut at) = (0, 0);
        loop {
            len |= usize::from(after[at] & 0x7f) << (7 * at);
            at += 1;
            if after[at - 1] & 0x80 == 0 {
                break;
            }
        }
        packets.push(Packet { first, body: after[at..at + len].to_vec() });
        rest = &after[at + len..];
    }
    packets
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let (mut bytes, mut len) = (vec![first], body.len());
    loop {
        let more = if len > 127 { 0x80 } else { 0 };
        bytes.push(u8::try_from(len & 0x7f).unwrap() | more);
        len >>= 7;
        if len == 0 {
            break;
        }
    }
    [bytes, body.to_vec()].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

/// A client that says what it wants as bytes.
#[derive(Debug, Clone, Copy)]
struct Client {
    version: Version,
    starts_clean: bool,
    keep_alive: u16,
    /// Version 5.
    session_expiry: u32,
    receive_maximum: u16,
    scopes: &'static str,
}

const V3: Client = Client {
    version: Version::V3,
    starts_clean: true,
    keep_alive: 60,
    session_expiry: 0,
    receive_maximum: 65_535,
    scopes: "iot:mqtt:connect iot:mqtt:ack:read iot:mqtt:feed-data:write iot:mqtt:desired:read",
};

const V5: Client = Client { version: Version::V5, ..V3 };

impl Client {
    fn connect(self) -> Vec<u8> {
        let (level, properties) = match self.version {
            Version::V3 => (4, Vec::new()),
            Version::V5 => {
                let expiry = [&[0x11][..], &self.session_expiry.to_be_bytes()].concat();
                let maximum = [&[0x21][..], &self.receive_maximum.to_be_bytes()].concat();
                (5, [vec![8], expiry, maximum].concat())
            }
        };
        let flags = 0b1100_0000 | u8::from(self.starts_clean) << 1;
        let keep_alive = self.keep_alive.to_be_bytes().to_vec();
        let names = [text(DEVICE), text(DEVICE), text("mqc_secret")].concat();
        packet(0x10, &[text("MQTT"), vec![level, flags], keep_alive, properties, names].concat())
    }

    fn publish(self, first: u8, id: u16, topic: &str, payload: &str) -> Vec<u8> {
        let id = if first & 0b110 == 0 { Vec::new() } else { id.to_be_bytes().to_vec() };
        let properties = if self.version == Version::V5 { vec![0] } else { Vec::new() };
        packet(first, &[text(topic), id, properties, payload.as_bytes().to_vec()].concat())
    }

    fn subscribe(self, id: u16, topics: &[&str]) -> Vec<u8> {
        let properties = if self.version == Version::V5 { vec![0] } else { Vec::new() };
        let filters = topics.iter().flat_map(|topic| [text(topic), vec![1]].concat()).collect();
        packet(0x82, &[id.to_be_bytes().to_vec(), properties, filters].concat())
    }

    /// The session once this client was let in, and CONNACK is written.
    fn opens(self, lasting: Option<Lasting>) -> Session {
        self.opens_with(lasting, &[]).0
    }

    fn opens_with(self, lasting: Option<Lasting>, rest: &[u8]) -> (Session, Packet) {
        let mut greeting = Greeting::new();
        let bytes = [self.connect(), rest.to_vec()].concat();
        let connect = greeting.handle_bytes(&bytes).unwrap().expect("it is whole");
        let grant = MqttGrant {
            credential: Credential(std::num::NonZeroU32::MIN),
            scopes: Scopes::parse(self.scopes).unwrap(),
            expires_ms: 0,
            max_payload_bytes: 1000,
        };
        let now = Instant::now();
        let expires = now + EXPIRY;
        let calls = CallLimits { max_calls: 4, max_observations: 2 };
        let device = greenhouse::device();
        let mut session = greeting.accept(Admission { device, connect, grant, expires, now, calls }, lasting);
        let mut written = written(&mut session);
        let connack = written.remove(0);
        assert_eq!(connack.kind(), 2);
        // What was written meanwhile is for the test that asks for it.
        session.outbox.bytes = written.iter().flat_map(|packet| self::packet(packet.first, &packet.body)).collect();
        (session, connack)
    }
}

const EXPIRY: Duration = Duration::from_secs(900);

const PINGREQ: [u8; 2] = [0xc0, 0];

fn topic(rest: &str) -> String {
    format!("iot/v1/devices/{DEVICE}/{rest}")
}

fn acks() -> String {
    topic("feed-data/acks")
}

fn reading() -> String {
    topic(&format!("resources/{NORTH}/sensors/{THERMOMETER}/feed-data"))
}

fn heater() -> String {
    topic(&format!("resources/{NORTH}/commands/{HEATER}/desired"))
}

fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

fn feed(session: &mut Session, bytes: &[u8]) {
    session.handle_bytes(Instant::now(), bytes);
    deliver(session);
}

fn deliver(session: &mut Session) {
    session.take_done().into_iter().for_each(Done::deliver);
}

fn written(session: &mut Session) -> Vec<Packet> {
    let mut all = Vec::new();
    while let Some(bytes) = session.poll_transmit() {
        all.extend(packets(&bytes));
    }
    all
}

/// Subscribes as the driver does where the catalog has everything.
fn listens(client: Client, session: &mut Session, topics: &[&str]) {
    feed(session, &client.subscribe(900, topics));
    for request in session.take_requests() {
        let Request::Subscribe { id, wishes } = request else { panic!("{request:?}") };
        session.subscribe(id, &wishes, &vec![Ok(true); wishes.len()]);
    }
    assert_eq!(written(session).len(), 1, "SUBACK");
}

/// One whose device takes requests.
pub(in crate::mqtt) fn asked() -> Session {
    subscribed(V3, &[&topic("rtio/requests")])
}

/// What the requests among `bytes` are named.
pub(in crate::mqtt) fn correlations(bytes: &[u8]) -> Vec<String> {
    let header = 2 + topic("rtio/requests").len();
    packets(bytes).iter().map(|request| request.text()[header..].split(' ').next().unwrap().to_owned()).collect()
}

/// What the device publishes about one of them.
pub(in crate::mqtt) fn answer(correlation: &str, status: &str, data: &str) -> Vec<u8> {
    V3.publish(0x30, 0, &topic("rtio/responses"), &format!("{correlation} {status}\n{data}"))
}

fn subscribed(client: Client, topics: &[&str]) -> Session {
    let mut session = client.opens(None);
    listens(client, &mut session, topics);
    session
}

#[test]
fn a_connect_is_taken_in_any_pieces_and_nothing_else_first() {
    let connect = V3.connect();
    for cut in 1..connect.len() {
        let mut greeting = Greeting::new();
        assert_eq!(greeting.handle_bytes(&connect[..cut]).unwrap(), None, "{cut}");
        let whole = greeting.handle_bytes(&connect[cut..]).unwrap().unwrap();
        assert_eq!((whole.client_id.as_str(), whole.keep_alive), (DEVICE, 60));
    }
    for first in [&PINGREQ[..], &V3.subscribe(1, &["a"]), b"GET / HTTP/1.1\r\n\r\n", &[0x16, 3, 1]] {
        let broken = Greeting::new().handle_bytes(first).unwrap_err();
        assert!(broken.last_words.is_empty(), "{broken:?}");
    }
}

#[test]
fn a_connect_that_says_it_is_large_is_refused_before_it_is_read() {
    let long = |len: usize| packet(0x10, &vec![0; len])[..5].to_vec();
    assert_eq!(Greeting::new().handle_bytes(&long(4093)).unwrap(), None);
    for bytes in [long(4094), long(200_000_000)] {
        assert_eq!(Greeting::new().handle_bytes(&bytes).unwrap_err().reason, Reason::PacketTooLarge);
    }
    let endless = Greeting::new().handle_bytes(&[0x10, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(endless.unwrap_err().reason, Reason::Malformed);
}

#[test]
fn who_is_not_let_in_hears_why() {
    for (client, refusal, code) in [
        (V3, ConnectRefusal::BadCredential, 4),
        (V3, ConnectRefusal::NotAuthorized, 5),
        (V3, ConnectRefusal::Unavailable, 3),
        (V5, ConnectRefusal::BadCredential, 0x86),
        (V5, ConnectRefusal::NotAuthorized, 0x87),
        (V5, ConnectRefusal::ClientId, 0x85),
    ] {
        let mut greeting = Greeting::new();
        greeting.handle_bytes(&client.connect()).unwrap().unwrap();
        let words = packets(&greeting.refuse(refusal));
        assert_eq!((words.len(), words[0].kind(), words[0].body[1]), (1, 2, code), "{client:?} {refusal:?}");
    }
}

#[test]
fn what_comes_with_the_connect_counts() {
    let (mut session, connack) = V3.opens_with(None, &[&PINGREQ[..], &V3.subscribe(7, &[&acks()])].concat());
    assert_eq!(connack.body, [0, 0]);
    assert_eq!(written(&mut session)[0].kind(), 13);
    assert!(matches!(session.take_requests().as_slice(), [Request::Subscribe { .. }]));
}

/// §7.3: PUBACK comes once it is settled, the application's ack on its topic.
#[test]
fn a_publish_is_acknowledged_once_it_is_settled() {
    for client in [V3, V5] {
        let mut session = subscribed(client, &[&acks()]);
        feed(&mut session, &client.publish(0x32, 5, &reading(), "{}"));
        let requests = session.take_requests();
        let [Request::Feed { id: Some(number), item }] = requests.as_slice() else { panic!("{requests:?}") };
        assert_eq!((number.get(), item.payload.as_slice()), (5, &b"{}"[..]));
        assert_eq!(written(&mut session), []);
        session.settle(Some(*number), None, Some(b"done".to_vec()));
        let written = written(&mut session);
        assert_eq!(written.iter().map(Packet::kind).collect::<Vec<_>>(), [4, 3]);
        assert!(written[1].text().contains(&acks()) && written[1].text().ends_with("done"));
        assert_eq!(written[1].first, 0x32, "QoS 1, no retain");
    }
}

#[test]
fn who_does_not_listen_to_acks_gets_none() {
    let mut session = V3.opens(None);
    feed(&mut session, &V3.publish(0x30, 0, &reading(), "{}"));
    assert!(matches!(session.take_requests().as_slice(), [Request::Feed { id: None, .. }]));
    session.settle(None, None, Some(b"done".to_vec()));
    assert_eq!(written(&mut session), []);
}

#[test]
fn no_more_than_ten_publishes_are_taken_before_they_are_settled() {
    let mut session = V3.opens(None);
    let many: Vec<u8> = (1..=25).flat_map(|number| V3.publish(0x32, number, &reading(), "{}")).collect();
    feed(&mut session, &many);
    let mut seen = Vec::new();
    loop {
        let requests = session.take_requests();
        if requests.is_empty() {
            break;
        }
        assert!(requests.len() <= 10, "{}", requests.len());
        assert_eq!(session.wants_bytes(), requests.len() < 10);
        for request in requests {
            let Request::Feed { id: Some(number), .. } = request else { panic!("{request:?}") };
            seen.push(number.get());
            session.settle(Some(number), None, None);
        }
        feed(&mut session, &[]);
    }
    assert_eq!(seen, (1..=25).collect::<Vec<_>>());
    assert!(session.wants_bytes());
    assert_eq!(written(&mut session).len(), 25);
}

/// §7.3: other topics are refused by the rights of the credential.
#[test]
fn a_publish_to_a_foreign_topic_is_refused() {
    let other = "iot/v1/devices/cdv_00000000000000000000000002/feed-data/acks";
    for foreign in [other, &acks(), &heater(), "$SYS/broker", "a/b"] {
        for qos in [0x30, 0x32] {
            let mut session = V3.opens(None);
            feed(&mut session, &V3.publish(qos, 1, foreign, "x"));
            assert_eq!(session.end(), Some(End::Misbehaved(Reason::NotAuthorized)), "{foreign}");
            assert_eq!(written(&mut session), []);
        }
        let mut session = V5.opens(None);
        feed(&mut session, &V5.publish(0x32, 1, foreign, "x"));
        assert_eq!(session.end(), None);
        assert_eq!(written(&mut session)[0].body[..3], [0, 1, 0x87], "{foreign}");
        feed(&mut session, &V5.publish(0x30, 1, foreign, "x"));
        assert_eq!(session.end(), Some(End::Misbehaved(Reason::NotAuthorized)));
        assert_eq!(written(&mut session)[0].body[0], 0x87);
    }
}

#[test]
fn without_the_right_to_publish_own_topics_are_foreign_too() {
    let client = Client { scopes: "iot:mqtt:connect", ..V5 };
    let mut session = client.opens(None);
    feed(&mut session, &client.publish(0x32, 1, &reading(), "{}"));
    assert_eq!(written(&mut session)[0].body[..3], [0, 1, 0x87]);
    feed(&mut session, &client.subscribe(2, &[&acks(), &heater()]));
    let requests = session.take_requests();
    let [Request::Subscribe { id, wishes }] = requests.as_slice() else { panic!("{requests:?}") };
    assert!(wishes.iter().all(|wish| wish.topic.is_none()));
    session.subscribe(*id, wishes, &[Ok(false), Ok(false)]);
    assert_eq!(written(&mut session)[0].body, [0, 2, 0, 0x87, 0x87]);
}

/// MQTT 3.1.1 §4.6: PUBACKs leave in the order of their PUBLISHes.
#[test]
fn a_refusal_waits_for_its_turn() {
    let mut session = V5.opens(None);
    feed(&mut session, &[V5.publish(0x32, 1, &reading(), "{}"), V5.publish(0x32, 2, "a/b", "x")].concat());
    assert_eq!(written(&mut session), []);
    let requests = session.take_requests();
    assert_eq!(requests[1], Request::Settled { id: id(2), refusal: Some(PublishRefusal::NotAuthorized) });
    session.settle(Some(id(1)), None, None);
    session.settle(Some(id(2)), Some(PublishRefusal::NotAuthorized), None);
    let answers: Vec<u8> = written(&mut session).iter().map(|packet| packet.body[1]).collect();
    assert_eq!(answers, [1, 2]);
}

/// §7.3: no wildcards, and other topics are refused.
#[test]
fn a_subscription_is_to_one_topic_of_the_catalog() {
    for (client, refused) in [(V3, 0x80), (V5, 0x87)] {
        let mut session = client.opens(None);
        let unknown = topic(&format!("resources/{NORTH}/commands/cmd_00000000000000000000000099/desired"));
        let wild = topic("#");
        let topics =
            [&acks(), &heater(), &unknown, "#", "+/+", &wild, "$share/g/x", &reading(), &topic("rtio/requests")];
        feed(&mut session, &client.subscribe(3, &topics));
        let requests = session.take_requests();
        let [Request::Subscribe { id, wishes }] = requests.as_slice() else { panic!("{requests:?}") };
        let known: Vec<_> = wishes.iter().map(|wish| Ok(wish.topic.is_some() && wish.text != unknown)).collect();
        session.subscribe(*id, wishes, &known);
        let suback = written(&mut session).remove(0);
        let codes = &suback.body[suback.body.len() - topics.len()..];
        assert_eq!(codes, [1, 1, refused, refused, refused, refused, refused, refused, 1]);
    }
}

#[test]
fn a_desired_state_goes_to_who_listens_and_not_twice() {
    let mut session = V3.opens(None);
    assert_eq!(session.tell(&heater(), b"on"), Err(CallError::NotListening));
    listens(V3, &mut session, &[&heater()]);
    for _ in 0..3 {
        assert_eq!(session.tell(&heater(), b"on"), Ok(()));
    }
    assert!(session.has_output());
    let told = written(&mut session);
    assert_eq!((told.len(), told[0].first), (1, 0x32));
    assert_eq!(session.tell(&heater(), b"on"), Ok(()), "in flight");
    assert_eq!(written(&mut session), []);
    let number = u16::from_be_bytes([told[0].body[2 + heater().len()], told[0].body[3 + heater().len()]]);
    feed(&mut session, &packet(0x40, &number.to_be_bytes()));
    assert_eq!(session.tell(&heater(), b"on"), Ok(()));
    assert_eq!(written(&mut session), [], "it was told");
    listens(V3, &mut session, &[&acks()]);
    assert_eq!(session.tell(&heater(), b"on"), Ok(()));
    assert_eq!(written(&mut session), [], "that was another topic");
    listens(V3, &mut session, &[&heater()]);
    assert_eq!(session.tell(&heater(), b"on"), Ok(()));
    assert_eq!(written(&mut session).len(), 1, "it has subscribed anew");
}

#[test]
fn what_was_told_is_remembered_up_to_a_cap() {
    let mut told = Told::default();
    for number in 0..65u8 {
        told.note("a", &[number]);
    }
    assert!(!told.has("a", &[0]) && told.has("a", &[1]) && told.has("a", &[64]) && !told.has("b", &[1]));
    told.forget("b");
    assert!(told.has("a", &[1]));
    told.forget("a");
    assert!(!told.has("a", &[1]));
}

#[test]
fn no_more_are_in_flight_than_the_client_takes() {
    for (client, window) in [(V3, 10), (Client { receive_maximum: 3, ..V5 }, 3)] {
        let mut session = subscribed(client, &[&heater()]);
        for number in 0..20 {
            session.tell(&heater(), number.to_string().as_bytes()).unwrap();
        }
        assert_eq!(written(&mut session).len(), window);
        assert!(!session.has_output());
        feed(&mut session, &packet(0x40, &1u16.to_be_bytes()));
        assert!(session.has_output());
        assert_eq!(written(&mut session).len(), 1);
    }
}

#[test]
fn a_client_that_acknowledges_nothing_loses_the_oldest_acks_and_desired_states_wait() {
    let mut session = subscribed(V3, &[&acks(), &heater()]);
    let mut told = 0;
    while session.tell(&heater(), format!("{told}").as_bytes()).is_ok() {
        told += 1;
        written(&mut session);
    }
    assert_eq!(told, 10 + outbox::MAX_QUEUED / 4 * 3);
    for number in 0..outbox::MAX_QUEUED {
        session.settle(None, None, Some(format!("{number}").into_bytes()));
    }
    let lost = session.take_incidents().acks_dropped;
    assert_eq!(lost, outbox::MAX_QUEUED as u64 / 4 * 3, "desired states kept their places");
    let busy = session.tell(&heater(), b"more");
    assert!(matches!(busy, Err(CallError::Busy(Cap::Outbox { .. }))), "{busy:?}");
}

#[test]
fn a_call_goes_out_at_most_once_and_its_answer_is_the_callers() {
    let parts = |data| {
        let started = Instant::now();
        let deadline = started + Duration::from_secs(5);
        RequestParts { uri: "/a", digest: crate::hub::UriDigest::of("/a"), data, started, deadline }
    };
    let mut session = V3.opens(None);
    let (reply, _) = oneshot::channel();
    assert_eq!(session.start_call(parts(b"x"), reply), Err(CallError::NotListening));
    listens(V3, &mut session, &[&topic("rtio/requests")]);
    let (reply, _) = oneshot::channel();
    let long = vec![0; 1001];
    assert_eq!(session.start_call(parts(&long), reply), Err(CallError::TooLarge { len: 1001, max: 1000 }));
    let (reply, mut outcome) = oneshot::channel();
    session.start_call(parts(b"now"), reply).unwrap();
    assert_eq!(session.calls_in_flight(), 1);
    let request = written(&mut session).remove(0);
    assert_eq!(request.first, 0x30, "QoS 0");
    let body = request.text();
    let line = body[2 + topic("rtio/requests").len()..].to_owned();
    let correlation = line.split(' ').next().unwrap();
    feed(&mut session, &V3.publish(0x32, 1, &topic("rtio/responses"), &format!("{correlation} ok\nidle")));
    assert_eq!(outcome.try_recv().unwrap().unwrap(), b"idle");
    assert_eq!(written(&mut session)[0].kind(), 4);
    let (reply, mut outcome) = oneshot::channel();
    session.start_call(parts(b"now"), reply).unwrap();
    session.end_as(End::Broke);
    deliver(&mut session);
    let gone = outcome.try_recv().unwrap();
    assert_eq!(gone, Err(CallError::DeviceGone { delivery: Delivery::NotSent }), "it never left");
    let (reply, _) = oneshot::channel();
    assert_eq!(session.start_call(parts(b"x"), reply), Err(CallError::DeviceOffline));
}

#[test]
fn an_answer_is_as_large_as_the_plan_allows_and_one_that_nobody_waits_for_is_counted() {
    let started = Instant::now();
    let digest = crate::hub::UriDigest::of("/a");
    let parts = RequestParts { uri: "/a", digest, data: b"", started, deadline: started + Duration::from_secs(5) };
    for (len, expected) in [(1000, Ok(vec![b'x'; 1000])), (1001, Err(CallError::DeviceMalformed))] {
        let mut session = subscribed(V3, &[&topic("rtio/requests")]);
        let (reply, mut outcome) = oneshot::channel();
        session.start_call(parts, reply).unwrap();
        let request = written(&mut session).remove(0).text();
        let correlation = request[2 + topic("rtio/requests").len()..].split(' ').next().unwrap().to_owned();
        let answer = format!("{correlation} ok\n{}", "x".repeat(len));
        for _ in 0..2 {
            feed(&mut session, &V3.publish(0x30, 0, &topic("rtio/responses"), &answer));
        }
        assert_eq!(outcome.try_recv().unwrap(), expected);
        assert_eq!(session.take_incidents().answers_dropped, 1, "the second");
    }
}

#[test]
fn an_idle_session_owns_next_to_nothing() {
    let mut session = V3.opens(None);
    written(&mut session);
    assert_eq!(session.outbox.bytes.capacity(), 0);
    assert!(size_of::<Session>() <= 1400, "{}", size_of::<Session>());
}

#[test]
fn a_session_that_is_over_takes_nothing_and_says_one_goodbye() {
    let mut session = subscribed(V5, &[&heater()]);
    session.end_as(End::Wanted(Ending::Shutdown));
    session.end_as(End::Silent);
    assert_eq!(session.end(), Some(End::Wanted(Ending::Shutdown)));
    assert_eq!(session.tell(&heater(), b"on"), Err(CallError::DeviceOffline));
    feed(&mut session, &PINGREQ);
    let words = written(&mut session);
    assert_eq!((words.len(), words[0].kind(), words[0].body[0]), (1, 14, 0x8b));
}

#[test]
fn a_feed_that_nobody_can_be_asked_for_is_refused() {
    let mut session = V3.opens(None);
    let started = Instant::now();
    let digest = crate::hub::UriDigest::of("/a");
    let parts = RequestParts { uri: "/a", digest, data: b"", started, deadline: started };
    let refused = session.start_observation(parts, Arc::new(Feed::default()));
    assert_eq!(refused, Err(CallError::NotListening));
}
