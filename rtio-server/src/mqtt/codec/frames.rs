//! Finds the packets in the bytes, in whatever pieces they come. Of a packet that is not whole it keeps what has come, and no more: what a
//! client announces reserves nothing.

use std::borrow::Cow;

use zeroize::Zeroize;

use crate::mqtt::packet::Reason;

/// What a client may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Connect,
    Publish,
    /// PUBACK.
    Acknowledgement,
    Subscribe,
    Unsubscribe,
    Ping,
    Disconnect,
}

/// One whole packet.
pub(super) struct Frame<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    header_bytes: usize,
}

/// The packet that is not whole yet; empty between packets.
#[derive(Default)]
pub(super) struct Frames {
    partial: Vec<u8>,
}

impl Kind {
    /// By the first byte of the packet.
    ///
    /// # Errors
    ///
    /// No packet of a client, or one with flags that it must not have.
    pub(super) const fn of(first: u8) -> Result<Self, Reason> {
        match first {
            0x10 => Ok(Self::Connect),
            0x30..=0x3F => Ok(Self::Publish),
            0x40 => Ok(Self::Acknowledgement),
            0x82 => Ok(Self::Subscribe),
            0xA2 => Ok(Self::Unsubscribe),
            0xC0 => Ok(Self::Ping),
            0xE0 => Ok(Self::Disconnect),
            // Of the server, of QoS 2, and AUTH, which none is asked for.
            0x20..=0x2F | 0x50..=0x7F | 0x90..=0x9F | 0xB0..=0xBF | 0xD0..=0xDF | 0xF0..=0xFF => {
                Err(Reason::ProtocolError)
            }
            0x00..=0x0F
            | 0x11..=0x1F
            | 0x41..=0x4F
            | 0x80..=0x81
            | 0x83..=0x8F
            | 0xA0..=0xA1
            | 0xA3..=0xAF
            | 0xC1..=0xCF
            | 0xE1..=0xEF => Err(Reason::Malformed),
        }
    }
}

impl Frame<'_> {
    pub(super) fn flags(&self) -> u8 {
        self.bytes.first().map_or(0, |first| first & 0x0F)
    }

    /// It had a secret.
    pub(super) fn wipe(&mut self) {
        if let Cow::Owned(bytes) = &mut self.bytes {
            bytes.zeroize();
        }
    }

    pub(super) fn body(&self) -> &[u8] {
        self.bytes.get(self.header_bytes..).unwrap_or_default()
    }
}

/// It may be part of a CONNECT, with its password.
impl Drop for Frames {
    fn drop(&mut self) {
        self.partial.zeroize();
    }
}

impl Frames {
    /// The first byte of the packet that is not whole yet.
    pub(super) fn first(&self) -> Option<u8> {
        self.partial.first().copied()
    }

    #[cfg(test)]
    pub(super) fn kept_bytes(&self) -> usize {
        self.partial.capacity()
    }

    /// How many bytes were taken, and the packet if it is whole now.
    ///
    /// # Errors
    ///
    /// The length is none, or too large; told as soon as it has come.
    pub(super) fn take<'a>(
        &mut self,
        bytes: &'a [u8],
        max_packet_bytes: u32,
    ) -> Result<(usize, Option<Frame<'a>>), Reason> {
        if self.partial.is_empty() {
            match Header::read(bytes, max_packet_bytes)? {
                Some(header) if header.total_bytes <= bytes.len() => {
                    let (packet, _) = bytes.split_at(header.total_bytes);
                    return Ok((packet.len(), Some(header.frame(Cow::Borrowed(packet)))));
                }
                Some(_) | None => {
                    self.partial.extend_from_slice(bytes);
                    return Ok((bytes.len(), None));
                }
            }
        }
        self.go_on(bytes, max_packet_bytes)
    }

    fn go_on<'a>(&mut self, bytes: &'a [u8], max_packet_bytes: u32) -> Result<(usize, Option<Frame<'a>>), Reason> {
        let mut rest = bytes;
        let header = loop {
            if let Some(header) = Header::read(&self.partial, max_packet_bytes)? {
                break header;
            }
            let Some((byte, later)) = rest.split_first() else { return Ok((bytes.len(), None)) };
            self.partial.push(*byte);
            rest = later;
        };
        let missing = header.total_bytes.saturating_sub(self.partial.len()).min(rest.len());
        let (of_this, later) = rest.split_at(missing);
        self.partial.extend_from_slice(of_this);
        let taken = bytes.len() - later.len();
        if self.partial.len() < header.total_bytes {
            return Ok((taken, None));
        }
        Ok((taken, Some(header.frame(Cow::Owned(std::mem::take(&mut self.partial))))))
    }
}

/// The first byte and the length.
struct Header {
    header_bytes: usize,
    total_bytes: usize,
}

impl Header {
    /// `None` while the length has not come.
    fn read(bytes: &[u8], max_packet_bytes: u32) -> Result<Option<Self>, Reason> {
        let mut length = 0;
        for (place, byte) in bytes.iter().skip(1).take(MAX_LENGTH_BYTES).enumerate() {
            length |= usize::from(byte & 0x7F) << (7 * place);
            if byte & 0x80 == 0 {
                let header_bytes = place + 2;
                return Self { header_bytes, total_bytes: header_bytes + length }.within(max_packet_bytes).map(Some);
            }
        }
        if bytes.len() > MAX_LENGTH_BYTES { Err(Reason::Malformed) } else { Ok(None) }
    }

    const fn within(self, max_packet_bytes: u32) -> Result<Self, Reason> {
        if self.total_bytes <= max_packet_bytes as usize { Ok(self) } else { Err(Reason::PacketTooLarge) }
    }

    const fn frame<'a>(&self, bytes: Cow<'a, [u8]>) -> Frame<'a> {
        Frame { bytes, header_bytes: self.header_bytes }
    }
}

/// Of the length of a packet (MQTT 5 §1.5.5).
const MAX_LENGTH_BYTES: usize = 4;
