//! How often clients may ask for tokens, and from where they may fail. Pure: the clock is an argument. (Contract §1.7.)
//!
//! * **A client** that proved who it is has a pace of its own. Who only names it takes nothing of that: ids are no secret, and whoever
//!   knows one could keep the device out.
//! * **Failures** come out of a budget of the peer's address. It is large, because a whole site may come from one address, with a few
//!   devices among them that have a wrong secret.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::spacing::{Pace, TooSoon};
use crate::hub::{DeviceId, Recent, network_of};

/// What is remembered of those who asked.
#[derive(Debug)]
pub(super) struct OauthLimits {
    clients: Recent<DeviceId, Instant>,
    peers: Recent<IpAddr, Instant>,
}

impl OauthLimits {
    pub(super) fn new() -> Self {
        Self { clients: Recent::new(MAX_ROWS), peers: Recent::new(MAX_ROWS) }
    }

    /// Somebody tries. It counts as a failure until [`has_not_failed`](Self::has_not_failed), so that many at once are no way around.
    pub(super) fn begin(&mut self, peer: IpAddr, now: Instant) -> Result<(), TooSoon> {
        let peer = network_of(peer);
        let due = FAILURES.take(self.peers.get(&peer).copied(), now)?;
        self.peers.insert(peer, due);
        Ok(())
    }

    /// The attempt did not fail, or nobody knows.
    pub(super) fn has_not_failed(&mut self, peer: IpAddr) {
        if let Some(due) = self.peers.get(&network_of(peer)) {
            *due = FAILURES.give_back(*due);
        }
    }

    /// A client that proved who it is asks for something.
    pub(super) fn asks(&mut self, client: &DeviceId, now: Instant) -> Result<(), TooSoon> {
        let known = self.clients.get(client);
        let due = CLIENTS.take(known.as_deref().copied(), now)?;
        match known {
            Some(known) => *known = due,
            None => self.clients.insert(client.clone(), due),
        }
        Ok(())
    }
}

impl Default for OauthLimits {
    fn default() -> Self {
        Self::new()
    }
}

/// A device that wakes every five seconds and keeps nothing asks for a token each time; one that starts again and again, or is tried out
/// by a person, a few more.
const CLIENTS: Pace = Pace { interval: Duration::from_secs(5), burst: 20 };

/// As for verifications of the session (`hub/backoff.rs`).
const FAILURES: Pace = Pace { interval: Duration::from_secs(1), burst: 300 };

/// Of each kind, and perhaps as many before them: about 25 MB when somebody with as many addresses tries. What was not used lately is
/// forgotten then.
const MAX_ROWS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn failures_of_a_network_run_out_and_come_back_one_a_second() {
        let (mut limits, now) = (OauthLimits::new(), Instant::now());
        let fails = |limits: &mut OauthLimits, now| {
            (0..1000).filter(|_| limits.begin(peer("2001:db8::1"), now).is_ok()).count()
        };
        assert_eq!(fails(&mut limits, now), 300);
        assert_eq!(limits.begin(peer("2001:db8::2"), now), Err(TooSoon { retry_after: Duration::from_secs(1) }));
        assert_eq!(limits.begin(peer("192.0.2.1"), now), Ok(()), "elsewhere");
        assert_eq!(fails(&mut limits, now + Duration::from_secs(2)), 2);
        assert_eq!(fails(&mut limits, now + Duration::from_secs(3600)), 300);
    }

    #[tokio::test]
    async fn who_does_not_fail_uses_nothing_up() {
        let (mut limits, now) = (OauthLimits::new(), Instant::now());
        for _ in 0..1000 {
            limits.begin(peer("192.0.2.1"), now).unwrap();
            limits.has_not_failed(peer("192.0.2.1"));
        }
    }

    #[tokio::test]
    async fn a_client_has_a_pace_of_its_own() {
        let (mut limits, now) = (OauthLimits::new(), Instant::now());
        let (one, other) = (DeviceId::parse("one").unwrap(), DeviceId::parse("other").unwrap());
        assert_eq!((0..100).filter(|_| limits.asks(&one, now).is_ok()).count(), 20);
        assert_eq!(limits.asks(&one, now), Err(TooSoon { retry_after: Duration::from_secs(5) }));
        assert_eq!(limits.asks(&other, now), Ok(()));
        assert_eq!(limits.asks(&one, now + Duration::from_secs(5)), Ok(()));
    }

    #[tokio::test]
    async fn what_is_remembered_is_capped() {
        let (mut limits, now) = (OauthLimits::new(), Instant::now());
        for number in 0..200_000_u32 {
            limits.begin(IpAddr::V4(number.into()), now).unwrap();
            limits.asks(&DeviceId::parse(&format!("dev-{number}")).unwrap(), now).unwrap();
        }
        assert!(limits.clients.len() <= 2 * MAX_ROWS && limits.peers.len() <= 2 * MAX_ROWS);
    }
}
