//! Whether the file is sound. What the hub cannot do without is read before it starts, as far as that is bounded by the number of
//! devices; the rest may be many gigabytes and is read once while it runs, in short steps, so that no write-ahead log piles up behind a
//! long read.

use rusqlite::{Connection, ErrorCode, Row};

use super::schema::SchemaError;

/// Tables that may be huge. All others are read before the start.
const HUGE: [&str; 3] = ["adoptions", "desired_states", "feed_data"];

/// Checks the pages of the tables that are not huge.
pub(super) fn vital(connection: &Connection) -> Result<(), SchemaError> {
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        .map_err(damaged)?;
    let names = statement.query_map([], |row| row.get(0)).and_then(Iterator::collect::<rusqlite::Result<Vec<String>>>);
    for name in names.map_err(damaged)?.iter().filter(|name| !HUGE.contains(&name.as_str())) {
        let mut verdict = String::new();
        let checked = connection.pragma(None, "quick_check", name, |row| {
            verdict = row.get(0)?;
            Ok(())
        });
        checked.map_err(damaged)?;
        if verdict != "ok" {
            return Err(SchemaError::Damaged(verdict));
        }
    }
    Ok(())
}

/// An error of the database, or damage that it tells.
pub(super) fn damaged(error: rusqlite::Error) -> SchemaError {
    if is_damage(&error) { SchemaError::Damaged(error.to_string()) } else { SchemaError::Database(error) }
}

/// Whether this error means that the file is not what SQLite has written.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// A way through a huge table or one of its indexes, from one end to the other.
#[derive(Debug, Clone, Copy)]
struct Path {
    /// What it is, for the log.
    name: &'static str,
    /// The next rows after the key of ?1 and ?2. The first two columns are the key; the third one makes SQLite read the row.
    rows: &'static str,
}

const PATHS: [Path; 4] = [
    Path {
        name: "feed_data",
        rows: "SELECT control, feed, length(message_id) + length(value) + warnings FROM feed_data
               WHERE (control, feed) > (?1, ?2) ORDER BY control, feed LIMIT ?3",
    },
    Path {
        name: "feed_by_message_id",
        rows: "SELECT source, message_id, length(message_id) FROM feed_data INDEXED BY feed_by_message_id
               WHERE (source, message_id) > (?1, ?2) ORDER BY source, message_id LIMIT ?3",
    },
    Path {
        name: "desired_states",
        rows: "SELECT 0, desired, length(value) + newest FROM desired_states WHERE desired > ?2 AND ?1 = 0 ORDER BY desired LIMIT ?3",
    },
    Path {
        name: "adoptions",
        rows: "SELECT control, adoption, adopted_ms FROM adoptions
               WHERE (control, adoption) > (?1, ?2) ORDER BY control, adoption LIMIT ?3",
    },
];

/// The way through all of what may be huge.
#[derive(Debug)]
pub(super) struct Walk {
    paths: std::slice::Iter<'static, Path>,
    path: Option<&'static Path>,
    after: Key,
}

/// Where the last step has ended.
#[derive(Debug, Clone)]
struct Key(i64, rusqlite::types::Value);

impl Key {
    const START: Self = Self(0, rusqlite::types::Value::Integer(0));

    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        row.get::<_, i64>(2)?;
        Ok(Self(row.get(0)?, row.get(1)?))
    }
}

impl Walk {
    pub(super) fn new() -> Self {
        let mut paths = PATHS.iter();
        Self { path: paths.next(), paths, after: Key::START }
    }

    /// Reads some more; whether there may be more still.
    pub(super) fn step(&mut self, connection: &Connection) -> Result<bool, SchemaError> {
        let Some(path) = self.path else { return Ok(false) };
        let (count, last) = self.read(connection, path).map_err(|error| match damaged(error) {
            SchemaError::Damaged(why) => SchemaError::Damaged(format!("{}: {why}", path.name)),
            other @ (SchemaError::Newer { .. } | SchemaError::Foreign | SchemaError::Database(_)) => other,
        })?;
        match last {
            Some(last) if count == ROWS => self.after = last,
            _ => (self.path, self.after) = (self.paths.next(), Key::START),
        }
        Ok(self.path.is_some())
    }

    fn read(&self, connection: &Connection, path: &Path) -> rusqlite::Result<(i64, Option<Key>)> {
        let mut statement = connection.prepare_cached(path.rows)?;
        let mut rows = statement.query(rusqlite::params![self.after.0, self.after.1, ROWS])?;
        let (mut count, mut last) = (0, None);
        while let Some(row) = rows.next()? {
            (count, last) = (count + 1, Some(Key::read(row)?));
        }
        Ok((count, last))
    }
}

/// Rows of one step: some milliseconds.
const ROWS: i64 = 5000;
