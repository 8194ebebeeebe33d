//! Which fields of two entries of a file differ.

use serde::Serialize;
use serde_json::{Map, Value};

use super::FieldChange;

/// What is another in `after`; where there is nothing before, all that is set. A new thing's label is told elsewhere.
pub(super) fn between<T: Serialize>(before: Option<&T>, after: &T) -> Vec<FieldChange> {
    let is_new = before.is_none();
    let (mut before, mut after) = (before.map(fields_of).unwrap_or_default(), fields_of(after));
    let mut names: Vec<_> =
        after.keys().chain(before.keys().filter(|name| !after.contains_key(*name))).cloned().collect();
    names.retain(|name| name != "id" && !(is_new && name == "label"));
    let taken = |fields: &mut Map<String, Value>, name: &String| fields.remove(name).unwrap_or_default();
    let changes = names.into_iter().map(|field| {
        let (before, after) = (taken(&mut before, &field), taken(&mut after, &field));
        FieldChange { field, before, after }
    });
    changes.filter(|change| change.before != change.after).collect()
}

fn fields_of<T: Serialize>(entry: &T) -> Map<String, Value> {
    match serde_json::to_value(entry) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    }
}
