//! Five bytes that carry a number, so that an answer can be told from every other answer of the run.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A number of a call or of a frame as payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Payload([u8; PAYLOAD_BYTES]);

impl Payload {
    /// The low 40 bits of `number`: more calls than any run makes.
    pub(crate) fn of(number: u64) -> Self {
        let [_, _, _, bytes @ ..] = number.to_be_bytes();
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; PAYLOAD_BYTES] {
        &self.0
    }

    /// Its base64 form: always as long, because five bytes are.
    pub(crate) fn base64(self) -> [u8; PAYLOAD_BASE64_BYTES] {
        let mut text = [0; PAYLOAD_BASE64_BYTES];
        let written = STANDARD.encode_slice(self.0, &mut text);
        debug_assert_eq!(written, Ok(PAYLOAD_BASE64_BYTES), "five bytes are eight characters");
        text
    }
}

/// What the table of targets asks for.
pub(crate) const PAYLOAD_BYTES: usize = 5;

pub(crate) const PAYLOAD_BASE64_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_five_bytes_and_eight_characters() {
        assert_eq!(Payload::of(258).as_bytes(), &[0, 0, 0, 1, 2]);
        assert_eq!(&Payload::of(258).base64(), b"AAAAAQI=");
    }
}
