//! Just enough of MQTT 3.1.1 for a device: it connects, subscribes, publishes and takes what it is sent, at least once. Pure.

/// What a broker sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// CONNACK. 0: it is in.
    Connected(u8),
    /// SUBACK: for each topic what was granted.
    Subscribed(&'a [u8]),
    /// PUBACK of a message of ours.
    Accepted(u16),
    /// A message; the number is to be acknowledged.
    Message { topic: &'a str, id: Option<u16>, payload: &'a [u8] },
    /// PINGRESP.
    Pong,
}

/// Bytes that no sound broker sends to such a device.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

impl<'a> Packet<'a> {
    /// The packet at the front of `input` and its length in all; `None` while it is not whole.
    pub(super) fn decode(input: &'a [u8]) -> Result<Option<(Self, usize)>, Unreadable> {
        let Some((&first, rest)) = input.split_first() else { return Ok(None) };
        let Some((length, digits)) = length(rest)? else { return Ok(None) };
        let end = 1 + digits + length;
        let Some(body) = input.get(1 + digits..end) else { return Ok(None) };
        Self::of(first, body).map(|packet| Some((packet, end))).ok_or(Unreadable)
    }

    fn of(first: u8, body: &'a [u8]) -> Option<Self> {
        Some(match (first >> 4, body) {
            (CONNACK, &[_, code]) => Self::Connected(code),
            (SUBACK, [_, _, granted @ ..]) => Self::Subscribed(granted),
            (PUBACK, &[high, low]) => Self::Accepted(u16::from_be_bytes([high, low])),
            (PINGRESP, []) => Self::Pong,
            (PUBLISH, body) => {
                let (length, rest) = body.split_first_chunk()?;
                let (topic, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
                let (id, payload) = if first & QOS_BITS == 0 {
                    (None, rest)
                } else {
                    let (id, payload) = rest.split_first_chunk()?;
                    (Some(u16::from_be_bytes(*id)), payload)
                };
                Self::Message { topic: str::from_utf8(topic).ok()?, id, payload }
            }
            _ => return None,
        })
    }
}

/// Writes a CONNECT that wants nothing of an earlier session.
pub(super) fn write_connect(client: &str, password: Option<&str>, out: &mut Vec<u8>) {
    let flags = if password.is_some() { CLEAN | HAS_NAME | HAS_PASSWORD } else { CLEAN };
    let [high, low] = KEEP_ALIVE_SECONDS.to_be_bytes();
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', LEVEL, flags, high, low];
    push_text(client, &mut body);
    if let Some(password) = password {
        push_text(client, &mut body);
        push_text(password, &mut body);
    }
    push(CONNECT << 4, &[&body], out);
}

/// Writes a SUBSCRIBE, at least once each.
pub(super) fn write_subscribe(id: u16, topics: &[String], out: &mut Vec<u8>) {
    let mut body = id.to_be_bytes().to_vec();
    for topic in topics {
        push_text(topic, &mut body);
        body.push(AT_LEAST_ONCE);
    }
    push(SUBSCRIBE << 4 | RESERVED, &[&body], out);
}

/// Writes a PUBLISH, at least once.
pub(super) fn write_publish(id: u16, topic: &str, payload: &[u8], out: &mut Vec<u8>) {
    let parts = [&text_bytes(topic)[..], topic.as_bytes(), &id.to_be_bytes(), payload];
    push(PUBLISH << 4 | AT_LEAST_ONCE << 1, &parts, out);
}

/// Writes a PUBACK.
pub(super) fn write_puback(id: u16, out: &mut Vec<u8>) {
    push(PUBACK << 4, &[&id.to_be_bytes()], out);
}

fn push(first: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    out.push(first);
    let mut rest: usize = parts.iter().map(|part| part.len()).sum();
    loop {
        let digit = u8::try_from(rest % BASE).expect("less than 128");
        rest /= BASE;
        out.push(if rest > 0 { digit | MORE } else { digit });
        if rest == 0 {
            break;
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn push_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&text_bytes(text));
    out.extend_from_slice(text.as_bytes());
}

fn text_bytes(text: &str) -> [u8; 2] {
    u16::try_from(text.len()).expect("no text of the load is longer").to_be_bytes()
}

/// The remaining length, and the bytes that tell it; `None` while they are not whole.
fn length(input: &[u8]) -> Result<Option<(usize, usize)>, Unreadable> {
    let mut length = 0;
    for (at, &byte) in input.iter().enumerate().take(LENGTH_BYTES) {
        length += usize::from(byte & !MORE) << (7 * at);
        if byte & MORE == 0 {
            return Ok(Some((length, at + 1)));
        }
    }
    if input.len() < LENGTH_BYTES { Ok(None) } else { Err(Unreadable) }
}

const CONNECT: u8 = 1;
const CONNACK: u8 = 2;
const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const SUBSCRIBE: u8 = 8;
const SUBACK: u8 = 9;
const PINGRESP: u8 = 13;

/// 3.1.1.
const LEVEL: u8 = 4;
const CLEAN: u8 = 0x02;
const HAS_PASSWORD: u8 = 0x40;
const HAS_NAME: u8 = 0x80;
const AT_LEAST_ONCE: u8 = 1;
/// In the first byte of a PUBLISH.
const QOS_BITS: u8 = 0x06;
/// What the first byte of a SUBSCRIBE has beside its type.
const RESERVED: u8 = 0x02;

const MORE: u8 = 0x80;
const BASE: usize = 128;
const LENGTH_BYTES: usize = 4;

/// Longer than any measurement, so that no ping is in one.
const KEEP_ALIVE_SECONDS: u16 = 600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_whole_or_waited_for() {
        let mut input = Vec::new();
        write_publish(7, "a/b", &[b'x'; 200], &mut input);
        let length = input.len();
        input.extend_from_slice(&[0x40, 2, 1, 2]);
        for end in 0..length {
            assert_eq!(Packet::decode(&input[..end]), Ok(None), "{end}");
        }
        let message = Packet::Message { topic: "a/b", id: Some(7), payload: &[b'x'; 200] };
        assert_eq!(Packet::decode(&input), Ok(Some((message, length))));
        assert_eq!(Packet::decode(&input[length..]), Ok(Some((Packet::Accepted(0x102), 4))));
    }

    #[test]
    fn answers_are_told_apart() {
        for (bytes, packet) in [
            (&[0x20, 2, 0, 5][..], Packet::Connected(5)),
            (&[0x90, 4, 0, 1, 1, 0x80], Packet::Subscribed(&[1, 0x80])),
            (&[0xd0, 0], Packet::Pong),
            (&[0x30, 4, 0, 1, b't', b'p'], Packet::Message { topic: "t", id: None, payload: b"p" }),
        ] {
            assert_eq!(Packet::decode(bytes), Ok(Some((packet, bytes.len()))));
        }
        for bytes in [&[0x30, 1, 0][..], &[0x32, 3, 0, 1, b't'], &[0x10, 0], &[0x30, 0xff, 0xff, 0xff, 0xff, 1]] {
            assert_eq!(Packet::decode(bytes), Err(Unreadable), "{bytes:02x?}");
        }
    }

    #[test]
    fn a_device_says_who_it_is_and_what_it_wants() {
        let mut out = Vec::new();
        write_connect("dev", Some("pass"), &mut out);
        assert_eq!(out, b"\x10\x1a\0\x04MQTT\x04\xc2\x02\x58\0\x03dev\0\x03dev\0\x04pass");
        out.clear();
        write_connect("dev", None, &mut out);
        assert_eq!(out, b"\x10\x0f\0\x04MQTT\x04\x02\x02\x58\0\x03dev");
        out.clear();
        write_subscribe(1, &["a".to_owned(), "b".to_owned()], &mut out);
        assert_eq!(out, b"\x82\x0a\0\x01\0\x01a\x01\0\x01b\x01");
        out.clear();
        write_puback(258, &mut out);
        assert_eq!(out, b"\x40\x02\x01\x02");
    }
}
