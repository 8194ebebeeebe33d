//! Tests: docs/operations.md and rtio.toml say what the clap definition says.

use clap::Arg;

use super::config_file::{SECTIONS, Section, TABLES};
use super::parse::{definition, variable_of};
use super::{Exit, exit};

const OPERATIONS: &str = include_str!("../../../docs/operations.md");
const EXAMPLE: &str = include_str!("../../rtio.toml");

#[test]
fn operations_md_has_a_row_for_each_key_with_its_default() {
    let command = definition();
    for section in SECTIONS {
        let rows = rows_under(&format!("### `[{}]`", section.name));
        let keys: Vec<_> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
        let expected: Vec<_> = section.flags(&command).filter_map(Arg::get_long).collect();
        assert_eq!(keys, expected, "[{}]", section.name);
        for (row, flag) in rows.iter().zip(section.flags(&command)) {
            let defaults = defaults_of(flag);
            assert!(defaults.is_empty() || row[1] == format!("`{}`", defaults[0]), "{row:?}, but {defaults:?}");
        }
    }
}

#[test]
fn the_example_file_is_the_default() {
    let command = definition();
    let example: toml::Table = toml::from_str(EXAMPLE).unwrap();
    let is_known = |name: &str| TABLES.contains(&name) || SECTIONS.iter().any(|section| section.name == name);
    assert!(example.keys().all(|name| is_known(name)));
    for section in SECTIONS {
        let keys = example[section.name].as_table().unwrap();
        for flag in section.flags(&command) {
            let long = flag.get_long().unwrap();
            match keys.get(long) {
                Some(value) => assert_eq!(texts_of(value), defaults_of(flag), "{long}"),
                None => assert!(EXAMPLE.contains(&format!("\n# {long} = ")), "{long} is missing"),
            }
        }
        assert!(keys.keys().all(|key| has_flag(section, &command, key)), "[{}] has too many keys", section.name);
    }
}

#[test]
fn each_flag_has_its_variable() {
    let command = definition();
    for flag in SECTIONS.iter().flat_map(|section| section.flags(&command)) {
        let expected = variable_of(flag.get_long().unwrap());
        assert_eq!(flag.get_env(), Some(expected.as_ref()));
    }
    assert_eq!(variable_of("device-addr"), "RTIO_DEVICE_ADDR");
}

#[test]
fn exit_codes_are_those_of_the_documents() {
    let documented: Vec<_> = rows_under("## Exit codes").iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let lines = exit::TABLE.lines().skip(1).map(|line| line.trim().split_once(' ').unwrap());
    let helped: Vec<_> = lines.map(|(code, text)| (code.to_owned(), text.trim().to_owned())).collect();
    assert_eq!(documented, helped);
    let all = [
        Exit::Done,
        Exit::Failed,
        Exit::Offline,
        Exit::Timeout,
        Exit::NotFound,
        Exit::Refused,
        Exit::Unreachable,
        Exit::NotAllowed,
        Exit::NotAll,
        Exit::Usage,
    ];
    let codes: Vec<_> = all.iter().map(|exit| exit.code().to_string()).collect();
    assert!(helped.iter().map(|(code, _)| code).eq(&codes));
}

#[test]
fn no_table_of_operations_md_has_two_rows_for_one_thing() {
    let mut table = Vec::new();
    for line in OPERATIONS.lines() {
        match line.strip_prefix("| ").and_then(|row| row.split_once(" | ")) {
            None => table.clear(),
            Some((name, _)) => {
                assert!(!table.contains(&name), "{line}");
                table.push(name);
            }
        }
    }
}

#[test]
fn clap_finds_no_fault_with_the_definition() {
    definition().debug_assert();
}

/// Cells of the first table below the heading, without its first two lines.
fn rows_under(heading: &str) -> Vec<Vec<String>> {
    let below = OPERATIONS.lines().skip_while(|line| *line != heading).skip(1);
    let table = below.skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect();
    table.skip(2).map(cells).collect()
}

/// A switch is off by default, though clap says so nowhere.
fn defaults_of(flag: &Arg) -> Vec<String> {
    if !flag.get_action().takes_values() {
        return vec!["false".to_owned()];
    }
    flag.get_default_values().iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

fn texts_of(value: &toml::Value) -> Vec<String> {
    match value.as_array() {
        Some(values) => values.iter().flat_map(texts_of).collect(),
        None => vec![value.as_str().map_or_else(|| value.to_string(), str::to_owned)],
    }
}

fn has_flag(section: &Section, command: &clap::Command, key: &str) -> bool {
    section.flags(command).any(|flag| flag.get_long() == Some(key))
}
