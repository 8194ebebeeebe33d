//! One table of the configuration file: names, and what the operator says about each. Read at the start and again at each reload.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// The entries of `[table]` in the file at `path`, by name; none if it has no such table.
///
/// # Errors
///
/// [`TableError`], which names the file, and the entry if it is about one.
pub(super) fn read<T: DeserializeOwned>(path: &Path, table: &'static str) -> Result<BTreeMap<String, T>, TableError> {
    let unreadable = |source| TableError::Unreadable { file: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let malformed = |source| TableError::Malformed { file: path.to_owned(), source: Box::new(source) };
    let mut tables: toml::Table = toml::from_str(&text).map_err(malformed)?;
    match tables.remove(table) {
        None => Ok(BTreeMap::new()),
        Some(toml::Value::Table(entries)) => {
            entries.into_iter().map(|(name, value)| entry(path, table, name, value)).collect()
        }
        Some(_) => Err(TableError::NoTable { file: path.to_owned(), table }),
    }
}

fn entry<T: DeserializeOwned>(
    path: &Path,
    table: &'static str,
    name: String,
    value: toml::Value,
) -> Result<(String, T), TableError> {
    let entry: Result<T, toml::de::Error> = value.try_into();
    match entry {
        Ok(entry) => Ok((name, entry)),
        // Its own text has lines for the place in the file, which a value that was read already does not know.
        Err(error) => {
            let problem = error.message().to_owned();
            Err(TableError::Entry { file: path.to_owned(), table, name, problem })
        }
    }
}

/// Why a table of the configuration file is of no use.
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
    #[error("the configuration file {} is no TOML", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// The table's name was given a value.
    #[error("`{table}` in {} is a table: write [{table}] and its entries below", file.display())]
    NoTable {
        /// The file.
        file: PathBuf,
        /// The table.
        table: &'static str,
    },
    /// What is said about one name is wrong.
    #[error("[{table}] in {} is wrong about `{name}`: {problem}", file.display())]
    Entry {
        /// The file.
        file: PathBuf,
        /// The table.
        table: &'static str,
        /// The name.
        name: String,
        /// What is wrong, and what was expected.
        problem: String,
    },
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::telemetry;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Size {
        width: u8,
    }

    fn read_from(text: &str) -> Result<BTreeMap<String, Size>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let place = file.path().display().to_string();
        read(file.path(), "sizes").map_err(|error| telemetry::chain(&error).to_string().replace(&place, "FILE"))
    }

    #[test]
    fn a_table_is_names_and_what_is_said_about_them() {
        let sizes = read_from("[serve]\ndev = true\n[sizes]\n\"/a\" = { width = 1 }\n[sizes.b]\nwidth = 2").unwrap();
        assert_eq!(sizes, BTreeMap::from([("/a".to_owned(), Size { width: 1 }), ("b".to_owned(), Size { width: 2 })]));
        assert_eq!(read_from("[serve]").unwrap(), BTreeMap::new());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, expected) in [
            ("sizes = 1", "`sizes` in FILE is a table: write [sizes] and its entries below"),
            (
                "[sizes.a]\nwidth = \"wide\"",
                "[sizes] in FILE is wrong about `a`: invalid type: string \"wide\", expected u8",
            ),
            (
                "[sizes.a]\nwidth = 1\nheight = 2",
                "[sizes] in FILE is wrong about `a`: unknown field `height`, expected `width`",
            ),
            ("[sizes", "the configuration file FILE is no TOML: "),
        ] {
            let error = read_from(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let error = read::<Size>(Path::new("/nowhere/rtio.toml"), "sizes").unwrap_err();
        assert_eq!(error.to_string(), "cannot read the configuration file /nowhere/rtio.toml");
    }
}
