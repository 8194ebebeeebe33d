//! Sessions that outlive their connection: which connection has one now, and those that wait for the next one. In memory: what must not
//! be lost is in the store, and a client that finds no session subscribes again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::link::Link;
use super::session::Lasting;
use crate::hub::DeviceId;

/// The persistent sessions of all clients.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    sessions: HashMap<DeviceId, Place, RandomState>,
    /// Those that are parked, the oldest first; an entry counts only as long as its number does.
    order: VecDeque<(u64, DeviceId)>,
    next: u64,
    parked: usize,
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
    /// Takes what there is of a client's session; a connection that has it is over.
    pub(super) fn take(&self, device: &DeviceId, now: Instant) -> Option<Lasting> {
        let place = {
            let mut kept = self.0.lock();
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
        let mut kept = self.0.lock();
        if let Some(before) = kept.sessions.insert(device.clone(), Place::Held(Arc::downgrade(link))) {
            kept.forget(&before);
        }
    }

    /// The connection has ended, and its session waits. The oldest give way where there is no room; says how many did.
    pub(super) fn park(&self, device: &DeviceId, lasting: Lasting, (now, keep): (Instant, Duration)) -> u64 {
        let bytes = lasting.weight();
        let mut kept = self.0.lock();
        let number = kept.next;
        kept.next += 1;
        let place = Place::Parked { lasting, until: now + keep, number, bytes };
        if let Some(before) = kept.sessions.insert(device.clone(), place) {
            kept.forget(&before);
        }
        kept.order.push_back((number, device.clone()));
        kept.parked += 1;
        kept.bytes += bytes;
        kept.make_room(now)
    }

    /// The connection has ended, and nothing of it is kept.
    pub(super) fn release(&self, device: &DeviceId, link: &Arc<Link>) {
        let mut kept = self.0.lock();
        let is_its = matches!(kept.sessions.get(device), Some(Place::Held(held)) if std::ptr::eq(held.as_ptr(), Arc::as_ptr(link)));
        if is_its {
            kept.sessions.remove(device);
        }
    }

    /// Sessions that wait for their client.
    pub(super) fn parked(&self) -> usize {
        self.0.lock().parked
    }
}

impl Kept {
    /// Removes the oldest as long as there are too many, and those in front whose time is over. Says how many had to go before it was.
    fn make_room(&mut self, now: Instant) -> u64 {
        let mut lost = 0;
        while let Some((number, device)) = self.order.pop_front() {
            match self.sessions.get(&device) {
                Some(Place::Parked { number: its, until, .. }) if *its == number => {
                    let is_over = now >= *until;
                    let is_full = self.parked > MAX_PARKED || self.bytes > MAX_PARKED_BYTES;
                    if !is_over && !is_full {
                        self.order.push_front((number, device));
                        break;
                    }
                    lost += u64::from(!is_over);
                    if let Some(place) = self.sessions.remove(&device) {
                        self.forget(&place);
                    }
                }
                Some(_) | None => {}
            }
        }
        lost
    }

    fn forget(&mut self, place: &Place) {
        if let Place::Parked { bytes, .. } = place {
            self.parked -= 1;
            self.bytes -= bytes;
        }
    }
}

/// Sessions that wait; a device that starts clean leaves none. The oldest gives way.
const MAX_PARKED: usize = 65_536;

/// Bytes of those: a thousand that wait with all that a session may hold, or very many with their subscriptions.
const MAX_PARKED_BYTES: usize = 64 * 1024 * 1024;
