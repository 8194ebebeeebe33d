//! A link that splits, joins and delays bytes in both directions, and may die. Everything random comes from one seed.

use std::collections::VecDeque;

use rtio_proto::time::{Duration, Instant};

/// SplitMix64: a seed gives the same course on every machine.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0..bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T>(&mut self, from: &mut Vec<T>) -> Option<T> {
        if from.is_empty() {
            return None;
        }
        let at = self.below(from.len() as u64);
        Some(from.swap_remove(usize::try_from(at).unwrap()))
    }
}

/// Prints the seed when its test fails.
pub(crate) struct Seed(pub(crate) u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with seed {}", self.0);
        }
    }
}

/// One direction: chunks in order, each with the moment it arrives.
pub(crate) struct Pipe {
    chunks: VecDeque<(Instant, Vec<u8>)>,
    last: Instant,
    /// Bytes go in, none comes out.
    pub(crate) dead: bool,
    /// Longest delay of a chunk.
    max_delay_ms: u64,
}

impl Pipe {
    pub(crate) fn new(max_delay_ms: u64) -> Self {
        Self { chunks: VecDeque::new(), last: Instant::START, dead: false, max_delay_ms }
    }

    pub(crate) fn send(&mut self, now: Instant, mut bytes: Vec<u8>, random: &mut Random) {
        while !bytes.is_empty() && !self.dead {
            let len = usize::try_from(1 + random.below(bytes.len() as u64)).unwrap();
            let rest = bytes.split_off(len);
            let delay = Duration::from_millis(random.below(self.max_delay_ms + 1));
            self.last = self.last.max(now.after(delay));
            self.chunks.push_back((self.last, std::mem::replace(&mut bytes, rest)));
        }
    }

    /// All that has arrived, joined.
    pub(crate) fn receive(&mut self, now: Instant) -> Vec<u8> {
        let mut all = Vec::new();
        while self.chunks.front().is_some_and(|(at, _)| *at <= now) {
            all.extend(self.chunks.pop_front().unwrap().1);
        }
        all
    }

    pub(crate) fn next_arrival(&self) -> Option<Instant> {
        self.chunks.front().map(|(at, _)| *at)
    }
}
