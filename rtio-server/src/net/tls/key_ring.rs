//! The keys that tickets are encrypted with: which is used now, which are still good for tickets of before, when they change.
//! Pure but for randomness: the time is an argument, as seconds since 1970, because keys outlive the process.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use zeroize::Zeroizing;

/// Newest first, at least one.
#[derive(Debug)]
pub(super) struct KeyRing {
    keys: Vec<Arc<TicketKey>>,
}

/// One key.
pub(super) struct TicketKey {
    made_at: u64,
    /// What stands in front of a ticket, so that its key is found.
    name: [u8; NAME_BYTES],
    secret: Zeroizing<[u8; SECRET_BYTES]>,
    aead: RandomizedNonceKey,
}

impl KeyRing {
    /// A ring with one new key.
    pub(super) fn new(now: u64) -> Self {
        Self { keys: vec![Arc::new(TicketKey::generate(now))] }
    }

    /// The ring as it should be at `now`: a new key first once the newest is old, and without those that no ticket needs any
    /// more. `None` while nothing is due.
    ///
    /// A key from the future is as old as it is far away, so that a clock that was wrong once does no lasting harm.
    pub(super) fn rotated(&self, now: u64) -> Option<Self> {
        let mut keys: Vec<_> = self.keys.iter().filter(|key| key.age(now) < KEEP_SECONDS).cloned().collect();
        if keys.first().is_none_or(|newest| newest.age(now) >= ROTATE_SECONDS) {
            keys.insert(0, Arc::new(TicketKey::generate(now)));
            keys.truncate(MAX_KEYS);
        } else if keys.len() == self.keys.len() {
            return None;
        }
        Some(Self { keys })
    }

    /// A ticket of `plain`, for `purpose` only.
    pub(super) fn seal(&self, purpose: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let key = self.keys.first()?;
        let mut sealed = plain.to_vec();
        let nonce = key.aead.seal_in_place_append_tag(Aad::from(purpose), &mut sealed).ok()?;
        Some([&key.name[..], nonce.as_ref(), &sealed].concat())
    }

    /// What is in a ticket that was made for `purpose`; `None` for all that is none of ours.
    pub(super) fn open(&self, purpose: &[u8], ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_first_chunk::<NAME_BYTES>()?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>()?;
        // Not in constant time, because names stand in the open in every ticket.
        let key = self.keys.iter().find(|key| key.name == *name)?;
        let mut sealed = sealed.to_vec();
        let opened = key.aead.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(purpose), &mut sealed);
        let len = opened.ok()?.len();
        sealed.truncate(len);
        Some(sealed)
    }

    /// As it stands in the data folder.
    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAGIC.len() + self.keys.len() * KEY_BYTES));
        bytes.extend_from_slice(MAGIC);
        for key in &self.keys {
            bytes.extend_from_slice(&key.made_at.to_be_bytes());
            bytes.extend_from_slice(&key.name);
            bytes.extend_from_slice(&*key.secret);
        }
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for anything else.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (keys, rest) = bytes.strip_prefix(MAGIC)?.as_chunks::<KEY_BYTES>();
        if keys.is_empty() || keys.len() > MAX_KEYS || !rest.is_empty() {
            return None;
        }
        Some(Self { keys: keys.iter().filter_map(TicketKey::decode).map(Arc::new).collect() })
    }
}

impl TicketKey {
    fn generate(now: u64) -> Self {
        let (mut name, mut secret) = ([0; NAME_BYTES], Zeroizing::new([0; SECRET_BYTES]));
        let filled = rand::fill(&mut name).and_then(|()| rand::fill(&mut *secret));
        filled.expect("the system gives randomness, without which there is no TLS either");
        Self::new(now, name, secret)
    }

    fn new(made_at: u64, name: [u8; NAME_BYTES], secret: Zeroizing<[u8; SECRET_BYTES]>) -> Self {
        let aead = RandomizedNonceKey::new(&AES_256_GCM, &*secret).expect("the secret is as long as the cipher wants");
        Self { made_at, name, secret, aead }
    }

    fn decode(bytes: &[u8; KEY_BYTES]) -> Option<Self> {
        let (made_at, rest) = bytes.split_first_chunk()?;
        let (name, secret) = rest.split_first_chunk()?;
        let mut copy = Zeroizing::new([0; SECRET_BYTES]);
        copy.copy_from_slice(secret);
        Some(Self::new(u64::from_be_bytes(*made_at), *name, copy))
    }

    const fn age(&self, now: u64) -> u64 {
        now.abs_diff(self.made_at)
    }
}

/// Without the secret.
impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TicketKey").field("made_at", &self.made_at).field("secret", &"MASKED").finish_non_exhaustive()
    }
}

/// How long a ticket is good: a device that was off for a night comes back cheaply, and a stolen key opens a day and a half of
/// recorded handshakes at most. TLS 1.3 allows a week (RFC 8446 §4.6.1).
pub(super) const TICKET_SECONDS: u32 = 24 * 3600;

/// How long a key makes tickets. Far below the 2^32 tickets that random nonces allow a key (NIST SP 800-38D §8.3): that would
/// take 99,000 handshakes a second.
const ROTATE_SECONDS: u64 = 12 * 3600;

/// How long a key is kept: until its last ticket has had its time.
const KEEP_SECONDS: u64 = ROTATE_SECONDS + TICKET_SECONDS as u64;

/// Most keys at once: one that makes tickets, and those that it followed within the time of keeping.
const MAX_KEYS: usize = 4;
const _: () = assert!(MAX_KEYS as u64 == KEEP_SECONDS / ROTATE_SECONDS + 1);

const NAME_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;
const KEY_BYTES: usize = 8 + NAME_BYTES + SECRET_BYTES;

/// What the file begins with; the number is that of its form.
const MAGIC: &[u8] = b"rtio ticket keys 1\n";

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;
    const START: u64 = 1_800_000_000;

    fn ages(ring: &KeyRing, now: u64) -> Vec<u64> {
        ring.keys.iter().map(|key| key.age(now) / HOUR).collect()
    }

    #[test]
    fn a_key_makes_tickets_for_twelve_hours_and_is_good_for_a_day_more() {
        let mut ring = KeyRing::new(START);
        assert!(ring.rotated(START + 12 * HOUR - 1).is_none());
        let ticket = ring.seal(b"devices", b"session").unwrap();
        for (hours, expected) in [(12, &[0, 12][..]), (24, &[0, 12, 24]), (36, &[0, 12, 24]), (48, &[0, 12, 24])] {
            let now = START + hours * HOUR;
            ring = ring.rotated(now).unwrap();
            assert_eq!(ages(&ring, now), expected, "after {hours} hours");
            assert_eq!(ring.open(b"devices", &ticket).is_some(), hours < 36, "after {hours} hours");
        }
    }

    #[test]
    fn old_keys_go_also_when_nobody_looked_for_long() {
        let ring = KeyRing::new(START);
        let ring = ring.rotated(START + 13 * HOUR).unwrap();
        let later = START + 37 * HOUR;
        assert_eq!(ages(&ring.rotated(later).unwrap(), later), [0, 24]);
        let much_later = START + 1000 * HOUR;
        assert_eq!(ages(&ring.rotated(much_later).unwrap(), much_later), [0]);
    }

    #[test]
    fn there_are_never_more_than_four_keys_whatever_the_clock_does() {
        let mut ring = KeyRing::new(START);
        for hours in [12, 0, 12, 0, 24, 0, 24, 35, 12, 0] {
            ring = ring.rotated(START + hours * HOUR).unwrap_or(ring);
            assert!(ring.keys.len() <= MAX_KEYS);
        }
    }

    #[test]
    fn a_key_from_the_future_is_replaced() {
        let ring = KeyRing::new(START + 400 * HOUR);
        assert_eq!(ages(&ring.rotated(START).unwrap(), START), [0]);
    }

    #[test]
    fn a_ring_is_the_same_after_it_was_written_and_read() {
        let ring = KeyRing::new(START).rotated(START + 12 * HOUR).unwrap();
        let ticket = ring.seal(b"devices", b"session").unwrap();
        let again = KeyRing::decode(&ring.encode()).unwrap();
        assert_eq!(again.open(b"devices", &ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(ages(&again, START + 12 * HOUR), [0, 12]);
    }

    #[test]
    fn what_is_no_ring_is_not_read() {
        let good = KeyRing::new(START).encode();
        let long = [&good[..], &[0; KEY_BYTES * MAX_KEYS]].concat();
        for bad in
            [&b""[..], MAGIC, &good[..good.len() - 1], &[&good[..], b"x"].concat(), &long, b"rtio ticket keys 2\n"]
        {
            assert!(KeyRing::decode(bad).is_none(), "{} bytes", bad.len());
        }
    }

    #[test]
    fn a_ticket_that_was_touched_or_is_for_another_purpose_is_none() {
        let ring = KeyRing::new(START);
        let ticket = ring.seal(b"devices", b"session").unwrap();
        assert_eq!(ring.open(b"callers", &ticket), None);
        assert_eq!(KeyRing::new(START).open(b"devices", &ticket), None, "another ring");
        for len in 0..ticket.len() {
            assert_eq!(ring.open(b"devices", &ticket[..len]), None, "cut to {len}");
        }
        for at in 0..ticket.len() {
            let mut touched = ticket.clone();
            touched[at] ^= 1;
            assert_eq!(ring.open(b"devices", &touched), None, "byte {at}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let ring = KeyRing::new(START);
        assert!(format!("{ring:?}").contains("secret: \"MASKED\""));
    }
}
