//! The tables, and how a file of an older version becomes one of the newest. Versions only go up: a file that a newer hub has
//! written is refused.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// What stands between two versions of the tables, oldest first. Once released, an entry never changes; a new table or column is
/// one more entry.
pub(super) const MIGRATIONS: &[&str] = &[DEVICES];

/// Ids are text once, and numbers inside, so that rows stay narrow. Times are milliseconds since 1970.
const DEVICES: &str = "
    CREATE TABLE devices (
        device INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        enabled INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        last_credential INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE device_secrets (
        device INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
        credential INTEGER NOT NULL,
        digest BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        PRIMARY KEY (device, credential)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
";

/// The file is not what this hub can use.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A newer hub has written it.
    #[error("it has version {found}, and this hub knows versions up to {known}: use a newer hub")]
    Newer {
        /// The file's.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// It is another program's.
    #[error("it is a database of something else")]
    Foreign,
    /// It is damaged.
    #[error("it is damaged ({0}): restore a backup")]
    Damaged(String),
    /// It cannot be read.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
}

/// Checks the file and brings it to the newest version, in one transaction.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str]) -> Result<(), SchemaError> {
    check(connection)?;
    let known = u32::try_from(migrations.len()).expect("a handful");
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    if found > known {
        return Err(SchemaError::Newer { found, known });
    }
    for step in &migrations[found as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    if found > 0 && found < known {
        tracing::info!(from = found, to = known, "the store has the tables of a newer version now");
    }
    Ok(())
}

/// Reads every page once: what was damaged while the hub was down is found now, and not when a device asks.
fn check(connection: &Connection) -> Result<(), SchemaError> {
    let damaged = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            SchemaError::Damaged(error.to_string())
        }
        _ => SchemaError::Database(error),
    };
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(damaged)?;
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(damaged)?;
    if application != APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(SchemaError::Foreign);
    }
    let verdict: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0)).map_err(damaged)?;
    if verdict == "ok" { Ok(()) } else { Err(SchemaError::Damaged(verdict)) }
}

fn version(transaction: &Transaction<'_>) -> rusqlite::Result<u32> {
    transaction.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// `RTIO`.
const APPLICATION_ID: i32 = 0x5254_494F;

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, MIGRATIONS).unwrap();
        connection
    }

    #[test]
    fn an_older_file_gets_the_newest_tables_and_keeps_its_rows() {
        let mut connection = open();
        connection.execute("INSERT INTO devices VALUES (1, 'dev', 1, 0, 1)", []).unwrap();
        let next = "ALTER TABLE devices ADD COLUMN note TEXT NOT NULL DEFAULT 'none'";
        let newest: Vec<&str> = MIGRATIONS.iter().copied().chain([next]).collect();
        migrate(&mut connection, &newest).unwrap();
        migrate(&mut connection, &newest).unwrap();
        let row: (String, String) =
            connection.query_row("SELECT id, note FROM devices", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        assert_eq!(row, ("dev".to_owned(), "none".to_owned()));
        let error = migrate(&mut connection, MIGRATIONS).unwrap_err();
        assert!(matches!(error, SchemaError::Newer { found, known } if found == known + 1), "{error}");
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let mut connection = open();
        let broken: Vec<&str> = MIGRATIONS.iter().copied().chain(["CREATE TABLE x (a); CREATE TABLE x (a)"]).collect();
        assert!(migrate(&mut connection, &broken).is_err());
        migrate(&mut connection, MIGRATIONS).unwrap();
        let tables: u32 =
            connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'x'", [], |row| row.get(0)).unwrap();
        assert_eq!(tables, 0);
    }

    #[test]
    fn a_database_of_something_else_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert!(matches!(migrate(&mut connection, MIGRATIONS), Err(SchemaError::Foreign)));
    }
}
