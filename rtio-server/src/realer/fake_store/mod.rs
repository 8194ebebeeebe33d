//! A store in memory, for unit tests of whatever stands on the runtime: rows without SQL, and the same pure rules. Nothing is ever
//! forgotten. It can be told to fail.

pub(crate) mod greenhouse;
mod memory;
mod steps;
mod tokens;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::Mutex;

pub(crate) use memory::Rows;
pub(crate) use steps::{Report, Step, TOLERANCE_MS, step};
use tokens::Tokens;

use super::accept::Now;
use super::ports::{
    Accepted, CatalogChange, CatalogError, Forgotten, NewToken, Store, StoreError, Stored, TokenHolder,
};
use super::{
    AdoptionRecord, Catalog, Clock, Config, ControlDevice, DesiredId, DesiredState, FeedRecord, Item, NewDesired,
    Realer, Refusal, Resource, ResourceId, Retention, State,
};
use crate::hub::ports::BoxFuture;
use crate::hub::{Credential, DeviceId};

/// A store in memory.
#[derive(Debug, Default)]
pub(crate) struct FakeStore {
    memory: Mutex<Memory>,
    is_broken: AtomicBool,
}

/// All that it keeps.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pub(crate) devices: BTreeMap<DeviceId, Rows>,
    resources: BTreeMap<ResourceId, Resource>,
    tokens: Tokens,
}

/// A clock that a test sets.
#[derive(Debug, Default)]
pub(crate) struct FakeClock(AtomicI64);

impl FakeClock {
    /// One at that time.
    pub(crate) fn at(ms: i64) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(ms)))
    }

    /// Sets it.
    pub(crate) fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

impl FakeStore {
    /// One that knows these devices.
    pub(crate) fn of(devices: impl IntoIterator<Item = Rows>) -> Arc<Self> {
        let store = Self::default();
        store.memory.lock().devices = devices.into_iter().map(|rows| (rows.device.id.clone(), rows)).collect();
        Arc::new(store)
    }

    /// A runtime that stands on it.
    pub(crate) fn runtime(self: &Arc<Self>, clock: &Arc<FakeClock>) -> Realer {
        Realer::new(Arc::clone(self) as Arc<dyn Store>, Arc::clone(clock) as Arc<dyn Clock>, Config::default())
    }

    /// From now on every operation fails.
    pub(crate) fn break_down(&self) {
        self.is_broken.store(true, Ordering::SeqCst);
    }

    /// The registry has forgotten the device.
    pub(crate) fn forget_device(&self, device: &DeviceId) {
        self.memory.lock().devices.remove(device);
    }

    fn with<T: Send + 'static>(&self, operation: impl FnOnce(&mut Memory) -> T) -> Stored<'static, T> {
        let is_broken = self.is_broken.load(Ordering::SeqCst);
        let answer = if is_broken {
            Err(StoreError("the disk of this test is full".into()))
        } else {
            Ok(operation(&mut self.memory.lock()))
        };
        Box::pin(async { answer })
    }

    fn of_device<T: Send + 'static>(
        &self,
        device: &DeviceId,
        operation: impl FnOnce(&mut Rows) -> T,
    ) -> Stored<'static, Option<T>> {
        self.with(|memory| memory.devices.get_mut(device).map(operation))
    }

    fn list<T: Send + 'static>(
        &self,
        device: &DeviceId,
        list: impl FnOnce(&mut Rows) -> Vec<T>,
    ) -> Stored<'static, Vec<T>> {
        let listed = self.of_device(device, list);
        Box::pin(async { Ok(listed.await?.unwrap_or_default()) })
    }
}

impl Store for FakeStore {
    fn authenticate<'a>(&'a self, client: &'a DeviceId, secret: &'a [u8]) -> Stored<'a, Option<Credential>> {
        self.with(|memory| memory.devices.get(client).and_then(|rows| rows.prove(secret)))
    }

    fn add_token(&self, token: NewToken) -> Stored<'_, ()> {
        self.with(|memory| memory.tokens.add(token))
    }

    fn token<'a>(&'a self, token: &'a str, now_ms: i64) -> Stored<'a, Option<TokenHolder>> {
        self.with(|memory| memory.tokens.holder(token, now_ms, &memory.devices))
    }

    fn revoke_token<'a>(&'a self, device: &'a DeviceId, token: &'a str) -> Stored<'a, ()> {
        self.with(|memory| memory.tokens.revoke(device, token))
    }

    fn add_mqtt_credential(&self, credential: NewToken) -> Stored<'_, ()> {
        self.with(|memory| memory.tokens.add(credential))
    }

    fn mqtt_credential<'a>(
        &'a self,
        device: &'a DeviceId,
        credential: &'a str,
        now_ms: i64,
    ) -> Stored<'a, Option<TokenHolder>> {
        self.with(|memory| {
            let holder = memory.tokens.holder(credential, now_ms, &memory.devices)?;
            let is_its = matches!(&holder, TokenHolder::Device { device: of, .. } if of.id == *device);
            is_its.then_some(holder)
        })
    }

    fn control_devices<'a>(&'a self, after: Option<&'a DeviceId>, max: usize) -> Stored<'a, Vec<ControlDevice>> {
        self.with(|memory| {
            let later = memory.devices.values().filter(|rows| after.is_none_or(|after| rows.device.id > *after));
            later.take(max).map(|rows| rows.device.clone()).collect()
        })
    }

    fn control_device<'a>(&'a self, device: &'a DeviceId) -> Stored<'a, Option<ControlDevice>> {
        self.of_device(device, |rows| rows.device.clone())
    }

    fn catalog<'a>(&'a self, device: &'a DeviceId) -> Stored<'a, Option<Catalog>> {
        self.of_device(device, |rows| rows.catalog())
    }

    fn resources<'a>(&'a self, after: Option<&'a ResourceId>, max: usize) -> Stored<'a, Vec<Resource>> {
        self.with(|memory| {
            let later = memory.resources.values().filter(|resource| after.is_none_or(|after| resource.id > *after));
            later.take(max).cloned().collect()
        })
    }

    fn change_catalog(
        &self,
        changes: Vec<CatalogChange>,
        now_ms: i64,
    ) -> BoxFuture<'_, Result<Vec<DeviceId>, CatalogError>> {
        let changed = self.with(move |memory| {
            changes.into_iter().try_for_each(|change| memory.change(change, now_ms))?;
            Ok(memory.devices.keys().cloned().collect())
        });
        Box::pin(async { changed.await? })
    }

    fn accept<'a>(
        &'a self,
        device: &'a DeviceId,
        items: Vec<Item>,
        now: Now,
    ) -> Stored<'a, Vec<Result<Accepted, Refusal>>> {
        self.list(device, move |rows| items.iter().map(|item| rows.accept(item, now)).collect())
    }

    fn feed_data<'a>(&'a self, device: &'a DeviceId, after: u64, max: usize) -> Stored<'a, Vec<FeedRecord>> {
        self.list(device, move |rows| {
            rows.records.iter().filter(|record| record.id > after).take(max).cloned().collect()
        })
    }

    fn last_feed_data<'a>(&'a self, device: &'a DeviceId) -> Stored<'a, u64> {
        let last = self.of_device(device, |rows| rows.records.last().map_or(0, |record| record.id));
        Box::pin(async { Ok(last.await?.unwrap_or_default()) })
    }

    fn set_desired<'a>(&'a self, device: &'a DeviceId, wish: NewDesired) -> Stored<'a, Result<DesiredState, Refusal>> {
        let set = self.of_device(device, |rows| rows.set_desired(wish));
        Box::pin(async { Ok(set.await?.unwrap_or(Err(Refusal::NotFound("device")))) })
    }

    fn open_desired<'a>(&'a self, device: &'a DeviceId, now_ms: i64) -> Stored<'a, Vec<DesiredState>> {
        self.list(device, move |rows| rows.open_desired(now_ms))
    }

    fn desired_state<'a>(&'a self, device: &'a DeviceId, id: &'a DesiredId) -> Stored<'a, Option<DesiredState>> {
        let found = self.of_device(device, |rows| rows.desired.iter().find(|desired| desired.id == *id).cloned());
        Box::pin(async { Ok(found.await?.flatten()) })
    }

    fn desired_states<'a>(
        &'a self,
        device: &'a DeviceId,
        after: Option<&'a DesiredId>,
        max: usize,
    ) -> Stored<'a, Vec<DesiredState>> {
        self.list(device, |rows| {
            let place = after.and_then(|after| rows.desired.iter().position(|desired| desired.id == *after));
            rows.desired.iter().skip(place.map_or(0, |place| place + 1)).take(max).cloned().collect()
        })
    }

    fn state<'a>(&'a self, device: &'a DeviceId, after: u64) -> Stored<'a, Option<State>> {
        self.of_device(device, move |rows| rows.state(after))
    }

    fn adoptions<'a>(&'a self, device: &'a DeviceId, after: u64, max: usize) -> Stored<'a, Vec<AdoptionRecord>> {
        self.list(device, move |rows| {
            rows.adoptions.iter().filter(|adoption| adoption.id > after).take(max).cloned().collect()
        })
    }

    fn expire(&self, now_ms: i64, max: usize) -> Stored<'_, Vec<DeviceId>> {
        self.with(move |memory| {
            let expired = memory.devices.values_mut().filter_map(|rows| {
                let closed = rows.expire(now_ms);
                (closed > 0).then(|| rows.device.id.clone())
            });
            expired.take(max).collect()
        })
    }

    fn forget(&self, _: Retention, _: i64) -> Stored<'_, Forgotten> {
        self.with(|_| Forgotten::All)
    }
}

impl Memory {
    fn change(&mut self, change: CatalogChange, now_ms: i64) -> Result<(), CatalogError> {
        match change {
            CatalogChange::AddDevice { id, secret, settings } => {
                let rows = Rows::new(id.clone(), settings, now_ms).with_secret(secret);
                self.devices.insert(id, rows);
            }
            CatalogChange::RemoveDevice(id) => {
                self.devices.remove(&id);
            }
            CatalogChange::PutResource(resource) => {
                self.resources.insert(resource.id.clone(), resource);
            }
            CatalogChange::RemoveResource(id) => {
                self.resources.remove(&id);
            }
            CatalogChange::ChangeDevice { id, settings } => self.rows(id)?.change_settings(settings),
            CatalogChange::PutCommand { device, command } => self.rows(device)?.put_command(command),
            CatalogChange::RemoveCommand { device, id } => self.rows(device)?.commands.retain(|has| has.id != id),
            CatalogChange::PutSensor { device, sensor } => self.rows(device)?.put_sensor(sensor),
            CatalogChange::RemoveSensor { device, id } => self.rows(device)?.sensors.retain(|has| has.id != id),
        }
        Ok(())
    }

    fn rows(&mut self, device: DeviceId) -> Result<&mut Rows, CatalogError> {
        self.devices.get_mut(&device).ok_or(CatalogError::UnknownDevice(device))
    }
}
