use super::*;

const LIMITS: Limits = Limits { max_packet_bytes: 4096, receive_maximum: NonZeroU16::new(10).unwrap() };

#[test]
fn a_session_begins() {
    let mut codec = Codec::new(LIMITS);
    let mut bytes = b"\x10\x10\x00\x04MQTT\x04\x00\x00\x3c\x00\x04abcd".to_vec();
    bytes.extend_from_slice(b"\xc0\x00");
    let (taken, packet) = codec.decode(&bytes).unwrap();
    assert_eq!(taken, 18);
    assert!(
        matches!(packet, Some(Incoming::Connect(connect)) if connect.client_id == "abcd" && connect.session_expiry == u32::MAX)
    );
    let mut out = Vec::new();
    codec.encode(&Outgoing::Accepted { session_present: true, keep_alive: Some(5), session_expiry: Some(7) }, &mut out);
    assert_eq!(out, [0x20, 2, 1, 0]);
    assert_eq!(codec.decode(&bytes[18..]), Ok((2, Some(Incoming::Ping))));
}
