//! What holds for any bytes. `docs/checklists.md` says how to let these run for longer.

use proptest::collection::vec;
use proptest::prelude::*;

use super::heard::{heard, meaning, of_message};
use super::strategies::*;
use super::support::*;
use crate::mqtt::codec::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces_give_the_same_packets((version, packets) in conversation(), pieces in vec(1..40_usize, 1..20)) {
        let bytes = packets.concat();
        let whole = all(&mut open(version), &bytes);
        prop_assert_eq!(in_pieces(&mut open(version), &bytes, &pieces), whole);
    }

    #[test]
    fn connect_in_any_pieces_is_the_same(version in version(), pieces in vec(1..40_usize, 1..20)) {
        let bytes = [connect(version, b""), vec![0xF0]].concat();
        let whole = all(&mut codec(), &bytes);
        prop_assert_eq!(whole.0.len(), 1);
        prop_assert_eq!(in_pieces(&mut codec(), &bytes, &pieces), whole);
    }

    #[test]
    fn any_bytes_do_no_harm(state in 0..5_u8, bytes in vec(any::<u8>(), 0..300), pieces in vec(1..40_usize, 1..20)) {
        let _ended = in_pieces(&mut in_state(state), &bytes, &pieces);
    }

    #[test]
    fn any_bodies_do_no_harm(state in 0..5_u8, first in first_byte(), body in vec(body_byte(), 0..64)) {
        let _ended = all(&mut in_state(state), &packet(first, &body));
    }

    #[test]
    fn any_rest_of_connect_does_no_harm(level in 3..7_u8, flags in any::<u8>(), rest in vec(body_byte(), 0..64)) {
        let body = [&string(b"MQTT")[..], &[level, flags, 0, 60], &rest].concat();
        let _ended = all(&mut codec(), &packet(0x10, &body));
    }

    #[test]
    fn garbage_does_not_touch_what_came_before(
        (version, packets) in conversation(),
        garbage in vec(any::<u8>(), 1..40),
        place in any::<prop::sample::Index>(),
    ) {
        let (before, after) = packets.split_at(place.index(packets.len() + 1));
        let expected = all(&mut open(version), &before.concat());
        let mixed = [before.concat(), garbage, after.concat()].concat();
        let (heard, _) = all(&mut open(version), &mixed);
        prop_assert!(heard.starts_with(&expected.0));
    }

    #[test]
    fn a_change_in_a_conversation_does_no_harm(
        (version, packets) in conversation(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = [connect(version, b""), packets.concat()].concat();
        for (place, value) in changes {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let _ended = all(&mut codec(), &bytes);
    }

    #[test]
    fn a_client_hears_what_the_hub_says(version in version(), number in 1..=u16::MAX, outgoing in outgoing()) {
        let number = id(number);
        let outgoing = outgoing.numbered(number);
        let mut codec = codec();
        one(&mut codec, &connect(version, b"")).unwrap();
        let mut client = match &outgoing {
            Outgoing::Accepted { .. } | Outgoing::Refused(_) => Client::new(version),
            Outgoing::Acknowledge { .. } => waiting(version, number, To::Publish),
            Outgoing::Subscribed { .. } => waiting(version, number, To::Subscribe),
            Outgoing::Unsubscribed { .. } => waiting(version, number, To::Unsubscribe),
            Outgoing::Pong | Outgoing::Disconnect(_) => Client::open(version),
        };
        if !matches!(outgoing, Outgoing::Accepted { .. } | Outgoing::Refused(_)) {
            codec.encode(&ACCEPTED, &mut Vec::new());
        }
        let mut out = Vec::new();
        codec.encode(&outgoing, &mut out);
        match meaning(version, &outgoing) {
            Some(meaning) => prop_assert_eq!(heard(client.hear(&out)), meaning),
            None => prop_assert_eq!(out, b""),
        }
    }

    #[test]
    fn a_client_hears_each_message_or_it_is_not_sent(version in version(), qos in qos(), max in 32..200_u32, sent in any_message()) {
        let properties = [&[0x27][..], &max.to_be_bytes()].concat();
        let mut codec = open_with(&connect(version, if version == Version::V5 { &properties } else { b"" }));
        let mut out = b"before".to_vec();
        match codec.publish(&sent, qos, &mut out) {
            Ok(number) => {
                prop_assert_eq!(number.is_some(), qos == Qos::AtLeastOnce);
                prop_assert!(version == Version::V3 || out.len() - 6 <= max as usize);
                let expected = of_message(version, &sent, number, false);
                prop_assert_eq!(heard(Client::open(version).hear(&out[6..])), expected);
            }
            Err(unsent) => {
                prop_assert_eq!(unsent, Unsent::TooLarge);
                prop_assert_eq!(&out, b"before");
                // Nothing was numbered.
                prop_assert_eq!(codec.publish(&message("a", b""), Qos::AtLeastOnce, &mut out), Ok(Some(id(1))));
            }
        }
    }

    #[test]
    fn a_client_hears_each_message_again(version in version(), number in 1..=u16::MAX, message in any_message()) {
        let mut out = Vec::new();
        open(version).publish_again(id(number), &message, &mut out).unwrap();
        let expected = of_message(version, &message, Some(id(number)), true);
        prop_assert_eq!(heard(Client::open(version).hear(&out)), expected);
    }
}

/// All packets that the bytes are, if they come in these pieces, again and again.
fn in_pieces(codec: &mut Codec, mut bytes: &[u8], pieces: &[usize]) -> (Vec<Incoming>, Result<(), Broken>) {
    let mut packets = Vec::new();
    for piece in pieces.iter().cycle() {
        let (now, later) = bytes.split_at((*piece).min(bytes.len()));
        let (new, ended) = all(codec, now);
        packets.extend(new);
        if ended.is_err() || later.is_empty() {
            return (packets, ended);
        }
        bytes = later;
    }
    unreachable!("there are pieces without end")
}

fn in_state(state: u8) -> Codec {
    let met = |version| {
        let mut codec = codec();
        one(&mut codec, &connect(version, b"")).unwrap();
        codec
    };
    match state {
        0 => codec(),
        1 => met(Version::V3),
        2 => met(Version::V5),
        3 => open(Version::V3),
        _ => open(Version::V5),
    }
}

fn waiting(version: Version, number: PacketId, to: To) -> Client {
    let mut client = Client::open(version);
    client.await_answer(number, to);
    client
}
