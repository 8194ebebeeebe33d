//! Where a refused value stands, when it was not on the command line: clap names the flag only.

use std::env;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};

use super::config_file::ConfigFile;
use super::parse::variable_of;

/// `it stands in the variable RTIO_DRAIN`; `None` where the value was given as a flag, or no value is to blame.
pub(super) fn of_refused_value(
    error: &clap::Error,
    arguments: &[OsString],
    file: Option<&ConfigFile>,
) -> Option<String> {
    error.get(ContextKind::InvalidValue)?;
    let ContextValue::String(usage) = error.get(ContextKind::InvalidArg)? else { return None };
    let long = usage.strip_prefix("--")?.split([' ', '=', '.', '[']).next()?;
    let is_flag = |argument: &OsString| {
        let rest = argument.to_str().and_then(|text| text.strip_prefix("--")?.strip_prefix(long));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    if arguments.iter().any(is_flag) {
        return None;
    }
    let variable = variable_of(long);
    if env::var_os(&variable).is_some() {
        return Some(format!("it stands in the variable {variable}"));
    }
    file.map(|file| format!("it stands in {} as `{long}`", file.path.display()))
}
