//! How the sources of a device stand: what is desired and what is reported.

use std::collections::HashMap;

use rusqlite::{Connection, Row};

use super::columns::{self, checked, number};
use super::{control, desired, sources};
use crate::hub::DeviceId;
use crate::realer::{CommandId, DesiredState, Latest, SourceId, SourceState, State, Text};

/// The sources that changed after `after`.
pub(super) fn state(connection: &Connection, device: &DeviceId, after: u64) -> rusqlite::Result<Option<State>> {
    let (Some(control), Some(device)) = (control::control(connection, device)?, control::device(connection, device)?)
    else {
        return Ok(None);
    };
    let after = columns::after(after);
    let mut desired: HashMap<CommandId, Vec<DesiredState>> = HashMap::new();
    for one in desired::newest(connection, control.number, after)? {
        desired.entry(one.command.clone()).or_default().push(one);
    }
    let mut statement = connection.prepare_cached(
        "SELECT id, is_command, label, value, latest_value, latest_order_ms, latest_received_ms, latest_feed, changed
         FROM sources WHERE control = ?1 AND (changed > ?2 OR ?2 = 0) ORDER BY is_command DESC, id",
    )?;
    let source = |row: &Row<'_>| source(row, &mut desired);
    let sources = statement.query_map([control.number, after], source)?;
    let sources = sources.collect::<rusqlite::Result<_>>()?;
    Ok(Some(State { device, change: control.changes.cast_unsigned(), sources }))
}

fn source(row: &Row<'_>, desired: &mut HashMap<CommandId, Vec<DesiredState>>) -> rusqlite::Result<SourceState> {
    let (label, reported, change) = (row.get(2)?, latest(row)?, number(row, 8)?);
    Ok(match sources::source_id(row, 0, 1)? {
        SourceId::Command(id) => {
            let (desired, value) = (desired.remove(&id).unwrap_or_default(), row.get(3)?);
            SourceState::Command { id, label, value, desired, reported, change }
        }
        SourceId::Sensor(id) => SourceState::Sensor { id, label, reported, change },
    })
}

fn latest(row: &Row<'_>) -> rusqlite::Result<Option<Latest>> {
    if row.get_ref(4)?.as_str_or_null()?.is_none() {
        return Ok(None);
    }
    Ok(Some(Latest {
        value: checked(row, 4, Text::parse)?,
        order_ms: row.get(5)?,
        received_ms: row.get(6)?,
        feed_data: number(row, 7)?,
    }))
}
