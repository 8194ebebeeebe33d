//! Which ids and secrets the backend has found good a while ago, if the operator wants that remembered. Pure: the clock is an
//! argument. Neither an id nor a secret is kept, only a digest of both with a key that this process made for itself.

use std::fmt;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::time::Instant;

use crate::hub::{DeviceId, Recent};

/// The memory of one process.
pub(super) struct GoodAnswers {
    key: [u8; 32],
    ttl: Duration,
    /// Until when each pair counts as good.
    until: Recent<Pair, Instant>,
}

/// An id and a secret, digested.
type Pair = [u8; 32];

impl GoodAnswers {
    /// A memory that keeps a good answer for `ttl`.
    pub(super) fn new(key: [u8; 32], ttl: Duration) -> Self {
        Self { key, ttl, until: Recent::new(MAX_ANSWERS) }
    }

    /// The backend accepted this.
    pub(super) fn insert(&mut self, device: &DeviceId, secret: &[u8], now: Instant) {
        self.until.insert(self.digest(device, secret), now + self.ttl);
    }

    /// The backend refused this: what it said before counts no more.
    pub(super) fn remove(&mut self, device: &DeviceId, secret: &[u8]) {
        let pair = self.digest(device, secret);
        self.until.remove(&pair);
    }

    /// Whether the backend accepted this lately.
    pub(super) fn contains(&mut self, device: &DeviceId, secret: &[u8], now: Instant) -> bool {
        let pair = self.digest(device, secret);
        self.until.get(&pair).is_some_and(|until| now < *until)
    }

    /// The colon cannot be part of an id, so that no two pairs read the same.
    fn digest(&self, device: &DeviceId, secret: &[u8]) -> Pair {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any key is long enough");
        mac.update(device.as_str().as_bytes());
        mac.update(b":");
        mac.update(secret);
        mac.finalize().into_bytes().into()
    }
}

/// Without the key.
impl fmt::Debug for GoodAnswers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = self.until.len();
        out.debug_struct("GoodAnswers").field("ttl", &self.ttl).field("answers", &len).finish_non_exhaustive()
    }
}

/// Two generations of it take about 10 MB. A fleet larger than it has a smaller share of hits, and nothing worse.
const MAX_ANSWERS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn device(id: &str) -> DeviceId {
        DeviceId::parse(id).unwrap()
    }

    #[tokio::test]
    async fn a_good_answer_counts_for_its_pair_until_its_time_is_over() {
        let now = Instant::now();
        let mut answers = GoodAnswers::new([7; 32], TTL);
        answers.insert(&device("dev"), b"secret", now);
        assert!(answers.contains(&device("dev"), b"secret", now + TTL - Duration::from_millis(1)));
        assert!(!answers.contains(&device("dev"), b"secret", now + TTL));
        for (id, secret) in [("dev", &b"other"[..]), ("dev2", b"secret"), ("dev", b""), ("d", b"ev:secret")] {
            assert!(!answers.contains(&device(id), secret, now), "{id}");
        }
        answers.remove(&device("dev"), b"secret");
        assert!(!answers.contains(&device("dev"), b"secret", now));
    }

    #[tokio::test]
    async fn answers_are_capped() {
        let now = Instant::now();
        let mut answers = GoodAnswers::new([7; 32], TTL);
        for number in 0..3 * MAX_ANSWERS {
            answers.insert(&device("dev"), &number.to_le_bytes(), now);
        }
        assert!(answers.until.len() <= 2 * MAX_ANSWERS);
        assert!(!format!("{answers:?}").contains("key"), "the key does not show");
    }
}
