//! A rustls client and the transport, joined in memory.

use std::io::Read;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{PrivateKeyDer, ServerName};

use super::*;

/// A device, and the hub's transport after their handshake.
struct Pair {
    device: ClientConnection,
    hub: Transport,
}

impl Pair {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let server =
            ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[version]).unwrap();
        let server = server.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let client = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        let mut device = ClientConnection::new(Arc::new(client), ServerName::try_from("localhost").unwrap()).unwrap();
        let mut hub = ServerConnection::new(Arc::new(server)).unwrap();
        while device.is_handshaking() || hub.is_handshaking() || hub.wants_write() {
            let mut bytes = Vec::new();
            while device.wants_write() {
                device.write_tls(&mut bytes).unwrap();
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                hub.read_tls(&mut rest).unwrap();
                hub.process_new_packets().unwrap();
            }
            let mut bytes = Vec::new();
            while hub.wants_write() {
                hub.write_tls(&mut bytes).unwrap();
            }
            receive(&mut device, &bytes);
        }
        Self { device, hub: Transport::tls(hub) }
    }

    /// The bytes of the device's records of `plain`.
    fn device_sends(&mut self, plain: &[u8]) -> Vec<u8> {
        self.device.set_buffer_limit(None);
        self.device.writer().write_all(plain).unwrap();
        self.device_writes()
    }

    fn device_writes(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.device.wants_write() {
            self.device.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// What the hub reads out of `bytes`, which come in pieces of `piece` bytes.
    fn hub_opens(&mut self, bytes: &[u8], piece: usize) -> Vec<u8> {
        let mut plain = Vec::new();
        for bytes in bytes.chunks(piece) {
            assert_eq!(self.hub.open(bytes, |bytes| plain.extend_from_slice(bytes)).unwrap(), Peer::Stays);
        }
        plain
    }
}

/// What a device reads out of `bytes`.
fn receive(device: &mut ClientConnection, mut bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while !bytes.is_empty() {
        device.read_tls(&mut bytes).unwrap();
        device.process_new_packets().unwrap();
        let mut piece = [0; 1 << 15];
        while let Ok(len @ 1..) = device.reader().read(&mut piece) {
            plain.extend_from_slice(&piece[..len]);
        }
    }
    plain
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

fn frames(len: usize) -> Vec<u8> {
    (0..len).map(|nth| u8::try_from(nth % 251).unwrap()).collect()
}

#[test]
fn plain_bytes_are_the_frames() {
    let mut plain = Transport::Plain;
    let outgoing = plain.seal(b"frames".to_vec());
    assert_eq!((outgoing.bytes, outgoing.left), (b"frames".to_vec(), Vec::new()));
    assert_eq!(plain.keep_unsent(b"mes".to_vec()), Some(b"mes".to_vec()));
    let mut fed = Vec::new();
    assert_eq!(plain.open(b"bytes", |bytes| fed.extend_from_slice(bytes)), Ok(Peer::Stays));
    assert_eq!(fed, b"bytes");
}

#[test]
fn what_comes_in_any_pieces_is_read_as_it_was_written() {
    for version in VERSIONS {
        let mut pair = Pair::new(version);
        for (len, piece) in [(1, 1), (600, 7), (100_000, 4096), (100_000, 16_384), (40_000, 100_000)] {
            let sent = frames(len);
            let bytes = pair.device_sends(&sent);
            assert!(pair.hub_opens(&bytes, piece) == sent, "{version:?} {len} {piece}");
        }
    }
}

#[test]
fn at_most_a_record_is_made_at_once_and_the_rest_stays_frames() {
    for version in VERSIONS {
        let mut pair = Pair::new(version);
        let (mut waiting, mut received) = (frames(50_000), Vec::new());
        let mut rounds = Vec::new();
        while !waiting.is_empty() {
            let outgoing = pair.hub.seal(waiting);
            assert!(outgoing.bytes.len() <= SEAL_BYTES + RECORD_OVERHEAD_BYTES);
            received.extend(receive(&mut pair.device, &outgoing.bytes));
            waiting = outgoing.left;
            rounds.push(waiting.len());
        }
        assert_eq!(rounds, [33_616, 17_232, 848, 0]);
        assert!(received == frames(50_000), "{version:?}");
    }
}

#[test]
fn records_that_did_not_fit_go_first_and_frames_wait() {
    for version in VERSIONS {
        let mut pair = Pair::new(version);
        let mut bytes = pair.hub.seal(b"first".to_vec()).bytes;
        let unsent = bytes.split_off(3);
        assert_eq!(pair.hub.keep_unsent(unsent.clone()), None);
        let again = pair.hub.seal(b"second".to_vec());
        assert_eq!((&again.bytes, &again.left[..]), (&unsent, &b"second"[..]));
        let last = pair.hub.seal(again.left);
        assert!(last.left.is_empty());
        assert_eq!(receive(&mut pair.device, &[bytes, again.bytes, last.bytes].concat()), b"firstsecond");
        assert!(pair.hub.seal(Vec::new()).bytes.is_empty(), "nothing is left");
    }
}

#[test]
fn a_key_update_is_answered_before_the_next_frame_and_both_sides_go_on() {
    let mut pair = Pair::new(&TLS13);
    for _ in 0..3 {
        pair.device.refresh_traffic_keys().unwrap();
        let update = pair.device_writes();
        assert!(pair.hub_opens(&update, update.len()).is_empty());
        let bytes = pair.device_sends(b"after");
        assert_eq!(pair.hub_opens(&bytes, 5), b"after");
        let outgoing = pair.hub.seal(b"answer".to_vec());
        assert_eq!(receive(&mut pair.device, &outgoing.bytes), b"answer");
    }
}

#[test]
fn a_goodbye_of_the_device_is_seen_after_its_last_bytes() {
    for version in VERSIONS {
        let mut pair = Pair::new(version);
        let mut bytes = pair.device_sends(b"last");
        pair.device.send_close_notify();
        bytes.extend(pair.device_writes());
        let mut plain = Vec::new();
        assert_eq!(pair.hub.open(&bytes, |bytes| plain.extend_from_slice(bytes)), Ok(Peer::Leaves));
        assert_eq!(plain, b"last");
        assert_eq!(pair.hub.open(b"whatever", |_| panic!("nothing follows")), Ok(Peer::Leaves));
    }
}

#[test]
fn our_goodbye_is_the_last_that_goes_out() {
    for version in VERSIONS {
        let mut pair = Pair::new(version);
        pair.hub.close();
        let outgoing = pair.hub.seal(b"too late".to_vec());
        assert!(outgoing.left.is_empty());
        assert_eq!(receive(&mut pair.device, &outgoing.bytes), b"");
        assert!(pair.device.process_new_packets().unwrap().peer_has_closed());
        assert!(pair.hub.seal(b"still too late".to_vec()).bytes.is_empty());
    }
}

#[test]
fn a_touched_record_is_an_error_and_what_came_before_it_counts() {
    for version in VERSIONS {
        let mut pair = Pair::new(version);
        let good = pair.device_sends(b"good");
        let mut bad = pair.device_sends(b"bad");
        *bad.last_mut().unwrap() ^= 1;
        let mut plain = Vec::new();
        let result = pair.hub.open(&[good, bad].concat(), |bytes| plain.extend_from_slice(bytes));
        assert_eq!(result, Err(rustls::Error::DecryptError));
        assert_eq!(plain, b"good");
        let alert = pair.hub.seal(Vec::new()).bytes;
        pair.device.read_tls(&mut &alert[..]).unwrap();
        let told = pair.device.process_new_packets().unwrap_err();
        assert_eq!(told, rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac));
    }
}

#[test]
fn plain_frames_inside_a_tls_connection_are_an_error() {
    for version in VERSIONS {
        let mut pair = Pair::new(version);
        let fed = pair.hub.open(b"\x10\x00\x01\x00\x05\x00dev:", |_| panic!("nothing is decrypted"));
        assert!(fed.is_err(), "{version:?}");
    }
}

#[test]
fn a_pointer_is_what_tls_costs_a_plain_session() {
    assert_eq!(size_of::<Transport>(), size_of::<usize>());
}
