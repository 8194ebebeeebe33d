//! From flags to how operators are known.

use super::raw::RawConfig;
use super::value::Address;
use crate::admin::{Config, Guard};

/// Operators are known by a token, if there is a place for one. Without, only a hub for trying things out is open, and only to its
/// own machine.
pub(super) fn config(raw: &RawConfig) -> Option<Config> {
    let Address::At(addr) = raw.admin.admin_addr else { return None };
    let guard = match &raw.admin.admin_token_file {
        Some(file) => Guard::File(file.clone()),
        None if raw.data_dir.is_some() => Guard::DataDir,
        None if raw.dev && addr.ip().is_loopback() => Guard::OpenToThisMachine,
        None => Guard::Closed,
    };
    Some(Config { addr, guard })
}
