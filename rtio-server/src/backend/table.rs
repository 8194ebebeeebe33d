//! Reads one table of the configuration file: names, and what the operator says about each. Used at the start and at each reload, by
//! those who own a table; the rest of the file has been read by the executable.

use std::fmt::Display;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeOwned, IntoDeserializer};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Gives the entries of `[table]` in the file at `path` to `add`, by the order of their names; none if it has no such table. What
/// `add` refuses is the end, so that a table with too many costs no more than one that is full.
///
/// # Errors
///
/// [`TableError`], which names the file, and the line and what is wrong there if it could be read. An error of `add` says by itself
/// which name it is about.
pub(super) fn read<T: DeserializeOwned, E: Display>(
    path: &Path,
    table: &'static str,
    mut add: impl FnMut(&str, T) -> Result<(), E>,
) -> Result<(), TableError> {
    let file = || path.to_owned();
    let text = std::fs::read_to_string(path).map_err(|source| TableError::Unreadable { file: file(), source })?;
    for (name, value) in entries(&text, path, table)? {
        let (name, span) = (name.get_ref(), value.span());
        let entry = entry(name, value).and_then(|entry| add(name, entry).map_err(|error| (None, error.to_string())));
        if let Err((place, problem)) = entry {
            let line = line(&text, place.unwrap_or(span));
            return Err(TableError::Entry { file: file(), table, line, problem });
        }
    }
    Ok(())
}

fn entries<'a>(text: &'a str, path: &Path, table: &'static str) -> Result<DeTable<'a>, TableError> {
    let file = || path.to_owned();
    let mut tables = DeTable::parse(text).map_err(|error| {
        // What is missing is missing at the end.
        let line = line(text, error.span().unwrap_or(text.len()..text.len()));
        TableError::Malformed { file: file(), line, problem: error.message().to_owned() }
    })?;
    let Some(entries) = tables.get_mut().remove(table) else { return Ok(DeTable::new()) };
    let line = line(text, entries.span());
    match entries.into_inner() {
        DeValue::Table(entries) => Ok(entries),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_) => Err(TableError::NoTable { file: file(), table, line }),
    }
}

/// What is said about `name`; or where it is wrong, if that is known better than by the whole of it, and why.
fn entry<T: DeserializeOwned>(name: &str, value: Spanned<DeValue<'_>>) -> Result<T, (Option<Range<usize>>, String)> {
    T::deserialize(value.into_deserializer())
        .map_err(|error: toml::de::Error| (error.span(), format!("{name:?}: {}", error.message())))
}

/// The line in which `place` begins, from 1.
fn line(text: &str, place: Range<usize>) -> usize {
    1 + text.bytes().take(place.start).filter(|byte| *byte == b'\n').count()
}

/// Why a table of the configuration file is of no use. Lines are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file is not there any more, or may not be read, or is no text.
    #[error("cannot read the configuration file {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML.
    #[error("the configuration file {}, line {line}, is no TOML: {problem}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Where it ceases to be.
        line: usize,
        /// Why.
        problem: String,
    },
    /// The table's name was given a value.
    #[error("`{table}` in {}, line {line}, is a table: write [{table}] and its entries below", file.display())]
    NoTable {
        /// The file.
        file: PathBuf,
        /// The table.
        table: &'static str,
        /// Where the value stands.
        line: usize,
    },
    /// What is said about one name is wrong, or there are too many.
    #[error("[{table}] in {}, line {line}: {problem}", file.display())]
    Entry {
        /// The file.
        file: PathBuf,
        /// The table.
        table: &'static str,
        /// Where the entry begins, or the part of it that is wrong.
        line: usize,
        /// The name, what is wrong, and what was expected.
        problem: String,
    },
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::telemetry;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Size {
        width: u8,
    }

    /// The table `sizes`, which has two entries at most.
    fn read_from(text: &str) -> Result<BTreeMap<String, Size>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let place = file.path().display().to_string();
        let mut sizes = BTreeMap::new();
        let add = |name: &str, size: Size| {
            if sizes.len() == 2 {
                return Err("too many");
            }
            sizes.insert(name.to_owned(), size);
            Ok(())
        };
        match read(file.path(), "sizes", add) {
            Ok(()) => Ok(sizes),
            Err(error) => Err(telemetry::chain(&error).to_string().replace(&place, "FILE")),
        }
    }

    #[test]
    fn a_table_is_names_and_what_is_said_about_them() {
        let sizes = read_from("[serve]\ndev = true\n[sizes]\n\"/a\" = { width = 1 }\n[sizes.b]\nwidth = 2").unwrap();
        assert_eq!(sizes, BTreeMap::from([("/a".to_owned(), Size { width: 1 }), ("b".to_owned(), Size { width: 2 })]));
        for none in ["", "[serve]", "[sizes]", "sizes = {}"] {
            assert_eq!(read_from(none).unwrap(), BTreeMap::new());
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_name() {
        let is_a_table = "is a table: write [sizes] and its entries below";
        for (text, expected) in [
            ("\nsizes = 1", format!("`sizes` in FILE, line 2, {is_a_table}")),
            ("[[sizes]]\nwidth = 1", format!("`sizes` in FILE, line 1, {is_a_table}")),
            (
                "[sizes]\na = 1",
                "[sizes] in FILE, line 2: \"a\": invalid type: integer `1`, expected struct Size".into(),
            ),
            (
                "[sizes.\"a\\n\"]\n\nwidth = \"wide\"",
                "[sizes] in FILE, line 3: \"a\\n\": invalid type: string \"wide\", expected u8".into(),
            ),
            (
                "[sizes.a]\nwidth = 1\nheight = 2",
                "[sizes] in FILE, line 3: \"a\": unknown field `height`, expected `width`".into(),
            ),
            ("[serve]\n[sizes.a]\n", "[sizes] in FILE, line 2: \"a\": missing field `width`".into()),
            (
                "[sizes.a]\nwidth = 1\n[sizes.b]\nwidth = 1\n[sizes.c]\nwidth = 1\n[sizes.d]\nwidth = 256",
                "[sizes] in FILE, line 5: too many".into(),
            ),
        ] {
            assert_eq!(read_from(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn what_is_no_toml_is_said_with_its_line() {
        for (text, expected) in [
            ("[serve]\n[sizes", "line 2, is no TOML: unclosed table"),
            ("[sizes]\n\na = \"", "line 3, is no TOML: invalid basic string"),
            ("[sizes]\n\"/a\" = 1\n\"/a\" = 1\n", "line 3, is no TOML: duplicate key"),
            ("[sizes.a]\n[sizes.a]\n", "line 2, is no TOML: duplicate key"),
        ] {
            let error = read_from(text).unwrap_err();
            assert!(error.starts_with(&format!("the configuration file FILE, {expected}")), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_gone_is_named() {
        let error = read(Path::new("/nowhere/rtio.toml"), "sizes", |_, _: Size| Ok::<_, String>(())).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the configuration file /nowhere/rtio.toml");
    }
}
