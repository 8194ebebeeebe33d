//! The tables, and how a file of an older version becomes one of the newest. Versions only go up: a file that a newer hub has
//! written is refused.

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::check;

/// What stands between two versions of the tables, oldest first. Once released, an entry never changes; a new table or column is
/// one more entry.
pub(super) const MIGRATIONS: &[&str] = &[DEVICES, REALER, REPLACED];

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

/// The control-device runtime.
///
/// Numbers of control devices, sources and resources are never used again, so that what is left of a removed one can be cleaned up
/// later, bit by bit, and is nobody else's meanwhile. Feed data, desired states and adoptions may be millions of rows: they refer to
/// their source without a constraint, and are seen only as long as that is there. A resource without a label is removed.
///
/// * `control_devices.first_feed`: feed data below it is forgotten; the rows stay until their message ids may be forgotten, too.
/// * `control_devices.least_sequence`: what contexts of removed commands had reached, so that numbers never come again.
/// * `sources.changed`: the value that `control_devices.changes` had when the source changed last.
/// * `desired_states.newest`: whether it is the newest of its context; that one is kept for ever.
/// * `desired_states.resource`, `contexts.resource`: 0 where there is none.
const REALER: &str = "
    CREATE TABLE control_devices (
        control INTEGER PRIMARY KEY AUTOINCREMENT,
        device INTEGER NOT NULL UNIQUE REFERENCES devices ON DELETE CASCADE,
        label TEXT NOT NULL UNIQUE,
        subscription INTEGER NOT NULL,
        protocols INTEGER NOT NULL,
        minimum_interval_ms INTEGER,
        max_request_bytes INTEGER,
        max_batch_items INTEGER,
        catalog_revision INTEGER NOT NULL DEFAULT 1,
        runtime_revision INTEGER NOT NULL DEFAULT 1,
        changes INTEGER NOT NULL DEFAULT 0,
        first_feed INTEGER NOT NULL DEFAULT 1,
        last_feed INTEGER NOT NULL DEFAULT 0,
        last_adoption INTEGER NOT NULL DEFAULT 0,
        least_sequence INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE removed_devices (
        control INTEGER PRIMARY KEY
    ) STRICT;
    CREATE TRIGGER control_device_removed AFTER DELETE ON control_devices BEGIN
        INSERT INTO removed_devices VALUES (OLD.control);
    END;
    CREATE TABLE resources (
        resource INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        label TEXT UNIQUE
    ) STRICT;
    CREATE TABLE sources (
        source INTEGER PRIMARY KEY AUTOINCREMENT,
        control INTEGER NOT NULL REFERENCES control_devices ON DELETE CASCADE,
        id TEXT NOT NULL UNIQUE,
        is_command INTEGER NOT NULL,
        is_complete INTEGER NOT NULL,
        label TEXT NOT NULL,
        kind TEXT NOT NULL,
        pin_port TEXT NOT NULL,
        value TEXT,
        value_type TEXT,
        min REAL,
        max REAL,
        adopts INTEGER,
        qc TEXT,
        mu TEXT,
        changed INTEGER NOT NULL,
        latest_value TEXT,
        latest_order_ms INTEGER,
        latest_received_ms INTEGER,
        latest_feed INTEGER,
        UNIQUE (control, is_command, label)
    ) STRICT;
    CREATE TABLE source_resources (
        source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
        resource INTEGER NOT NULL,
        PRIMARY KEY (source, resource)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sources_of_resource ON source_resources (resource);
    CREATE TABLE contexts (
        source INTEGER NOT NULL REFERENCES sources ON DELETE CASCADE,
        resource INTEGER NOT NULL,
        last_sequence INTEGER NOT NULL,
        desired INTEGER NOT NULL,
        PRIMARY KEY (source, resource)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE desired_states (
        desired INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        control INTEGER NOT NULL,
        source INTEGER NOT NULL,
        resource INTEGER NOT NULL,
        value TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        issued_ms INTEGER NOT NULL,
        expires_ms INTEGER,
        lifecycle INTEGER NOT NULL,
        closed_ms INTEGER,
        newest INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX desired_of_device ON desired_states (control);
    CREATE INDEX open_of_device ON desired_states (control) WHERE lifecycle = 0;
    CREATE UNIQUE INDEX open_of_context ON desired_states (source, resource) WHERE lifecycle = 0;
    CREATE INDEX open_by_end ON desired_states (expires_ms) WHERE lifecycle = 0;
    CREATE INDEX closed_by_end ON desired_states (closed_ms) WHERE lifecycle > 0 AND newest = 0;
    CREATE TABLE feed_data (
        control INTEGER NOT NULL,
        feed INTEGER NOT NULL,
        source INTEGER NOT NULL,
        message_id TEXT NOT NULL,
        value TEXT NOT NULL,
        observed_ms INTEGER NOT NULL,
        received_ms INTEGER NOT NULL,
        desired TEXT,
        status INTEGER,
        sequence INTEGER,
        warnings INTEGER NOT NULL,
        PRIMARY KEY (control, feed)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX feed_by_message_id ON feed_data (source, message_id);
    CREATE TABLE adoptions (
        control INTEGER NOT NULL,
        adoption INTEGER NOT NULL,
        source INTEGER NOT NULL,
        before TEXT NOT NULL,
        after TEXT NOT NULL,
        feed INTEGER NOT NULL,
        adopted_ms INTEGER NOT NULL,
        PRIMARY KEY (control, adoption)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE tokens (
        token INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        is_mqtt INTEGER NOT NULL,
        control INTEGER REFERENCES control_devices ON DELETE SET NULL,
        credential INTEGER NOT NULL,
        scopes INTEGER NOT NULL,
        expires_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX tokens_of_device ON tokens (control, is_mqtt);
    CREATE INDEX tokens_by_end ON tokens (expires_ms);
";

/// How many desired states of a device are the newest of no context any more: what is forgotten where there are too many. Counted by
/// the database, because they change in several places, and looked at for each device every minute.
const REPLACED: &str = "
    ALTER TABLE control_devices ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0;
    UPDATE control_devices SET replaced =
        (SELECT count(*) FROM desired_states AS d WHERE d.control = control_devices.control AND newest = 0);
    CREATE TRIGGER desired_state_replaced AFTER UPDATE OF newest ON desired_states WHEN OLD.newest > NEW.newest BEGIN
        UPDATE control_devices SET replaced = replaced + 1 WHERE control = NEW.control;
    END;
    CREATE TRIGGER desired_state_forgotten AFTER DELETE ON desired_states WHEN OLD.newest = 0 BEGIN
        UPDATE control_devices SET replaced = replaced - 1 WHERE control = OLD.control;
    END;
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

/// What was damaged while the hub was down is found now, and not when a device asks.
fn check(connection: &Connection) -> Result<(), SchemaError> {
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(check::damaged)?;
    let is_new = tables == 0 && application(connection)? == 0;
    if is_new { Ok(()) } else { check_application(connection).and_then(|()| check::vital(connection)) }
}

/// Whether a hub has written the file, and none that is newer.
pub(super) fn check_ours(connection: &Connection) -> Result<(), SchemaError> {
    check_application(connection)?;
    let known = u32::try_from(MIGRATIONS.len()).expect("a handful");
    let found = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(check::damaged)?;
    if found > known { Err(SchemaError::Newer { found, known }) } else { Ok(()) }
}

/// Reads every page.
pub(super) fn check_whole(connection: &Connection) -> Result<(), SchemaError> {
    let verdict: String =
        connection.pragma_query_value(None, "quick_check", |row| row.get(0)).map_err(check::damaged)?;
    if verdict == "ok" { Ok(()) } else { Err(SchemaError::Damaged(verdict)) }
}

fn check_application(connection: &Connection) -> Result<(), SchemaError> {
    if application(connection)? == APPLICATION_ID { Ok(()) } else { Err(SchemaError::Foreign) }
}

fn application(connection: &Connection) -> Result<i32, SchemaError> {
    connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(check::damaged)
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

    /// A registry of the first hub that had one becomes the store of this one.
    #[test]
    fn a_file_of_the_first_version_keeps_its_devices() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &MIGRATIONS[..1]).unwrap();
        connection
            .execute_batch(
                "INSERT INTO devices VALUES (7, 'dev', 1, 5, 1); INSERT INTO device_secrets VALUES (7, 1, x'00', 5)",
            )
            .unwrap();
        migrate(&mut connection, MIGRATIONS).unwrap();
        let count = |table: &str| -> u32 {
            connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
        };
        assert_eq!((count("devices"), count("device_secrets"), count("control_devices")), (1, 1, 0));
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
