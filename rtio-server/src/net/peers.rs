//! How many connections each peer has, and the cap on that. A peer is an IPv4 address, or an IPv6 network of 64 bits, which is
//! what one customer gets and may number as it likes.
//!
//! Called by the gate. An entry lives as long as its peer has connections, so the table is bounded by the ports' own caps.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Who counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PeerKey(u64);

impl PeerKey {
    /// The peer that has the address `ip`.
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            // Below 2^32 are the networks of ::/32, which nobody has (RFC 4291 §2.4).
            IpAddr::V4(ip) => Self(u64::from(u32::from(ip))),
            IpAddr::V6(ip) => Self(u64::from_be_bytes(ip.octets().first_chunk().copied().unwrap_or_default())),
        }
    }
}

/// One peer has as many connections as are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the peer has {max} connections, as many as are allowed")]
pub struct TooMany {
    /// The cap.
    pub max: u32,
}

/// The connections of one port, by peer.
#[derive(Debug)]
pub struct Peers {
    table: Mutex<Table>,
}

impl Peers {
    /// At most `max` for each peer.
    pub fn new(max: u32) -> Arc<Self> {
        Arc::new(Self { table: Mutex::new(Table { max, counts: HashMap::default() }) })
    }

    /// Counts one more connection of `ip`, as long as the returned value lives.
    ///
    /// # Errors
    ///
    /// [`TooMany`].
    pub fn enter(self: &Arc<Self>, ip: IpAddr) -> Result<Seat, TooMany> {
        let key = PeerKey::of(ip);
        self.table.lock().enter(key)?;
        Ok(Seat { peers: Arc::clone(self), key })
    }

    /// How many peers have connections.
    pub fn len(&self) -> usize {
        self.table.lock().counts.len()
    }

    /// Whether nobody has.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A counted connection: 16 bytes.
#[derive(Debug)]
pub struct Seat {
    peers: Arc<Peers>,
    key: PeerKey,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.peers.table.lock().leave(self.key);
    }
}

#[derive(Debug)]
struct Table {
    max: u32,
    counts: HashMap<PeerKey, u32, foldhash::fast::RandomState>,
}

impl Table {
    fn enter(&mut self, key: PeerKey) -> Result<(), TooMany> {
        let count = self.counts.entry(key).or_insert(0);
        if *count >= self.max {
            return Err(TooMany { max: self.max });
        }
        *count += 1;
        Ok(())
    }

    fn leave(&mut self, key: PeerKey) {
        let Some(count) = self.counts.get_mut(&key) else { return };
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&key);
            self.give_back();
        }
    }

    /// A storm from very many addresses does not leave its memory behind.
    fn give_back(&mut self) {
        let (len, capacity) = (self.counts.len(), self.counts.capacity());
        if capacity > SMALL_TABLE && len < capacity / 8 {
            self.counts.shrink_to(len * 2);
        }
    }
}

/// Entries for which shrinking is not worth its while: some 20 KB.
const SMALL_TABLE: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_is_an_address_or_a_network_of_64_bits() {
        let same = |one, other| assert_eq!(PeerKey::of(ip(one)), PeerKey::of(ip(other)), "{one} {other}");
        let different = |one, other| assert_ne!(PeerKey::of(ip(one)), PeerKey::of(ip(other)), "{one} {other}");
        same("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff");
        same("192.0.2.1", "::ffff:192.0.2.1");
        different("2001:db8::1", "2001:db8:0:1::1");
        different("192.0.2.1", "192.0.2.2");
        different("192.0.2.1", "2001:db8::1");
    }

    #[test]
    fn each_peer_has_its_own_cap_and_gets_its_places_back() {
        let peers = Peers::new(2);
        let first = peers.enter(ip("192.0.2.1")).unwrap();
        let _second = peers.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(peers.enter(ip("192.0.2.1")).unwrap_err(), TooMany { max: 2 });
        let other = peers.enter(ip("192.0.2.2")).unwrap();
        drop(first);
        let _third = peers.enter(ip("192.0.2.1")).unwrap();
        drop(other);
        assert_eq!(peers.len(), 1);
    }

    #[test]
    fn the_table_is_as_large_as_its_peers() {
        let peers = Peers::new(1);
        let seats: Vec<_> = (0..100_000_u32).map(|n| peers.enter(IpAddr::V4(n.into())).unwrap()).collect();
        assert_eq!(peers.len(), 100_000);
        drop(seats);
        assert!(peers.is_empty());
        assert!(peers.table.lock().counts.capacity() <= SMALL_TABLE * 8);
    }

    #[test]
    fn a_seat_is_small() {
        assert!(size_of::<Seat>() <= 16);
    }
}
