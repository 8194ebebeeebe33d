//! From arguments, variables and the configuration file to one [`Command`].

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Arg, CommandFactory, FromArgMatches};

use super::config_file::ConfigFile;
use super::{Cli, Command, Exit, Failure, origin};

/// Reads the arguments; the first is the name of the program. Where there is nothing to run, what there is to say (help,
/// version, what is wrong) is printed, and the exit code returned.
pub(crate) fn parse(arguments: Vec<OsString>) -> Result<Command, Exit> {
    let mut command = definition();
    let file = match config_path(&command, &arguments).map(ConfigFile::read).transpose() {
        Ok(file) => file,
        Err(error) => return Err(Failure::from(error).report()),
    };
    if let Some(file) = &file {
        command = file.apply(command).map_err(|error| Failure::from(error).report())?;
    }
    let matches = command.try_get_matches_from(&arguments).and_then(|matches| Cli::from_arg_matches(&matches));
    match matches {
        Ok(cli) => Ok(with_file(cli.command, file)),
        Err(error) => Err(explain(&error, &arguments, file.as_ref())),
    }
}

/// A hub reads the tables of the file itself, and again at each reload.
fn with_file(mut command: Command, file: Option<ConfigFile>) -> Command {
    if let Command::Serve(raw) = &mut command {
        raw.file = file.map(|file| file.path);
    }
    command
}

/// The clap definition, with a variable for each flag.
pub(super) fn definition() -> clap::Command {
    with_variables(Cli::command())
}

/// `RTIO_` and the flag's name in upper snake case.
pub(super) fn variable_of(long: &str) -> String {
    format!("RTIO_{}", long.replace('-', "_").to_uppercase())
}

fn with_variables(command: clap::Command) -> clap::Command {
    let with_variable = |arg: Arg| match arg.get_long().map(variable_of) {
        Some(variable) => arg.env(variable).hide_env_values(true),
        None => arg,
    };
    command.mut_args(with_variable).mut_subcommands(with_variables)
}

/// The file must be known before the values are read, because it changes the defaults: a first pass that forgives everything.
/// What it forgives, the second pass does not.
fn config_path(command: &clap::Command, arguments: &[OsString]) -> Option<PathBuf> {
    let matches = command.clone().ignore_errors(true).try_get_matches_from(arguments).ok()?;
    matches.get_one("config").cloned()
}

fn explain(error: &clap::Error, arguments: &[OsString], file: Option<&ConfigFile>) -> Exit {
    // Nothing is left to do about a terminal that is gone.
    drop(error.print());
    if !error.use_stderr() {
        return Exit::Done;
    }
    if let Some(origin) = origin::of_refused_value(error, arguments, file) {
        drop(writeln!(io::stderr(), "\nThe value was not on the command line: {origin}."));
    }
    Exit::Usage
}
