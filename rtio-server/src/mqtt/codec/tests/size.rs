//! What a session that does nothing costs.

use super::support::*;
use crate::mqtt::codec::*;

/// 744 of them are the library's; a session holds one.
const MAX_CODEC_BYTES: usize = 800;

#[test]
fn a_codec_is_small() {
    assert!(size_of::<Codec>() <= MAX_CODEC_BYTES, "{}", size_of::<Codec>());
    assert!(size_of::<Incoming>() <= 128, "{}", size_of::<Incoming>());
}

#[test]
fn an_idle_codec_keeps_no_bytes() {
    for version in BOTH {
        let mut codec = codec();
        let hello = connect(version, b"");
        // In two pieces, so that the first must be kept for a while.
        codec.decode(&hello[..9]).unwrap();
        assert!(codec.frames.kept_bytes() > 0);
        one(&mut codec, &hello[9..]).unwrap();
        codec.encode(&ACCEPTED, &mut Vec::new());
        assert_eq!(codec.frames.kept_bytes(), 0);
    }
}

/// What is announced reserves nothing.
#[test]
fn a_long_packet_that_does_not_come_costs_what_has_come() {
    let mut codec = open(Version::V3);
    // 4,000 bytes.
    assert_eq!(codec.decode(&[0x30, 0xA0, 0x1F, 0]), Ok((4, None)));
    assert!(codec.frames.kept_bytes() < 64);
}

/// The session keeps what is not acknowledged; the library keeps no second copy of it, though the client wants its session kept.
#[test]
fn no_message_is_kept() {
    for hello in [connect(Version::V3, b""), connect(Version::V5, &[0x11, 0, 0, 1, 0])] {
        let mut codec = open_with(&hello);
        codec.publish(&message("a", b"payload"), Qos::AtLeastOnce, &mut Vec::new()).unwrap();
        codec.publish_again(id(9), &message("a", b"payload"), &mut Vec::new()).unwrap();
        assert!(codec.library.get_stored_packets().is_empty());
    }
}
