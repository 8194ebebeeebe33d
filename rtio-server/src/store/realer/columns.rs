//! How values become columns and come back. A value that is not as we write it is an error of the database.

use std::error::Error;

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};

/// A text with rules of its own, such as an id.
pub(super) fn parsed<T, E>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<T>
where
    E: Error + Send + Sync + 'static,
{
    let text = row.get_ref(column)?.as_str()?;
    parse(text).map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// The same, of a text that may be missing.
pub(super) fn parsed_if_any<T, E>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<Option<T>>
where
    E: Error + Send + Sync + 'static,
{
    match row.get_ref(column)?.as_str_or_null()? {
        Some(_) => parsed(row, column, parse).map(Some),
        None => Ok(None),
    }
}

/// A text whose rules have no error of their own.
pub(super) fn checked<T>(row: &Row<'_>, column: usize, parse: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    parsed(row, column, |text| parse(text).ok_or(FromSqlError::InvalidType))
}

/// One of a list, by its place.
pub(super) fn one_of<T: Copy>(row: &Row<'_>, column: usize, all: &[T]) -> rusqlite::Result<T> {
    let place: i64 = row.get(column)?;
    let one = usize::try_from(place).ok().and_then(|place| all.get(place));
    one.copied().ok_or(rusqlite::Error::IntegralValueOutOfRange(column, place))
}

/// A number of 64 bits: SQLite knows them with a sign only.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(i64::cast_unsigned)
}

/// How many rows at most, as SQLite wants it.
pub(super) fn limit(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

/// A number to begin after, as SQLite wants it.
pub(super) fn after(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
