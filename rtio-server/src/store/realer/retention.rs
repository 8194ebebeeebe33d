//! What is forgotten, in bounded steps: feed data and closed desired states by age and number, adoptions by age, dead tokens, and what
//! removed devices left behind.
//!
//! A step looks with a reader first, and writes only where there is something to be done. It goes through the control devices by their
//! numbers and remembers how far it has come, so that a hundred thousand idle ones cost little at a time.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::realer::Retention;
use crate::realer::ports::{Forgotten, StoreError};
use crate::store::Store;

/// Until when things must have happened to be forgotten now, in milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Limits {
    now_ms: i64,
    oldest_ms: i64,
    oldest_message_ms: i64,
    max_items: i64,
    max_desired: i64,
}

impl Limits {
    fn of(retention: Retention, now_ms: i64) -> Self {
        let before = |age: std::time::Duration| now_ms - i64::try_from(age.as_millis()).unwrap_or(now_ms);
        Self {
            now_ms,
            oldest_ms: before(retention.max_age),
            oldest_message_ms: before(retention.message_ids),
            max_items: i64::try_from(retention.max_items_per_device).unwrap_or(i64::MAX),
            max_desired: i64::try_from(retention.max_desired_per_device).unwrap_or(i64::MAX),
        }
    }
}

/// What one step found to do.
#[derive(Debug)]
struct Work {
    /// A device that is no more.
    removed: Option<i64>,
    /// Whether tokens are over.
    tokens: bool,
    /// Whether closed desired states are old.
    desired: bool,
    /// Devices of which feed data is old, or that or closed desired states are too many.
    devices: Vec<i64>,
    /// Where the next step goes on; `None` after the last device.
    next: Option<i64>,
}

impl Work {
    const fn is_nothing(&self) -> bool {
        self.removed.is_none() && !self.tokens && !self.desired && self.devices.is_empty()
    }
}

impl Store {
    /// One step.
    pub(super) async fn forget_some(&self, retention: Retention, now_ms: i64) -> Result<Forgotten, StoreError> {
        let limits = Limits::of(retention, now_ms);
        let from = *self.forgotten_up_to.lock();
        let work = self.read(|connection| find(connection, limits, from)).await?;
        let next = work.next;
        let done = if work.is_nothing() {
            Forgotten::All
        } else {
            self.write(MAX_ROWS, move |connection| forget(connection, &work, limits)).await?
        };
        if done == Forgotten::All {
            *self.forgotten_up_to.lock() = next.unwrap_or(0);
        }
        Ok(if next.is_some() { Forgotten::Some } else { done })
    }
}

fn find(connection: &Connection, limits: Limits, from: i64) -> rusqlite::Result<Work> {
    let exists = |sql: &str, limit: i64| connection.prepare_cached(sql)?.exists([limit]);
    let mut removed = connection.prepare_cached("SELECT control FROM removed_devices LIMIT 1")?;
    let removed = removed.query_row([], |row| row.get(0)).optional()?;
    let tokens = exists("SELECT 1 FROM tokens WHERE expires_ms <= ?1 LIMIT 1", limits.now_ms)?;
    let desired = exists(
        "SELECT 1 FROM desired_states WHERE lifecycle > 0 AND newest = 0 AND closed_ms <= ?1 LIMIT 1",
        limits.oldest_ms,
    )?;
    let mut walk = connection.prepare_cached(
        "SELECT control,
                last_feed - first_feed >= ?3 OR replaced > ?6
                OR coalesce((SELECT received_ms FROM feed_data AS f
                             WHERE f.control = c.control AND feed >= first_feed ORDER BY feed LIMIT 1) <= ?4, 0)
                OR coalesce((SELECT feed < first_feed AND received_ms <= ?5 FROM feed_data AS f
                             WHERE f.control = c.control ORDER BY feed LIMIT 1), 0)
         FROM control_devices AS c WHERE control > ?1 ORDER BY control LIMIT ?2",
    )?;
    let Limits { max_items, oldest_ms, oldest_message_ms, max_desired, .. } = limits;
    let row = params![from, rows(DEVICES), max_items, oldest_ms, oldest_message_ms, max_desired];
    let walked = walk.query_map(row, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let walked: Vec<(i64, bool)> = walked.collect::<rusqlite::Result<_>>()?;
    let next = walked.get(DEVICES - 1).map(|&(control, _)| control);
    let devices = walked.into_iter().filter_map(|(control, is_due)| is_due.then_some(control)).collect();
    Ok(Work { removed, tokens, desired, devices, next })
}

/// Does what was found, but at most a bounded number of rows of each kind.
fn forget(connection: &Connection, work: &Work, limits: Limits) -> rusqlite::Result<Forgotten> {
    let mut room = MAX_ROWS;
    if work.tokens {
        let sql = "DELETE FROM tokens WHERE token IN (SELECT token FROM tokens WHERE expires_ms <= ?1 LIMIT ?2)";
        let deleted = connection.prepare_cached(sql)?.execute([limits.now_ms, rows(room)])?;
        take(&mut room, deleted);
    }
    if work.desired {
        let sql = "DELETE FROM desired_states WHERE desired IN (SELECT desired FROM desired_states
                   WHERE lifecycle > 0 AND newest = 0 AND closed_ms <= ?1 LIMIT ?2)";
        let deleted = connection.prepare_cached(sql)?.execute([limits.oldest_ms, rows(room)])?;
        take(&mut room, deleted);
    }
    if let Some(control) = work.removed {
        forget_removed(connection, control, &mut room)?;
    }
    for &control in &work.devices {
        forget_feed_data(connection, control, limits, &mut room)?;
        forget_desired(connection, control, limits.max_desired, &mut room)?;
    }
    Ok(if room == 0 || work.removed.is_some() { Forgotten::Some } else { Forgotten::All })
}

fn take(room: &mut usize, rows: usize) {
    *room = room.saturating_sub(rows);
}

fn rows(room: usize) -> i64 {
    super::columns::limit(room)
}

/// What a removed device left behind; once that is all gone, the device is.
fn forget_removed(connection: &Connection, control: i64, room: &mut usize) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM feed_data WHERE control = ?1 AND feed IN
         (SELECT feed FROM feed_data WHERE control = ?1 ORDER BY feed LIMIT ?2)",
        "DELETE FROM desired_states WHERE desired IN (SELECT desired FROM desired_states WHERE control = ?1 LIMIT ?2)",
        "DELETE FROM adoptions WHERE control = ?1 AND adoption IN
         (SELECT adoption FROM adoptions WHERE control = ?1 ORDER BY adoption LIMIT ?2)",
    ] {
        let deleted = connection.prepare_cached(sql)?.execute([control, rows(*room)])?;
        take(room, deleted);
    }
    if *room > 0 {
        connection.prepare_cached("DELETE FROM removed_devices WHERE control = ?1")?.execute([control])?;
    }
    Ok(())
}

/// Feed data that is too old, or too much, is seen no more; its rows go when their message ids may be forgotten, too.
fn forget_feed_data(connection: &Connection, control: i64, limits: Limits, room: &mut usize) -> rusqlite::Result<()> {
    if *room == 0 {
        return Ok(());
    }
    let first = first_kept(connection, control, limits, room)?;
    connection
        .prepare_cached("UPDATE control_devices SET first_feed = ?2 WHERE control = ?1 AND first_feed < ?2")?
        .execute([control, first])?;
    let feed_data = "DELETE FROM feed_data WHERE control = ?1 AND feed IN
        (SELECT feed FROM feed_data WHERE control = ?1 AND feed < ?2 ORDER BY feed LIMIT ?4) AND received_ms <= ?3";
    let adoptions = "DELETE FROM adoptions WHERE control = ?1 AND adoption IN
        (SELECT adoption FROM adoptions WHERE control = ?1 ORDER BY adoption LIMIT ?3) AND feed < ?2";
    let deleted =
        connection.prepare_cached(feed_data)?.execute([control, first, limits.oldest_message_ms, rows(*room)])?;
    take(room, deleted);
    let deleted = connection.prepare_cached(adoptions)?.execute([control, first, rows(*room)])?;
    take(room, deleted);
    Ok(())
}

/// Of closed desired states that are too many, those that were set first go. Open ones and the newest of a context stay.
fn forget_desired(connection: &Connection, control: i64, max: i64, room: &mut usize) -> rusqlite::Result<()> {
    let mut forget = connection.prepare_cached(
        "DELETE FROM desired_states WHERE desired IN
         (SELECT desired FROM desired_states WHERE control = ?1 AND lifecycle > 0 AND newest = 0 ORDER BY desired
          LIMIT min(?2, max(0, (SELECT replaced FROM control_devices WHERE control = ?1) - ?3)))",
    )?;
    let deleted = forget.execute([control, rows(*room), max])?;
    take(room, deleted);
    Ok(())
}

/// The number of the first item that is young enough and not too many.
fn first_kept(connection: &Connection, control: i64, limits: Limits, room: &mut usize) -> rusqlite::Result<i64> {
    let mut numbers =
        connection.prepare_cached("SELECT first_feed, last_feed FROM control_devices WHERE control = ?1")?;
    let pair = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let Some((first, last)) = numbers.query_row([control], pair).optional()? else {
        return Ok(0);
    };
    let (first, last): (i64, i64) = (first, last);
    let first = first.max(last.saturating_sub(limits.max_items).saturating_add(1));
    let mut statement = connection.prepare_cached(
        "SELECT feed, received_ms FROM feed_data WHERE control = ?1 AND feed >= ?2 ORDER BY feed LIMIT ?3",
    )?;
    let mut in_order = statement.query(params![control, first, rows(*room)])?;
    let mut kept = first;
    let mut old = 0;
    while let Some(row) = in_order.next()? {
        if row.get::<_, i64>(1)? > limits.oldest_ms {
            break;
        }
        kept = row.get::<_, i64>(0)? + 1;
        old += 1;
    }
    // Who has looked at as many rows as one step may leaves the rest to the next.
    if old == *room {
        *room = 0;
    }
    Ok(kept)
}

/// Rows that one step forgets: 10 ms of the writer.
const MAX_ROWS: usize = 1000;

/// Control devices that one step looks at.
const DEVICES: usize = 250;
