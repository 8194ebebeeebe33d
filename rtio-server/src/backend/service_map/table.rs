//! The table `[device-services]` of the configuration file. The rest of the file has been read by the executable.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::entries::Entries;

/// Why the table is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum TableError {
    /// The file is not there any more, or may not be read.
    #[error("cannot read the configuration file {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No TOML, or not what belongs into the table.
    #[error("[device-services] in {}, line {line}: {what}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Counted from 1; 0 where it is not known.
        line: usize,
        /// The URI and what was expected.
        what: String,
    },
}

#[derive(Debug, Deserialize)]
struct Tables {
    #[serde(rename = "device-services", default)]
    device_services: Entries,
}

/// Reads the table; a file without it has an empty one.
pub(super) fn read(file: &Path) -> Result<Entries, TableError> {
    let unreadable = |source| TableError::Unreadable { file: file.to_owned(), source };
    let text = std::fs::read_to_string(file).map_err(unreadable)?;
    parse(&text).map_err(|(line, what)| TableError::Malformed { file: file.to_owned(), line, what })
}

/// Or the line and what is wrong there.
fn parse(text: &str) -> Result<Entries, (usize, String)> {
    let tables = toml::from_str::<Tables>(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        (before.map_or(0, |before| 1 + before.matches('\n').count()), error.message().to_owned())
    })?;
    Ok(tables.device_services)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_refused(text: &str, line: usize, expected: &str) {
        let (found, error) = parse(text).unwrap_err();
        assert_eq!(found, line, "{text}: {error}");
        assert!(error.starts_with(expected), "{text}: {error}");
    }

    #[test]
    fn the_table_is_read_and_the_rest_of_the_file_is_not() {
        assert_eq!(parse("").unwrap().len(), 0);
        assert_eq!(parse("[serve]\ndev = true\n[webhooks]\n").unwrap().len(), 0);
        let text =
            "[serve]\ndev = true\n[device-services]\n\"/aa/bb\" = \"http://a\"\n\"/b\" = { url = \"http://b\" }\n";
        assert_eq!(parse(text).unwrap().len(), 2);
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_uri() {
        let expected = "\"/a\": expected a URL such as";
        check_refused("[device-services]\n\"/a\" = \"nowhere\"\n", 2, expected);
        check_refused(
            "[device-services.\"/a\"]\nurl = \"http://a\"\nretries = 1\n",
            1,
            "\"/a\": unknown field `retries`",
        );
        check_refused("[device-services]\n\"/a\" = 1\n", 2, "\"/a\": expected a URL in quotes");
        check_refused("[device-services]\n\"/a\" = \"http://a\"\n\"/a\" = \"http://a\"\n", 3, "duplicate key");
        check_refused("device-services = 1\n", 1, "invalid type: integer `1`, expected URIs");
    }

    #[test]
    fn the_example_is_accepted() {
        let (_, example) = include_str!("../../../rtio.toml").split_once("# [device-services]\n").unwrap();
        let lines: Vec<_> = example.lines().map_while(|line| line.strip_prefix("# ")).collect();
        assert_eq!(parse(&format!("[device-services]\n{}", lines.join("\n"))).unwrap().len(), 2);
    }

    #[test]
    fn a_file_that_is_gone_is_named() {
        let error = read(Path::new("/nowhere/rtio.toml")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the configuration file /nowhere/rtio.toml");
    }
}
