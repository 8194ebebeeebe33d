//! Feed data: how items come in, and how they are read.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::columns::{after as beyond, checked, limit, number, one_of, parsed, parsed_if_any};
use super::control::{self, Control};
use super::{desired, sources};
use crate::hub::DeviceId;
use crate::realer::accept::{self, Earlier, Effects, Known, KnownSource, Now, Verdict};
use crate::realer::ports::Accepted;
use crate::realer::value::ValueType;
use crate::realer::{
    Adoption, AdoptionRecord, Answer, CommandId, DesiredId, FeedRecord, Item, Lifecycle, MessageId, Refusal,
    ReportStatus, SourceId, Text, Warnings,
};

/// Takes items one after the other; each sees what those before it did.
pub(super) fn accept(
    connection: &Connection,
    device: &DeviceId,
    items: &[Item],
    now: Now,
) -> rusqlite::Result<Vec<Result<Accepted, Refusal>>> {
    let Some(mut control) = control::control(connection, device)? else {
        return Ok(items.iter().map(|_| Err(Refusal::NotFound("device"))).collect());
    };
    let before = (control.changes, control.last_feed);
    let accepted = items.iter().map(|item| accept_one(connection, &mut control, item, now));
    let accepted = accepted.collect::<rusqlite::Result<Vec<_>>>()?;
    if (control.changes, control.last_feed) != before {
        control.save(connection)?;
    }
    Ok(accepted)
}

fn accept_one(
    connection: &Connection,
    control: &mut Control,
    item: &Item,
    now: Now,
) -> rusqlite::Result<Result<Accepted, Refusal>> {
    let Some(source) = Source::read(connection, control.number, item)? else {
        return Ok(Err(unknown(item)));
    };
    let known = source.known(connection, item, now)?;
    match accept::decide(item, &known, now) {
        Verdict::Refuse(refusal) => Ok(Err(refusal)),
        Verdict::Replay(Earlier { feed_data, warnings, .. }) => Ok(Ok(Accepted::Replayed { feed_data, warnings })),
        Verdict::Keep(effects) => {
            let feed_data = keep(connection, control, &source, item, &Kept { effects: &effects, now_ms: now.ms })?;
            Ok(Ok(Accepted::Created { feed_data, warnings: effects.warnings }))
        }
    }
}

const fn unknown(item: &Item) -> Refusal {
    match (&item.route, &item.source) {
        (Some(_), _) => Refusal::NotFound("route"),
        (None, SourceId::Command(_)) => Refusal::NotFound("command"),
        (None, SourceId::Sensor(_)) => Refusal::NotFound("sensor"),
    }
}

/// What an item needs of its source.
struct Source {
    number: i64,
    value: Option<String>,
    kind: KnownSource,
    latest_ms: Option<i64>,
}

impl Source {
    /// The item's source, if the device has it, firmware can act on it, and it belongs to the resource that the item came by.
    fn read(connection: &Connection, control: i64, item: &Item) -> rusqlite::Result<Option<Self>> {
        let id = item.source.as_str();
        let source = |row: &Row<'_>| {
            let kind = match row.get_ref(2)?.as_str_or_null()? {
                Some(name) => KnownSource::Command {
                    value_type: ValueType::of(name),
                    adoption: sources::adoption_of(row.get(3)?),
                },
                None => KnownSource::Sensor,
            };
            Ok(Self { number: row.get(0)?, value: row.get(1)?, kind, latest_ms: row.get(4)? })
        };
        let found = match &item.route {
            None => connection.prepare_cached(SOURCE)?.query_row(params![id, control], source),
            Some(resource) => {
                connection.prepare_cached(SOURCE_OF_ROUTE)?.query_row(params![id, control, resource.as_str()], source)
            }
        };
        found.optional()
    }

    /// All that is to be known of it for this item.
    fn known(&self, connection: &Connection, item: &Item, now: Now) -> rusqlite::Result<Known> {
        let named = match &item.answer {
            Some(answer) => desired::of_source(connection, self.number, &answer.desired)?,
            None => None,
        };
        let adopts = matches!(self.kind, KnownSource::Command { adoption: Adoption::On, .. });
        let open = if adopts && item.answer.is_none() {
            desired::open_of(connection, self.number, now.ms)?
        } else {
            Vec::new()
        };
        let earlier = earlier(connection, self.number, &item.message_id)?;
        Ok(Known { earlier, source: self.kind.clone(), latest_ms: self.latest_ms, named, open })
    }
}

/// What came with the same message id: the row itself is the key, so that both are forgotten at once.
fn earlier(connection: &Connection, source: i64, message_id: &MessageId) -> rusqlite::Result<Option<Earlier>> {
    let condition = "feed_data.source = ?1 AND message_id = ?2";
    let mut statement = connection.prepare_cached(&select(condition))?;
    let record = statement.query_row(params![source, message_id.as_str()], read).optional()?;
    Ok(record.map(|record| Earlier {
        feed_data: record.id,
        warnings: record.warnings,
        fingerprint: item_of(record).fingerprint(),
    }))
}

fn item_of(record: FeedRecord) -> Item {
    let FeedRecord { source, message_id, value, observed_ms, answer, sequence, warnings, .. } = record;
    Item { source, route: None, message_id, value, observed_ms, answer, sequence, warnings }
}

/// What is done about an item, and when.
struct Kept<'a> {
    effects: &'a Effects,
    now_ms: i64,
}

/// Writes an item and all that it does. Its number.
fn keep(
    connection: &Connection,
    control: &mut Control,
    source: &Source,
    item: &Item,
    kept: &Kept<'_>,
) -> rusqlite::Result<u64> {
    let &Kept { effects, now_ms } = kept;
    control.last_feed += 1;
    insert(connection, control, source.number, item, kept)?;
    if let (Some(lifecycle), Some(answer)) = (effects.closes, &item.answer) {
        desired::close(connection, &answer.desired, lifecycle, now_ms)?;
    }
    if effects.is_latest {
        let mut update = connection.prepare_cached(
            "UPDATE sources SET latest_value = ?2, latest_order_ms = ?3, latest_received_ms = ?4, latest_feed = ?5
             WHERE source = ?1",
        )?;
        let feed = control.last_feed.cast_signed();
        update.execute(params![source.number, item.value.as_str(), effects.order_ms, now_ms, feed])?;
    }
    if let Some(superseded) = &effects.adopts {
        adopt(connection, control, source, item, now_ms)?;
        superseded.iter().try_for_each(|id| desired::close(connection, id, Lifecycle::Superseded, now_ms))?;
    }
    if effects.is_latest || effects.closes.is_some() {
        let mut update = connection.prepare_cached("UPDATE sources SET changed = ?2 WHERE source = ?1")?;
        update.execute([source.number, control.change()])?;
    }
    Ok(control.last_feed)
}

fn insert(
    connection: &Connection,
    control: &Control,
    source: i64,
    item: &Item,
    kept: &Kept<'_>,
) -> rusqlite::Result<()> {
    let mut insert =
        connection.prepare_cached("INSERT INTO feed_data VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)")?;
    let answer = item.answer.as_ref();
    let row = params![
        control.number,
        control.last_feed.cast_signed(),
        source,
        item.message_id.as_str(),
        item.value.as_str(),
        item.observed_ms,
        kept.now_ms,
        answer.map(|answer| answer.desired.as_str()),
        answer.map(|answer| answer.status as i64),
        item.sequence.map(u64::cast_signed),
        kept.effects.warnings.bits(),
    ];
    insert.execute(row).map(drop)
}

/// The reported value becomes the desired one. (§6.5)
fn adopt(
    connection: &Connection,
    control: &mut Control,
    source: &Source,
    item: &Item,
    now_ms: i64,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE sources SET value = ?2 WHERE source = ?1")?
        .execute(params![source.number, item.value.as_str()])?;
    control.last_adoption += 1;
    let row = params![
        control.number,
        control.last_adoption.cast_signed(),
        source.number,
        source.value.as_deref().unwrap_or_default(),
        item.value.as_str(),
        control.last_feed.cast_signed(),
        now_ms,
    ];
    connection.prepare_cached("INSERT INTO adoptions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(row).map(drop)
}

/// Some records of a device in the order of their numbers.
pub(super) fn records(
    connection: &Connection,
    device: &DeviceId,
    after: u64,
    max: usize,
) -> rusqlite::Result<Vec<FeedRecord>> {
    let Some(control) = control::control(connection, device)? else {
        return Ok(Vec::new());
    };
    let mut statement =
        connection.prepare_cached(&select("feed_data.control = ?1 AND feed >= ?2 ORDER BY feed LIMIT ?3"))?;
    let first = beyond(after.saturating_add(1).max(control.first_feed));
    statement.query_map(params![control.number, first, limit(max)], read)?.collect()
}

/// What sources told that are no more is not seen.
fn select(condition: &str) -> String {
    format!(
        "SELECT feed, sources.id, is_command, message_id, feed_data.value, observed_ms, received_ms, desired, status, sequence, warnings
         FROM feed_data JOIN sources USING (source) WHERE {condition}"
    )
}

fn read(row: &Row<'_>) -> rusqlite::Result<FeedRecord> {
    let desired = parsed_if_any(row, 7, DesiredId::parse)?;
    let answer = match desired {
        Some(desired) => Some(Answer { desired, status: one_of(row, 8, &ReportStatus::ALL)? }),
        None => None,
    };
    Ok(FeedRecord {
        id: number(row, 0)?,
        source: sources::source_id(row, 1, 2)?,
        message_id: checked(row, 3, MessageId::parse)?,
        value: checked(row, 4, Text::parse)?,
        observed_ms: row.get(5)?,
        received_ms: row.get(6)?,
        answer,
        sequence: row.get::<_, Option<i64>>(9)?.map(i64::cast_unsigned),
        warnings: Warnings::of_bits(row.get(10)?),
    })
}

/// Some adoptions of a device in the order of their numbers.
pub(super) fn adoptions(
    connection: &Connection,
    device: &DeviceId,
    after: u64,
    max: usize,
) -> rusqlite::Result<Vec<AdoptionRecord>> {
    let Some(control) = control::control(connection, device)? else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(
        "SELECT adoption, sources.id, before, after, feed, adopted_ms FROM adoptions JOIN sources USING (source)
         WHERE adoptions.control = ?1 AND adoption > ?2 AND feed >= ?3 ORDER BY adoption LIMIT ?4",
    )?;
    let adoption = |row: &Row<'_>| {
        Ok(AdoptionRecord {
            id: number(row, 0)?,
            command: parsed(row, 1, CommandId::parse)?,
            before: row.get(2)?,
            after: row.get(3)?,
            feed_data: number(row, 4)?,
            adopted_ms: row.get(5)?,
        })
    };
    let (after, first) = (beyond(after), beyond(control.first_feed));
    statement.query_map(params![control.number, after, first, limit(max)], adoption)?.collect()
}

const SOURCE: &str = "SELECT source, value, value_type, adopts, latest_order_ms FROM sources
    WHERE id = ?1 AND control = ?2 AND is_complete";

const SOURCE_OF_ROUTE: &str = "SELECT source, value, value_type, adopts, latest_order_ms FROM sources
    WHERE id = ?1 AND control = ?2 AND is_complete AND EXISTS
    (SELECT 1 FROM source_resources JOIN resources USING (resource)
     WHERE source_resources.source = sources.source AND resources.id = ?3)";
