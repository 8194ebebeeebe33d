//! CRC-32 of a URI (§4): what stands for a URI on the wire.

use core::fmt;

/// CRC-32 (IEEE, as in zlib) of a URI's bytes. Two URIs may share one; who registers URIs must refuse that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UriDigest(u32);

impl UriDigest {
    /// Digest of `uri`. A `const fn`, so that firmware pays for it when it is compiled.
    pub const fn of(uri: &str) -> Self {
        let bytes = uri.as_bytes();
        let mut crc = u32::MAX;
        let mut at = 0;
        while at < bytes.len() {
            crc = TABLE[((crc ^ bytes[at] as u32) & 0xff) as usize] ^ (crc >> 8);
            at += 1;
        }
        Self(!crc)
    }

    /// The digest as it is on the wire.
    pub const fn from_wire(raw: [u8; 4]) -> Self {
        Self(u32::from_be_bytes(raw))
    }

    /// Its four bytes on the wire.
    pub const fn to_wire(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

impl fmt::Debug for UriDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UriDigest({self})")
    }
}

impl fmt::Display for UriDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Remainder of each byte: 1 KiB, where the usual sliced tables would cost a microcontroller 16.
static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u32;
    while byte < 256 {
        let mut crc = byte;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        table[byte as usize] = crc;
        byte += 1;
    }
    table
}

/// CRC-32/IEEE 802.3, reflected.
const POLYNOMIAL: u32 = 0xedb8_8320;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_zlib() {
        let cases = [("/aa/bb", 0xa796_d057), ("123456789", 0xcbf4_3926), ("", 0), ("/rainbow", 0xd5a7_abdb)];
        for (uri, crc) in cases {
            assert_eq!(UriDigest::of(uri), UriDigest(crc), "{uri}");
        }
    }
}
