//! A wish about a command's value, as callers send it. (docs/realer.md; contract §5.)

use std::time::Duration;

use super::fields::Fields;
use super::json::Json;
use crate::realer::{CommandId, Refusal, ResourceId, Text};

/// A wish that is well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::realer) struct Wish {
    pub(in crate::realer) command: CommandId,
    pub(in crate::realer) resource: Option<ResourceId>,
    pub(in crate::realer) value: Text,
    pub(in crate::realer) expiry: Expiry,
}

/// How long a wish waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::realer) enum Expiry {
    /// As long as the hub is configured for.
    Default,
    /// For ever.
    Never,
    /// That long.
    After(Duration),
}

/// Reads a wish: `{"command_id", "resource_id"?, "value", "expires_in"?}`, with seconds, or `null` for ever.
///
/// # Errors
///
/// [`Refusal::Malformed`], [`Refusal::Invalid`].
pub(in crate::realer) fn wish(body: &[u8]) -> Result<Wish, Refusal> {
    let mut fields = Fields::of(Json::parse(body)?)?;
    let command = fields.id("command_id", CommandId::parse);
    let command = fields.require("command_id", command);
    let resource = fields.id("resource_id", ResourceId::parse);
    let value = fields.value();
    let value = fields.require("value", value);
    let expiry = expiry(&mut fields);
    fields.finish_known()?;
    let (command, value) = command.zip(value).expect("what is missing was refused");
    Ok(Wish { command, resource, value, expiry })
}

fn expiry(fields: &mut Fields) -> Expiry {
    if fields.is_null("expires_in") {
        fields.take("expires_in");
        return Expiry::Never;
    }
    if !fields.has("expires_in") {
        return Expiry::Default;
    }
    let seconds = fields.whole("expires_in").unwrap_or(1);
    if !(1..=MAX_EXPIRES_IN_S).contains(&seconds) {
        fields.refuse("expires_in", "not 1 to 31536000 seconds");
    }
    Expiry::After(Duration::from_secs(seconds))
}

/// A year: who wants more wants `null`.
const MAX_EXPIRES_IN_S: u64 = 365 * 24 * 3600;
