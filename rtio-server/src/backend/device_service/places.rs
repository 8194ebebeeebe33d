//! Who is at a service now: so many messages in all, and so many of one device. Nothing is remembered of a device that has none there.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use parking_lot::Mutex;

use crate::hub::DeviceId;

/// The places at one service.
#[derive(Debug)]
pub(super) struct Places {
    max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Never zero. As many entries as places are taken, at most.
    by_device: HashMap<DeviceId, usize, RandomState>,
}

/// One message's place, until this is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    places: &'a Places,
    device: &'a DeviceId,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// The service has as many messages as the operator allows.
    Service,
    /// The device has [`MAX_PER_DEVICE`] there.
    Device,
}

impl Places {
    /// `max` places, none of them taken.
    pub(super) fn new(max: usize) -> Self {
        Self { max, taken: Mutex::default() }
    }

    /// How many are taken now.
    pub(super) fn taken(&self) -> usize {
        self.taken.lock().all
    }

    /// Takes a place for a message of `device`.
    ///
    /// # Errors
    ///
    /// [`Full`].
    pub(super) fn take<'a>(&'a self, device: &'a DeviceId) -> Result<Place<'a>, Full> {
        let mut taken = self.taken.lock();
        let own = taken.by_device.get(device).copied().unwrap_or(0);
        if own >= MAX_PER_DEVICE {
            return Err(Full::Device);
        }
        if taken.all >= self.max {
            return Err(Full::Service);
        }
        taken.all += 1;
        taken.by_device.insert(device.clone(), own + 1);
        Ok(Place { places: self, device })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all -= 1;
        if let Some(own) = taken.by_device.get_mut(self.device) {
            *own -= 1;
            if *own == 0 {
                taken.by_device.remove(self.device);
            }
        }
        if taken.by_device.is_empty() {
            // A map keeps the memory that it had when it was fullest.
            taken.by_device = HashMap::default();
        }
    }
}

/// Messages of one device at one service: a quarter of the 64 that its session allows (`SessionLimits`), so that a service that
/// hangs leaves the device places for others.
pub(super) const MAX_PER_DEVICE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str) -> DeviceId {
        DeviceId::parse(id).unwrap()
    }

    #[test]
    fn a_device_has_its_share_and_others_have_theirs() {
        let (places, one, other) = (Places::new(1000), device("one"), device("other"));
        let mut taken: Vec<_> = (0..MAX_PER_DEVICE).map(|_| places.take(&one).unwrap()).collect();
        assert_eq!(places.take(&one).unwrap_err(), Full::Device);
        drop(places.take(&other).unwrap());
        taken.pop();
        drop(places.take(&one).unwrap());
    }

    #[test]
    fn a_service_has_no_more_than_it_shall_have() {
        let (places, devices) = (Places::new(3), ["a", "b", "c", "d"].map(device));
        let taken: Vec<_> = devices[..3].iter().map(|device| places.take(device).unwrap()).collect();
        assert_eq!(places.take(&devices[3]).unwrap_err(), Full::Service);
        drop(taken);
        drop(places.take(&devices[3]).unwrap());
    }

    #[test]
    fn who_has_left_is_forgotten() {
        let places = Places::new(100_000);
        let devices: Vec<_> = (0..10_000).map(|number| device(&format!("dev-{number}"))).collect();
        let taken: Vec<_> = devices.iter().map(|device| places.take(device).unwrap()).collect();
        assert_eq!(places.taken.lock().by_device.len(), 10_000);
        drop(taken);
        let rest = places.taken.lock();
        assert_eq!((rest.all, rest.by_device.capacity()), (0, 0));
    }
}
