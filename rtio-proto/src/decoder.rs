//! Bytes in any chunking → frames. Used by both sessions and by anything else that reads the wire.
//!
//! A frame that lies whole in the input is lent from there; only what a read cut off is copied, so a decoder between two
//! frames holds no memory of its own.

use crate::error::DecodeError;
use crate::header::Header;
use crate::limits::{HEADER_BYTES, MAX_BODY_BYTES};

/// A frame as it was on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its header.
    pub header: Header,
    /// The header's bytes, for messages about the frame.
    pub raw: [u8; HEADER_BYTES],
    /// Its body.
    pub body: &'a [u8],
}

/// Where the beginning of a cut frame waits for its end.
pub trait PartialFrame: Default {
    /// Appends `bytes`. `total` is the length of the whole frame as far as it is known; the frame never grows past it.
    ///
    /// # Errors
    ///
    /// The most bytes of body that fit, if `total` does not.
    fn append(&mut self, bytes: &[u8], total: usize) -> Result<(), usize>;

    /// What was appended so far.
    fn as_bytes(&self) -> &[u8];
}

#[cfg(feature = "alloc")]
impl PartialFrame for alloc::vec::Vec<u8> {
    fn append(&mut self, bytes: &[u8], total: usize) -> Result<(), usize> {
        // Exact, because the frame's length is known and a half-sent frame may wait for long.
        self.reserve_exact(total.saturating_sub(self.len()));
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn as_bytes(&self) -> &[u8] {
        self
    }
}

/// A [`PartialFrame`] without allocation: `FRAME` bytes, header included.
#[derive(Debug, Clone)]
pub struct FixedFrame<const FRAME: usize> {
    bytes: [u8; FRAME],
    len: usize,
}

impl<const FRAME: usize> Default for FixedFrame<FRAME> {
    fn default() -> Self {
        Self { bytes: [0; FRAME], len: 0 }
    }
}

impl<const FRAME: usize> PartialFrame for FixedFrame<FRAME> {
    fn append(&mut self, bytes: &[u8], total: usize) -> Result<(), usize> {
        let end = self.len + bytes.len();
        match self.bytes.get_mut(self.len..end) {
            Some(space) if total <= FRAME => space.copy_from_slice(bytes),
            _ => return Err(FRAME.saturating_sub(HEADER_BYTES)),
        }
        self.len = end;
        Ok(())
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Finds frames in a stream of bytes.
///
/// After [`decode`](Self::decode) has returned a frame, call [`finish`](Self::finish) once it is handled, or the next
/// `decode` begins with its bytes.
#[derive(Debug)]
pub struct FrameDecoder<P> {
    /// Beginning of a frame whose end has not come; empty between frames.
    partial: P,
    /// Longest body that is accepted: 1..=4096.
    max_body_bytes: u16,
}

impl<P: PartialFrame> FrameDecoder<P> {
    /// A decoder at the beginning of a frame that accepts bodies up to `max_body_bytes`, at most 4096.
    pub fn new(max_body_bytes: usize) -> Self {
        let mut decoder = Self { partial: P::default(), max_body_bytes: 0 };
        decoder.set_max_body_bytes(max_body_bytes);
        decoder
    }

    /// Changes the limit from the next frame on.
    pub fn set_max_body_bytes(&mut self, max_body_bytes: usize) {
        self.max_body_bytes = u16::try_from(max_body_bytes.min(MAX_BODY_BYTES)).expect("4096 fits");
    }

    /// Takes bytes from the front of `input` up to the end of a frame. Returns how many it took, and the frame when it is
    /// whole; `None` means that all of `input` was taken and more is needed.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] as soon as the header is there, before the body is waited for. The stream is of no use after it.
    pub fn decode<'a>(&'a mut self, input: &'a [u8]) -> Result<(usize, Option<Frame<'a>>), DecodeError> {
        if self.partial.as_bytes().is_empty()
            && let Some((raw, rest)) = input.split_first_chunk()
        {
            let header = self.check(*raw)?;
            if let Some(body) = rest.get(..header.body_bytes.into()) {
                return Ok((HEADER_BYTES + body.len(), Some(Frame { header, raw: *raw, body })));
            }
        }
        let taken = self.fill(input)?;
        Ok((taken, self.frame()?))
    }

    /// Like [`decode`](Self::decode), but the frame is always copied and is read with [`frame`](Self::frame).
    ///
    /// # Errors
    ///
    /// As `decode`.
    pub fn fill(&mut self, input: &[u8]) -> Result<usize, DecodeError> {
        let mut taken = self.take(input, HEADER_BYTES)?;
        if let Some(raw) = self.partial.as_bytes().first_chunk() {
            let total = HEADER_BYTES + usize::from(self.check(*raw)?.body_bytes);
            taken += self.take(&input[taken..], total)?;
        }
        Ok(taken)
    }

    /// The frame that `fill` completed, if it did.
    ///
    /// # Errors
    ///
    /// As `decode`.
    pub fn frame(&self) -> Result<Option<Frame<'_>>, DecodeError> {
        let Some((raw, body)) = self.partial.as_bytes().split_first_chunk() else { return Ok(None) };
        let header = self.check(*raw)?;
        let whole = body.len() == usize::from(header.body_bytes);
        Ok(whole.then_some(Frame { header, raw: *raw, body }))
    }

    /// Forgets the frame that was just handled, and the memory it took.
    pub fn finish(&mut self) {
        if !self.partial.as_bytes().is_empty() {
            self.partial = P::default();
        }
    }

    /// Copies from the front of `input` until the partial frame has `total` bytes.
    fn take(&mut self, input: &[u8], total: usize) -> Result<usize, DecodeError> {
        let missing = total.saturating_sub(self.partial.as_bytes().len());
        let bytes = &input[..missing.min(input.len())];
        if bytes.is_empty() {
            return Ok(0);
        }
        self.partial.append(bytes, total).map_err(|max| DecodeError::BodyTooLong {
            raw: self.partial.as_bytes().first_chunk().copied().unwrap_or_default(),
            max,
        })?;
        Ok(bytes.len())
    }

    fn check(&self, raw: [u8; HEADER_BYTES]) -> Result<Header, DecodeError> {
        let header = Header::decode(raw)?;
        if header.body_bytes > self.max_body_bytes {
            return Err(DecodeError::BodyTooLong { raw, max: self.max_body_bytes.into() });
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_frame_is_lent_from_the_input() {
        let input = *b"\x30\x00\x07\x00\x02\x00\x3c\x30";
        let mut decoder = FrameDecoder::<FixedFrame<16>>::new(512);
        let (taken, frame) = decoder.decode(&input).unwrap();
        assert_eq!((taken, frame.unwrap().body), (7, &b"\x00\x3c"[..]));
    }

    #[test]
    fn a_header_over_the_limit_is_refused_before_its_body_comes() {
        let raw = *b"\x50\x00\x01\x02\x01";
        let mut decoder = FrameDecoder::<FixedFrame<4101>>::new(512);
        assert_eq!(decoder.decode(&raw[..4]).unwrap(), (4, None));
        assert_eq!(decoder.decode(&raw[4..]), Err(DecodeError::BodyTooLong { raw, max: 512 }));
    }

    #[test]
    fn a_fixed_buffer_refuses_what_it_cannot_hold() {
        let raw = *b"\x50\x00\x01\x00\x09";
        let mut decoder = FrameDecoder::<FixedFrame<8>>::new(512);
        let fill = decoder.fill(b"\x50\x00\x01\x00\x09\x01");
        assert_eq!(fill, Err(DecodeError::BodyTooLong { raw, max: 3 }));
    }
}
