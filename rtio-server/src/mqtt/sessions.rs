//! Sessions that outlive their connection: which connection has one now, and those that wait for the next one. In memory: what must not
//! be lost is in the store, and a client that finds no session subscribes again.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::link::Link;
use super::session::Lasting;
use crate::hub::DeviceId;

/// The persistent sessions of all clients.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    kept: Mutex<Kept>,
    turns: [Mutex<()>; TURNS],
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Kept {
    sessions: HashMap<DeviceId, Place, RandomState>,
    /// Those that are parked, the oldest first.
    order: BTreeMap<u64, DeviceId>,
    next: u64,
    /// Of those that are parked.
    bytes: usize,
}

#[derive(Debug)]
enum Place {
    /// A connection has it.
    Held(Weak<Link>),
    /// It waits for the next connection.
    Parked { lasting: Lasting, until: Instant, number: u64, bytes: usize },
}

impl Sessions {
    /// Whoever puts the client online with its session, or keeps the session of one that has gone, does all of it in its turn: so there
    /// is one session of it, and it is where the client is. Taken before all other locks; nothing is awaited in it.
    pub(super) fn turn(&self, device: &DeviceId) -> MutexGuard<'_, ()> {
        let [one, ..] = self.hasher.hash_one(device).to_ne_bytes();
        self.turns[usize::from(one) % TURNS].lock()
    }

    /// Takes what there is of a client's session; a connection that has it is over.
    pub(super) fn take(&self, device: &DeviceId, now: Instant) -> Option<Lasting> {
        let place = {
            let mut kept = self.kept.lock();
            let place = kept.sessions.remove(device)?;
            kept.forget(&place);
            place
        };
        match place {
            Place::Held(link) => link.upgrade().map(|link| link.surrender()),
            Place::Parked { lasting, until, .. } => (now < until).then_some(lasting),
        }
    }

    /// A connection has the client's session.
    pub(super) fn hold(&self, device: &DeviceId, link: &Arc<Link>) {
        let mut kept = self.kept.lock();
        if let Some(before) = kept.sessions.insert(device.clone(), Place::Held(Arc::downgrade(link))) {
            kept.forget(&before);
        }
    }

    /// The connection has ended, and its session waits. The oldest give way where there is no room; says how many did.
    pub(super) fn park(&self, device: &DeviceId, lasting: Lasting, (now, keep): (Instant, Duration)) -> u64 {
        let bytes = lasting.weight();
        let mut kept = self.kept.lock();
        let number = kept.next;
        kept.next += 1;
        let place = Place::Parked { lasting, until: now + keep, number, bytes };
        if let Some(before) = kept.sessions.insert(device.clone(), place) {
            kept.forget(&before);
        }
        kept.order.insert(number, device.clone());
        kept.bytes += bytes;
        kept.make_room(now)
    }

    /// The connection has ended, and nothing of it is kept.
    pub(super) fn release(&self, device: &DeviceId, link: &Arc<Link>) {
        let mut kept = self.kept.lock();
        let is_its = matches!(kept.sessions.get(device), Some(Place::Held(held)) if std::ptr::eq(held.as_ptr(), Arc::as_ptr(link)));
        if is_its {
            kept.sessions.remove(device);
        }
    }

    /// Sessions that wait for their client.
    pub(super) fn parked(&self) -> usize {
        self.kept.lock().order.len()
    }
}

impl Kept {
    /// Removes the oldest as long as there are too many, and those in front whose time is over. Says how many had to go before it was.
    fn make_room(&mut self, now: Instant) -> u64 {
        let mut lost = 0;
        while let Some((_, device)) = self.order.first_key_value() {
            let is_full = self.order.len() > MAX_PARKED || self.bytes > MAX_PARKED_BYTES;
            let until = match self.sessions.get(device) {
                Some(Place::Parked { until, .. }) => *until,
                Some(Place::Held(_)) | None => unreachable!("what is in order is parked"),
            };
            if now < until && !is_full {
                break;
            }
            lost += u64::from(now < until);
            let place = self.sessions.remove(&device.clone());
            place.iter().for_each(|place| self.forget(place));
        }
        lost
    }

    /// It is in its place no more.
    fn forget(&mut self, place: &Place) {
        if let Place::Parked { bytes, number, .. } = place {
            self.order.remove(number);
            self.bytes -= bytes;
        }
    }
}

/// Clients that come or go at the same moment wait for each other now and then.
const TURNS: usize = 32;

/// Sessions that wait; a device that starts clean leaves none. The oldest gives way.
const MAX_PARKED: usize = 65_536;

/// Bytes of those: a thousand that wait with all that a session may hold, or very many with their subscriptions.
const MAX_PARKED_BYTES: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn device(number: usize) -> DeviceId {
        DeviceId::parse(&format!("d{number}")).unwrap()
    }

    #[test]
    fn a_session_waits_for_its_client_once_and_not_for_ever() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        assert_eq!(sessions.park(&device(1), Lasting::default(), (now, HOUR)), 0);
        assert_eq!(sessions.park(&device(2), Lasting::default(), (now, HOUR)), 0);
        assert_eq!(sessions.parked(), 2);
        assert!(sessions.take(&device(1), now + HOUR / 2).is_some());
        assert!(sessions.take(&device(1), now + HOUR / 2).is_none());
        assert!(sessions.take(&device(2), now + HOUR).is_none());
        assert_eq!(sessions.parked(), 0);
    }

    #[test]
    fn one_too_many_drops_the_oldest_and_those_that_are_over_are_not_counted_as_lost() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        for number in 0..MAX_PARKED {
            assert_eq!(sessions.park(&device(number), Lasting::default(), (now, HOUR)), 0);
        }
        // The oldest has come back meanwhile, and gone again: now it is the newest.
        sessions.park(&device(0), Lasting::default(), (now, HOUR));
        assert_eq!(sessions.park(&device(MAX_PARKED), Lasting::default(), (now, HOUR)), 1);
        assert_eq!(sessions.parked(), MAX_PARKED);
        assert!(sessions.take(&device(1), now).is_none());
        assert!(sessions.take(&device(0), now).is_some());
        assert_eq!(sessions.park(&device(1), Lasting::default(), (now + HOUR, HOUR)), 0);
        assert_eq!(sessions.parked(), 1, "all others were over");
    }

    #[test]
    fn nothing_is_kept_in_books_of_a_session_that_comes_and_goes() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        for _ in 0..1000 {
            sessions.park(&device(1), Lasting::default(), (now, HOUR));
            sessions.take(&device(1), now);
        }
        let kept = sessions.kept.lock();
        assert_eq!((kept.sessions.len(), kept.order.len(), kept.bytes), (0, 0, 0));
    }
}
