//! Who may try to verify again, and when: a stranger that guesses secrets gets few attempts, and nobody is kept out by what a
//! stranger does. Pure: the clock is an argument.
//!
//! Two rules, each per address of a peer (an IPv6 network counts as one address):
//!
//! * **One id from one peer**: after [`FREE_FAILURES`] failures in a row the next attempt has to wait, 1 s first, twice as long each
//!   time, a minute at most. A success clears it. Failures are never counted for an id alone: whoever knows a device's name could
//!   keep it out by failing under it.
//! * **All ids from one peer**: failures come out of a budget that fills up again by one a second. It is large, because a whole
//!   site may come from one address, with a few devices among them that have a wrong secret.
//!
//! Whoever has to wait is told to come back later, and the verifier is not asked.

// An address is a value, unlike the sockets that the hub does not know.
use core::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

use super::{DeviceId, Recent};

/// What is remembered of failures.
#[derive(Debug)]
pub(super) struct Backoff {
    devices: Recent<(IpAddr, DeviceId), Row>,
    peers: Recent<IpAddr, Budget>,
}

/// Failures in a row. An attempt counts as one until its outcome is known, so that many at once are no way around.
#[derive(Debug, Clone, Copy)]
struct Row {
    failures: u32,
    next_at: Instant,
}

/// Failures that a peer may still have, as of a moment.
#[derive(Debug, Clone, Copy)]
struct Budget {
    left: u32,
    as_of: Instant,
}

/// An attempt has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooSoon;

impl Backoff {
    pub(super) fn new() -> Self {
        Self { devices: Recent::new(MAX_ROWS), peers: Recent::new(MAX_ROWS) }
    }

    /// An attempt begins. Whoever lets it begin says how it ends.
    pub(super) fn begin(&mut self, peer: IpAddr, device: &DeviceId, now: Instant) -> Result<(), TooSoon> {
        let peer = network_of(peer);
        if self.peers.get(&peer).is_some_and(|budget| budget.at(now).left == 0) {
            return Err(TooSoon);
        }
        let key = (peer, device.clone());
        match self.devices.get(&key) {
            Some(row) if now < row.next_at => Err(TooSoon),
            Some(row) => {
                row.failures = row.failures.saturating_add(1);
                row.next_at = now + pause_after(row.failures);
                Ok(())
            }
            None => {
                self.devices.insert(key, Row { failures: 1, next_at: now });
                Ok(())
            }
        }
    }

    /// The device is the one: all is forgiven.
    pub(super) fn handle_success(&mut self, peer: IpAddr, device: &DeviceId) {
        self.devices.remove(&(network_of(peer), device.clone()));
    }

    /// It is not. The row has it already.
    pub(super) fn handle_failure(&mut self, peer: IpAddr, now: Instant) {
        let peer = network_of(peer);
        let full = Budget { left: MAX_BUDGET, as_of: now };
        let budget = self.peers.get(&peer).map_or(full, |budget| budget.at(now));
        self.peers.insert(peer, Budget { left: budget.left.saturating_sub(1), ..budget });
    }

    /// Nobody knows: the verifier did not answer, or the device left first. It has learned nothing, so it counts for nothing.
    pub(super) fn handle_no_verdict(&mut self, peer: IpAddr, device: &DeviceId, now: Instant) {
        let key = (network_of(peer), device.clone());
        if let Some(row) = self.devices.get(&key) {
            row.failures = row.failures.saturating_sub(1);
            row.next_at = now;
        }
    }
}

impl Budget {
    /// What it has become by `now`.
    fn at(self, now: Instant) -> Self {
        let seconds = now.saturating_duration_since(self.as_of).as_secs();
        let left = u32::try_from(seconds).unwrap_or(u32::MAX).saturating_add(self.left).min(MAX_BUDGET);
        Self { left, as_of: self.as_of + Duration::from_secs(seconds) }
    }
}

fn pause_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES) {
        None => Duration::ZERO,
        Some(more) => Duration::from_secs(1 << more.min(6)).min(MAX_PAUSE),
    }
}

/// Who counts as one peer: whoever has one IPv6 address has the 2⁶⁴ of its network.
pub fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(addr) => IpAddr::V4(addr),
        IpAddr::V6(addr) => IpAddr::V6(Ipv6Addr::from_bits(addr.to_bits() & !u128::from(u64::MAX))),
    }
}

/// A person who sets up a device mistypes it a few times.
const FREE_FAILURES: u32 = 5;

/// Longer would punish the device whose secret was put right in the meantime.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Sixty devices with a wrong secret behind one address, each back once a minute, use up no more than fills up again.
const MAX_BUDGET: u32 = 300;

/// Two generations of both tables take about 40 MB, when somebody with as many addresses tries. What was not used lately is
/// forgotten then, which gives such a one as many attempts as it has addresses, and it had those anyway.
const MAX_ROWS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    const STRANGER: &str = "192.0.2.1";
    const HOME: &str = "192.0.2.2";

    struct Scene {
        backoff: Backoff,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            Self { backoff: Backoff::new(), now: Instant::now() }
        }

        fn begins(&mut self, peer: &str, id: &str) -> bool {
            self.backoff.begin(peer.parse().unwrap(), &DeviceId::parse(id).unwrap(), self.now).is_ok()
        }

        /// Whether the attempt may begin; if so, it fails.
        fn fails(&mut self, peer: &str, id: &str) -> bool {
            let begins = self.begins(peer, id);
            if begins {
                self.backoff.handle_failure(peer.parse().unwrap(), self.now);
            }
            begins
        }

        fn succeeds(&mut self, peer: &str, id: &str) -> bool {
            let begins = self.begins(peer, id);
            if begins {
                self.backoff.handle_success(peer.parse().unwrap(), &DeviceId::parse(id).unwrap());
            }
            begins
        }

        fn passes(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
        }
    }

    #[tokio::test]
    async fn the_sixth_failure_waits_and_each_further_one_twice_as_long_up_to_a_minute() {
        let mut scene = Scene::new();
        (0..5).for_each(|_| assert!(scene.fails(STRANGER, "dev")));
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert!(!scene.fails(STRANGER, "dev"));
            scene.passes(pause - 1);
            assert!(!scene.fails(STRANGER, "dev"), "{pause} s");
            scene.passes(1);
            assert!(scene.fails(STRANGER, "dev"), "{pause} s");
        }
    }

    #[tokio::test]
    async fn a_stranger_who_guesses_keeps_neither_the_device_nor_its_neighbours_out() {
        let mut scene = Scene::new();
        assert_eq!((0..50).filter(|_| scene.fails(STRANGER, "dev")).count(), 5);
        assert!(!scene.begins(STRANGER, "dev"));
        assert!(scene.succeeds(HOME, "dev"), "the same id from elsewhere");
        assert!(scene.succeeds(STRANGER, "neighbour"), "another id from the same place");
    }

    #[tokio::test]
    async fn a_success_clears_the_row() {
        let mut scene = Scene::new();
        for _ in 0..10 {
            (0..4).for_each(|_| assert!(scene.fails(HOME, "dev")));
            assert!(scene.succeeds(HOME, "dev"));
        }
    }

    #[tokio::test]
    async fn many_attempts_at_once_are_no_way_around() {
        let mut scene = Scene::new();
        let begun = (0..100).filter(|_| scene.begins(STRANGER, "dev")).count();
        assert_eq!(begun, 5);
    }

    #[tokio::test]
    async fn attempts_without_a_verdict_count_for_nothing() {
        let mut scene = Scene::new();
        for _ in 0..100 {
            assert!(scene.begins(HOME, "dev"));
            scene.backoff.handle_no_verdict(HOME.parse().unwrap(), &DeviceId::parse("dev").unwrap(), scene.now);
        }
    }

    #[tokio::test]
    async fn a_peer_that_fails_under_many_ids_runs_out_of_its_budget_and_gets_one_a_second() {
        let mut scene = Scene::new();
        let failed = (0..1000).filter(|number| scene.fails(STRANGER, &format!("dev-{number}"))).count();
        assert_eq!(failed, MAX_BUDGET as usize);
        assert!(!scene.begins(STRANGER, "fresh") && scene.succeeds(HOME, "fresh"));
        scene.passes(1);
        assert!(scene.fails(STRANGER, "next") && !scene.begins(STRANGER, "after"));
        scene.passes(100_000);
        let failed = (0..1000).filter(|number| scene.fails(STRANGER, &format!("more-{number}"))).count();
        assert_eq!(failed, MAX_BUDGET as usize, "it fills up to what it was and no further");
    }

    #[tokio::test]
    async fn an_ipv6_network_counts_as_one_peer_and_a_mapped_address_as_what_it_maps() {
        let mut scene = Scene::new();
        (0..5).for_each(|host| assert!(scene.fails(&format!("2001:db8::{host}"), "dev")));
        assert!(!scene.begins("2001:db8::ffff:1", "dev"));
        assert!(scene.begins("2001:db8:0:1::1", "dev"));
        (0..5).for_each(|_| assert!(scene.fails(STRANGER, "dev")));
        assert!(!scene.begins(&format!("::ffff:{STRANGER}"), "dev"));
    }

    #[tokio::test]
    async fn what_is_remembered_is_capped() {
        let mut scene = Scene::new();
        for number in 0..200_000_u32 {
            let peer = format!("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255);
            scene.fails(&peer, "dev");
        }
        assert!(scene.backoff.devices.len() <= 2 * MAX_ROWS && scene.backoff.peers.len() <= 2 * MAX_ROWS);
    }
}
