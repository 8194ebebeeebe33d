//! The configuration file: a section for each command, a key for each of its flags. A value becomes the flag's default, so
//! that flag and variable win over it, and so that the same code reads and refuses all three.

use std::io;
use std::path::PathBuf;

use clap::{Arg, ArgAction};

/// The text of a configuration file, and where it stands.
#[derive(Debug)]
pub(super) struct ConfigFile {
    pub(super) path: PathBuf,
    text: String,
}

impl ConfigFile {
    /// Reads the file at `path`.
    pub(super) fn read(path: PathBuf) -> Result<Self, ConfigFileError> {
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self { path, text }),
            Err(source) => Err(ConfigFileError::Unreadable { file: path, source }),
        }
    }

    /// `command` with the file's values as defaults.
    pub(super) fn apply(&self, command: clap::Command) -> Result<clap::Command, ConfigFileError> {
        let malformed = |source| ConfigFileError::Malformed { file: self.path.clone(), source: Box::new(source) };
        let sections: toml::Table = toml::from_str(&self.text).map_err(malformed)?;
        sections.into_iter().try_fold(command, |command, (name, value)| self.apply_section(command, &name, value))
    }

    fn apply_section(
        &self,
        command: clap::Command,
        name: &str,
        value: toml::Value,
    ) -> Result<clap::Command, ConfigFileError> {
        if TABLES.contains(&name) {
            return Ok(command);
        }
        let Some(section) = SECTIONS.iter().find(|section| section.name == name) else {
            return Err(ConfigFileError::UnknownSection { file: self.path.clone(), name: name.to_owned() });
        };
        let toml::Value::Table(keys) = value else {
            return Err(ConfigFileError::NoSection { file: self.path.clone(), name: name.to_owned() });
        };
        let mut defaults = Vec::with_capacity(keys.len());
        for (key, value) in &keys {
            let place = || format!("key `{key}` of [{name}] in {}", self.path.display());
            let flags = || section.flags(&command);
            let arg = flags().find(|arg| arg.get_long() == Some(key)).ok_or_else(|| ConfigFileError::UnknownKey {
                place: place(),
                allowed: flags().filter_map(Arg::get_long).collect::<Vec<_>>().join(", "),
            })?;
            let texts = texts_of(value, arg).ok_or_else(|| ConfigFileError::WrongShape {
                place: place(),
                value: value.to_string(),
                expected: if takes_many(arg) { "a list of strings" } else { "a string, a number or a boolean" },
            })?;
            defaults.push((arg.get_id().clone(), texts));
        }
        Ok(section.update(command, |command| {
            defaults
                .into_iter()
                .fold(command, |command, (id, texts)| command.mut_arg(id, |arg| arg.default_values(texts)))
        }))
    }
}

/// One section, and the command whose flags it holds.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: &'static str,
    command: &'static [&'static str],
}

impl Section {
    /// The flags that have a key in this section.
    pub(super) fn flags<'a>(&self, root: &'a clap::Command) -> impl Iterator<Item = &'a Arg> + use<'a> {
        let found = self.command.iter().try_fold(root, |command, name| command.find_subcommand(name));
        found.into_iter().flat_map(clap::Command::get_arguments).filter(|arg| arg.get_long().is_some())
    }

    fn update(&self, root: clap::Command, change: impl FnOnce(clap::Command) -> clap::Command) -> clap::Command {
        match self.command {
            [outer, inner] => root.mut_subcommand(outer, |command| command.mut_subcommand(inner, change)),
            [only] => root.mut_subcommand(only, change),
            _ => root,
        }
    }
}

/// `rtio device` has one command of its own, so its section is `[device]`; of `rtio token`, `issue` is the one that is used often.
pub(super) const SECTIONS: &[Section] = &[
    Section { name: "serve", command: &["serve"] },
    Section { name: "device", command: &["device", "run"] },
    Section { name: "call", command: &["call"] },
    Section { name: "observe", command: &["observe"] },
    Section { name: "certs", command: &["certs"] },
    Section { name: "doctor", command: &["doctor"] },
    Section { name: "online", command: &["online"] },
    Section { name: "disconnect", command: &["disconnect"] },
    Section { name: "events", command: &["events"] },
    Section { name: "services", command: &["services"] },
    Section { name: "token", command: &["token", "issue"] },
];

/// Sections that are no flags but lists that grow. Whoever uses one reads it itself, again at each reload.
pub(super) const TABLES: &[&str] = &["device-services", "webhooks"];

fn texts_of(value: &toml::Value, arg: &Arg) -> Option<Vec<String>> {
    match value.as_array().filter(|_| takes_many(arg)) {
        Some(values) => values.iter().map(text_of).collect(),
        None => text_of(value).map(|text| vec![text]),
    }
}

fn text_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) => Some(number.to_string()),
        toml::Value::Boolean(switch) => Some(switch.to_string()),
        toml::Value::Datetime(_) | toml::Value::Array(_) | toml::Value::Table(_) => None,
    }
}

fn takes_many(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

fn section_names() -> String {
    let names = SECTIONS.iter().map(|section| section.name).chain(TABLES.iter().copied());
    names.map(|name| format!("[{name}]")).collect::<Vec<_>>().join(", ")
}

/// Why a configuration file is of no use. Values that a flag would refuse too are not here: clap names them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigFileError {
    /// It is not there, or may not be read, or is no text.
    #[error("cannot read the configuration file {}", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    /// It is no TOML.
    #[error("the configuration file {} is no TOML", file.display())]
    Malformed { file: PathBuf, source: Box<toml::de::Error> },
    /// No command has this section.
    #[error("unknown section [{name}] in {}; allowed: {}", file.display(), section_names())]
    UnknownSection { file: PathBuf, name: String },
    /// The name of a section was given a value.
    #[error("`{name}` in {} is a section: write [{name}] and its keys below", file.display())]
    NoSection { file: PathBuf, name: String },
    /// The command has no such flag.
    #[error("unknown {place}; allowed: {allowed}")]
    UnknownKey { place: String, allowed: String },
    /// A date, a table, or a list where one value belongs.
    #[error("{place} has the value {value}; expected {expected}")]
    WrongShape { place: String, value: String, expected: &'static str },
}
