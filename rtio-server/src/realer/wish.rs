//! What a wish about a command's value does: it is numbered, and takes the place of an open one. Pure: a store asks inside its
//! transaction. (Contract §5.)

use super::value::ValueType;
use super::{Command, DesiredState, Lifecycle, NewDesired, Refusal, ResourceId};

/// The context of a wish: the resource that it is for, among those of the command.
///
/// # Errors
///
/// [`Refusal::Invalid`]: the command does not belong to it, or to several and the wish does not say to which.
pub fn context(wish: &NewDesired, command: &Command) -> Result<Option<ResourceId>, Refusal> {
    match (&wish.resource, command.resources.as_slice()) {
        (Some(resource), resources) if resources.contains(resource) => Ok(Some(resource.clone())),
        (Some(_), _) => Err(Refusal::invalid("resource_id", "unknown")),
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some(only.clone())),
        (None, _) => Err(Refusal::invalid("resource_id", "required")),
    }
}

/// The desired state that a wish makes, as the next of its context.
///
/// # Errors
///
/// [`Refusal::NotFound`] of a command that firmware cannot act on; [`Refusal::Invalid`] of a value that the command cannot have.
pub fn set(
    wish: NewDesired,
    command: &Command,
    context: Option<ResourceId>,
    last_sequence: u64,
) -> Result<DesiredState, Refusal> {
    if !command.is_complete() {
        return Err(Refusal::NotFound("command"));
    }
    let value_type = ValueType::of(&command.value_type);
    if !value_type.fits(&wish.value) {
        return Err(Refusal::invalid("value", value_type.problem()));
    }
    if !value_type.is_within(&wish.value, command.min, command.max) {
        return Err(Refusal::invalid("value", "out of range"));
    }
    Ok(DesiredState {
        id: wish.id,
        command: wish.command,
        resource: context,
        value: wish.value,
        sequence: last_sequence + 1,
        issued_ms: wish.issued_ms,
        expires_ms: wish.expires_ms,
        lifecycle: Lifecycle::Pending,
        closed_ms: None,
    })
}
