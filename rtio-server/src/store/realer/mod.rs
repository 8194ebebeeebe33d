//! What the store keeps for the control-device runtime: the port [`ports::Store`], a file for each concern. What is decided is decided
//! by the runtime's own rules, which are called here between the reading and the writing of rows.

mod change;
mod columns;
mod control;
mod desired;
mod feed;
mod retention;
mod sources;
mod state;
mod tokens;

use std::future::ready;
use std::sync::Arc;

use rusqlite::Connection;

use super::Store;
use crate::hub::ports::BoxFuture;
use crate::hub::{Credential, DeviceId};
use crate::realer::accept::Now;
use crate::realer::ports::{
    self, Accepted, CatalogChange, CatalogError, Forgotten, NewToken, StoreError, Stored, TokenHolder,
};
use crate::realer::{
    AdoptionRecord, Catalog, ControlDevice, DesiredId, DesiredState, FeedRecord, Item, NewDesired, Refusal, Resource,
    ResourceId, Retention, State,
};
use change::Change;
use tokens::Kind;

impl Store {
    /// Reads at once, all of it as it is at one moment.
    fn read<'a, T: Send + 'a>(&'a self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Stored<'a, T> {
        Box::pin(ready(self.readers.read(read).map_err(StoreError::from)))
    }

    /// Reads at most `max` rows of a history or list, on a thread of its own where they are many.
    fn read_rows<'a, T: Send + 'static>(
        &'a self,
        max: usize,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Stored<'a, T> {
        let rows = Arc::clone(&self.readers).read_rows(max, read);
        Box::pin(async { rows.await.map_err(StoreError::from) })
    }

    /// Makes a change that fails only where the store does.
    fn write<'a, T: Send + 'static>(
        &'a self,
        weight: usize,
        change: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Stored<'a, T> {
        Box::pin(self.writer.write_many(weight, |connection| change(connection).map_err(StoreError::from)))
    }
}

impl ports::Store for Store {
    fn authenticate<'a>(&'a self, client: &'a DeviceId, secret: &'a [u8]) -> Stored<'a, Option<Credential>> {
        let credential = self.check(client, secret);
        self.read(|connection| {
            let credential = credential?;
            Ok(credential.filter(|_| matches!(control::number(connection, client), Ok(Some(_)))))
        })
    }

    fn add_token(&self, token: NewToken) -> Stored<'_, ()> {
        let digest = self.key.token_digest(token.token.reveal());
        self.write(1, move |connection| tokens::add(connection, Kind::Access, &token, &digest))
    }

    fn token<'a>(&'a self, token: &'a str, now_ms: i64) -> Stored<'a, Option<TokenHolder>> {
        let digest = self.key.token_digest(token);
        self.read(|connection| tokens::holder(connection, &digest, now_ms))
    }

    fn revoke_token<'a>(&'a self, device: &'a DeviceId, token: &'a str) -> Stored<'a, ()> {
        let (device, digest) = (device.clone(), self.key.token_digest(token));
        self.write(1, move |connection| tokens::revoke(connection, &device, &digest))
    }

    fn add_mqtt_credential(&self, credential: NewToken) -> Stored<'_, ()> {
        let digest = self.key.mqtt_digest(&credential.device, credential.token.reveal());
        self.write(1, move |connection| tokens::add(connection, Kind::Mqtt, &credential, &digest))
    }

    fn mqtt_credential<'a>(
        &'a self,
        device: &'a DeviceId,
        credential: &'a str,
        now_ms: i64,
    ) -> Stored<'a, Option<TokenHolder>> {
        let digest = self.key.mqtt_digest(device, credential);
        self.read(|connection| tokens::holder(connection, &digest, now_ms))
    }

    fn control_devices<'a>(&'a self, after: Option<&'a DeviceId>, max: usize) -> Stored<'a, Vec<ControlDevice>> {
        let after = after.cloned();
        self.read_rows(max, move |connection| control::devices(connection, after.as_ref(), max))
    }

    fn control_device<'a>(&'a self, device: &'a DeviceId) -> Stored<'a, Option<ControlDevice>> {
        self.read(|connection| control::device(connection, device))
    }

    fn catalog<'a>(&'a self, device: &'a DeviceId) -> Stored<'a, Option<Catalog>> {
        self.read(|connection| sources::catalog(connection, device))
    }

    fn resources<'a>(&'a self, after: Option<&'a ResourceId>, max: usize) -> Stored<'a, Vec<Resource>> {
        let after = after.cloned();
        self.read_rows(max, move |connection| sources::resources(connection, after.as_ref(), max))
    }

    fn change_catalog(
        &self,
        changes: Vec<CatalogChange>,
        now_ms: i64,
    ) -> BoxFuture<'_, Result<Vec<DeviceId>, CatalogError>> {
        let key = Arc::clone(&self.key);
        Box::pin(self.writer.write_many(changes.len(), move |connection| {
            let mut change = Change::new(connection, &key, now_ms);
            changes.into_iter().try_for_each(|one| change.make(one))?;
            change.finish()
        }))
    }

    fn accept<'a>(
        &'a self,
        device: &'a DeviceId,
        items: Vec<Item>,
        now: Now,
    ) -> Stored<'a, Vec<Result<Accepted, Refusal>>> {
        let device = device.clone();
        self.write(items.len(), move |connection| feed::accept(connection, &device, &items, now))
    }

    fn feed_data<'a>(&'a self, device: &'a DeviceId, after: u64, max: usize) -> Stored<'a, Vec<FeedRecord>> {
        let device = device.clone();
        self.read_rows(max, move |connection| feed::records(connection, &device, after, max))
    }

    fn last_feed_data<'a>(&'a self, device: &'a DeviceId) -> Stored<'a, u64> {
        self.read(|connection| Ok(control::control(connection, device)?.map_or(0, |control| control.last_feed)))
    }

    fn set_desired<'a>(&'a self, device: &'a DeviceId, wish: NewDesired) -> Stored<'a, Result<DesiredState, Refusal>> {
        let device = device.clone();
        self.write(1, move |connection| desired::set(connection, &device, wish))
    }

    fn open_desired<'a>(&'a self, device: &'a DeviceId, now_ms: i64) -> Stored<'a, Vec<DesiredState>> {
        self.read(|connection| desired::open(connection, device, now_ms))
    }

    fn desired_state<'a>(&'a self, device: &'a DeviceId, id: &'a DesiredId) -> Stored<'a, Option<DesiredState>> {
        self.read(|connection| desired::one(connection, device, id))
    }

    fn desired_states<'a>(
        &'a self,
        device: &'a DeviceId,
        after: Option<&'a DesiredId>,
        max: usize,
    ) -> Stored<'a, Vec<DesiredState>> {
        let (device, after) = (device.clone(), after.cloned());
        self.read_rows(max, move |connection| desired::history(connection, &device, after.as_ref(), max))
    }

    fn state<'a>(&'a self, device: &'a DeviceId, after: u64) -> Stored<'a, Option<State>> {
        self.read(|connection| state::state(connection, device, after))
    }

    fn adoptions<'a>(&'a self, device: &'a DeviceId, after: u64, max: usize) -> Stored<'a, Vec<AdoptionRecord>> {
        let device = device.clone();
        self.read_rows(max, move |connection| feed::adoptions(connection, &device, after, max))
    }

    fn expire(&self, now_ms: i64, max: usize) -> Stored<'_, Vec<DeviceId>> {
        Box::pin(self.expire_some(now_ms, max))
    }

    fn forget(&self, retention: Retention, now_ms: i64) -> Stored<'_, Forgotten> {
        Box::pin(self.forget_some(retention, now_ms))
    }
}

#[cfg(test)]
mod tests;
