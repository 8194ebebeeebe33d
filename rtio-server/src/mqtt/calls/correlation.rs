//! Which request an answer is for, as the device carries it back.

use std::num::NonZeroU64;

/// Names one request of a session; never names another. In messages twelve lower-case hexadecimal digits.
///
/// They count up, so that they also say which request is older. Where the count begins is random in 47 bits: an answer to an earlier
/// session of the device, or to an earlier run of the hub, is not taken for one of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Correlation(NonZeroU64);

impl Correlation {
    /// Where a session begins. Without randomness it begins at 1, which is no worse than a counter.
    pub(super) fn random() -> Self {
        Self::numbered(getrandom::u64().unwrap_or_default() >> 17)
    }

    pub(super) const fn numbered(number: u64) -> Self {
        match NonZeroU64::new(number) {
            Some(number) => Self(number),
            None => Self(NonZeroU64::MIN),
        }
    }

    pub(super) const fn number(self) -> u64 {
        self.0.get()
    }

    /// That of the next request. In 48 bits there is room for the requests of many years.
    pub(super) const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Reads it where a device has put it. `None`: it is none of ours.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let is_ours = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if bytes.len() != DIGITS || !bytes.iter().all(is_ours) {
            return None;
        }
        let number = u64::from_str_radix(str::from_utf8(bytes).ok()?, 16).ok()?;
        NonZeroU64::new(number).map(Self)
    }

    pub(super) fn to_text(self) -> String {
        format!("{:0width$x}", self.0, width = DIGITS)
    }
}

/// Length of one in a message.
pub(super) const DIGITS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        for number in [1, 0xbeef, 0x7fff_ffff_ffff, 0xffff_ffff_ffff] {
            let correlation = Correlation::numbered(number);
            assert_eq!(Correlation::parse(correlation.to_text().as_bytes()), Some(correlation));
        }
        assert_eq!(Correlation::numbered(0xbeef).to_text(), "00000000beef");
    }

    #[test]
    fn nothing_else_is_one() {
        let long = [b'0'; 4096];
        let cases: [&[u8]; 9] = [
            b"",
            b"beef",
            b"000000000000",
            b"00000000BEEF",
            b"00000000beef0",
            b"+0000000beef",
            b" 0000000beef",
            b"0000000\xffbeef",
            &long,
        ];
        for bytes in cases {
            assert_eq!(Correlation::parse(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn two_sessions_begin_apart_and_leave_room_to_count() {
        let (one, other) = (Correlation::random(), Correlation::random());
        assert_ne!(one, other);
        assert!(one.number() < 1 << 47 && other.number() < 1 << 47);
        assert_eq!(one.next().number(), one.number() + 1);
    }
}
