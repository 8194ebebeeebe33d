//! Control devices: their rows, and the numbers that grow with what happens to them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{limit, number as unsigned, parsed};
use crate::hub::DeviceId;
use crate::realer::{ControlDevice, DeviceSettings, Plan, Protocols, Revisions, Subscription};
use crate::store::devices::access_of;

/// What changes about a device with all that it tells and is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Control {
    /// Its number in the other tables.
    pub(super) number: i64,
    /// Changes of its sources so far.
    pub(super) changes: i64,
    /// The first of its feed data that is not forgotten.
    pub(super) first_feed: u64,
    /// The newest of its feed data.
    pub(super) last_feed: u64,
    /// The newest of its adoptions.
    pub(super) last_adoption: u64,
    /// Where the numbers of a new context begin.
    pub(super) least_sequence: u64,
}

impl Control {
    /// The number of the next change.
    pub(super) const fn change(&mut self) -> i64 {
        self.changes += 1;
        self.changes
    }

    /// Writes what has grown.
    pub(super) fn save(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut update = connection.prepare_cached(
            "UPDATE control_devices SET changes = ?2, last_feed = ?3, last_adoption = ?4, least_sequence = ?5 WHERE control = ?1",
        )?;
        let grown = [self.last_feed, self.last_adoption, self.least_sequence].map(u64::cast_signed);
        update.execute(params![self.number, self.changes, grown[0], grown[1], grown[2]]).map(drop)
    }
}

/// The device's number in the other tables.
pub(super) fn number(connection: &Connection, device: &DeviceId) -> rusqlite::Result<Option<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT control FROM devices JOIN control_devices USING (device) WHERE id = ?1")?;
    statement.query_row([device.as_str()], |row| row.get(0)).optional()
}

/// What changes about the device.
pub(super) fn control(connection: &Connection, device: &DeviceId) -> rusqlite::Result<Option<Control>> {
    let mut statement = connection.prepare_cached(
        "SELECT control, changes, first_feed, last_feed, last_adoption, least_sequence
         FROM devices JOIN control_devices USING (device) WHERE id = ?1",
    )?;
    let control = |row: &Row<'_>| {
        Ok(Control {
            number: row.get(0)?,
            changes: row.get(1)?,
            first_feed: unsigned(row, 2)?,
            last_feed: unsigned(row, 3)?,
            last_adoption: unsigned(row, 4)?,
            least_sequence: unsigned(row, 5)?,
        })
    };
    statement.query_row([device.as_str()], control).optional()
}

/// The numbers of a device that the next change counts from.
pub(super) fn by_number(connection: &Connection, control: i64) -> rusqlite::Result<DeviceId> {
    let mut statement =
        connection.prepare_cached("SELECT id FROM control_devices JOIN devices USING (device) WHERE control = ?1")?;
    statement.query_row([control], |row| parsed(row, 0, DeviceId::parse))
}

/// One control device.
pub(super) fn device(connection: &Connection, device: &DeviceId) -> rusqlite::Result<Option<ControlDevice>> {
    let mut statement =
        connection.prepare_cached(&select("devices JOIN control_devices USING (device) WHERE id = ?1"))?;
    statement.query_row([device.as_str()], read).optional()
}

/// The control device with this number.
pub(super) fn device_of(connection: &Connection, control: i64) -> rusqlite::Result<Option<ControlDevice>> {
    let from = "control_devices JOIN devices USING (device) WHERE control = ?1";
    connection.prepare_cached(&select(from))?.query_row([control], read).optional()
}

/// Some control devices in the order of their ids.
pub(super) fn devices(
    connection: &Connection,
    after: Option<&DeviceId>,
    max: usize,
) -> rusqlite::Result<Vec<ControlDevice>> {
    let from = "devices JOIN control_devices USING (device) WHERE id > ?1 ORDER BY id LIMIT ?2";
    let mut statement = connection.prepare_cached(&select(from))?;
    let after = after.map_or("", DeviceId::as_str);
    statement.query_map(params![after, limit(max)], read)?.collect()
}

fn select(from: &str) -> String {
    format!(
        "SELECT id, enabled, created_ms, label, subscription, protocols, minimum_interval_ms, max_request_bytes, max_batch_items,
         catalog_revision, runtime_revision FROM {from}"
    )
}

fn read(row: &Row<'_>) -> rusqlite::Result<ControlDevice> {
    Ok(ControlDevice {
        id: parsed(row, 0, DeviceId::parse)?,
        access: access_of(row.get(1)?),
        created_ms: row.get(2)?,
        settings: DeviceSettings {
            label: row.get(3)?,
            subscription: if row.get(4)? { Subscription::Active } else { Subscription::Inactive },
            protocols: protocols_of(row.get(5)?),
            plan: Plan {
                minimum_interval_ms: row.get(6)?,
                max_request_bytes: row.get(7)?,
                max_batch_items: row.get(8)?,
            },
        },
        revisions: Revisions { catalog: unsigned(row, 9)?, runtime: unsigned(row, 10)? },
    })
}

/// Adds the runtime's half of a device that the registry has.
pub(super) fn insert(
    connection: &Connection,
    device: &DeviceId,
    settings: &DeviceSettings,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO control_devices
         (device, label, subscription, protocols, minimum_interval_ms, max_request_bytes, max_batch_items,
          catalog_revision, runtime_revision)
         SELECT device, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8 FROM devices WHERE id = ?1",
    )?;
    let DeviceSettings { label, subscription, protocols, plan } = settings;
    let row = params![
        device.as_str(),
        label,
        *subscription == Subscription::Active,
        bits_of(*protocols),
        plan.minimum_interval_ms,
        plan.max_request_bytes,
        plan.max_batch_items,
        revision(now_ms),
    ];
    insert.execute(row).map(drop)
}

/// The least number of a revision that is new now: the second. So none comes again that a device may have cached, also where the rows
/// that knew it are gone: after a restored backup, for a device that was removed and added again, or on another hub.
pub(super) const fn revision(now_ms: i64) -> i64 {
    let seconds = now_ms / 1000;
    if seconds > 1 { seconds } else { 1 }
}

/// Writes other settings of a device.
pub(super) fn update(connection: &Connection, control: i64, settings: &DeviceSettings) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE control_devices SET label = ?2, subscription = ?3, protocols = ?4,
         minimum_interval_ms = ?5, max_request_bytes = ?6, max_batch_items = ?7 WHERE control = ?1",
    )?;
    let DeviceSettings { label, subscription, protocols, plan } = settings;
    let row = params![
        control,
        label,
        *subscription == Subscription::Active,
        bits_of(*protocols),
        plan.minimum_interval_ms,
        plan.max_request_bytes,
        plan.max_batch_items,
    ];
    update.execute(row).map(drop)
}

fn bits_of(protocols: Protocols) -> u8 {
    u8::from(protocols.https) | u8::from(protocols.mqtt) << 1 | u8::from(protocols.rtio) << 2
}

const fn protocols_of(bits: u8) -> Protocols {
    Protocols { https: bits & 1 != 0, mqtt: bits & 2 != 0, rtio: bits & 4 != 0 }
}
