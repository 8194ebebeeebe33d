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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::realer::fake_store::greenhouse::{self, HEATER, LAMP, NORTH, SOUTH, VAGUE};
    use crate::realer::{DesiredId, Detail};

    fn wish(resource: Option<&str>, value: &str) -> NewDesired {
        NewDesired {
            id: DesiredId::new(0).unwrap(),
            command: greenhouse::command(HEATER),
            resource: resource.map(greenhouse::resource),
            value: value.to_owned(),
            issued_ms: 1_000,
            expires_ms: Some(2_000),
        }
    }

    fn command(id: &str) -> Command {
        greenhouse::rows().commands.into_iter().find(|command| command.id.as_str() == id).unwrap()
    }

    /// §5: one command and resource is a context.
    #[test]
    fn the_context_is_the_resource_that_is_named_or_the_only_one() {
        let (heater, lamp) = (command(HEATER), command(LAMP));
        let only = Command { resources: vec![greenhouse::resource(SOUTH)], ..heater.clone() };
        let problem = |problem| Err(Refusal::Invalid(vec![Detail::new("resource_id", problem)]));
        for (resource, command, expected) in [
            (Some(NORTH), &heater, Ok(Some(greenhouse::resource(NORTH)))),
            (None, &heater, problem("required")),
            (None, &lamp, Ok(None)),
            (Some(NORTH), &lamp, problem("unknown")),
            (None, &only, Ok(Some(greenhouse::resource(SOUTH)))),
            (Some(NORTH), &only, problem("unknown")),
        ] {
            assert_eq!(context(&wish(resource, "1"), command), expected, "{resource:?} of {}", command.label);
        }
    }

    /// §5.1, §5.2
    #[test]
    fn a_wish_is_pending_and_numbered_after_the_last_one() {
        let new = wish(Some(NORTH), "21.5");
        let set = set(new.clone(), &command(HEATER), new.resource.clone(), 41).unwrap();
        assert_eq!((set.id, set.sequence, set.lifecycle, set.closed_ms), (new.id, 42, Lifecycle::Pending, None));
        assert_eq!((set.issued_ms, set.expires_ms, set.resource), (1_000, Some(2_000), new.resource));
    }

    #[test]
    fn a_wish_is_a_value_that_the_command_can_have() {
        for (value, problem) in [
            ("0", None),
            ("100", None),
            ("-0.1", Some("out of range")),
            ("1e3", Some("out of range")),
            ("on", Some("no decimal number")),
        ] {
            let refusal = set(wish(None, value), &command(HEATER), None, 0).err();
            assert_eq!(refusal, problem.map(|problem| Refusal::invalid("value", problem)), "{value}");
        }
        let vague = set(wish(None, "1"), &command(VAGUE), None, 0);
        assert_eq!(vague, Err(Refusal::NotFound("command")));
    }
}
