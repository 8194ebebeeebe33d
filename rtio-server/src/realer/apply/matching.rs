//! Which thing that is there an entry of the file means: the one with its id if it gives one, else the one with its label.

use std::collections::{HashMap, HashSet};

use super::{CommandEntry, DeviceEntry, ResourceEntry, SensorEntry};
use crate::realer::fields::FieldError;
use crate::realer::{Command, ControlDevice, Resource, Sensor};

/// What is known by an id and a label.
pub(super) trait Named {
    fn id(&self) -> Option<&str>;
    fn label(&self) -> &str;
}

/// For each entry the place of what it means among what is there; `None`: it is new.
///
/// # Errors
///
/// [`FieldError`] for two entries that are one thing or have one label.
pub(super) fn match_up<E: Named, T: Named>(
    what: &str,
    entries: &[E],
    there: &[T],
) -> Result<Vec<Option<usize>>, FieldError> {
    let places = || there.iter().enumerate();
    let ids: HashMap<_, _> = places().map(|(place, thing)| (thing.id(), place)).collect();
    let labels: HashMap<_, _> = places().map(|(place, thing)| (thing.label(), place)).collect();
    let (mut seen, mut seen_ids, mut seen_labels) = (HashSet::new(), HashSet::new(), HashSet::new());
    let mut matched = Vec::with_capacity(entries.len());
    for entry in entries {
        let place = match entry.id() {
            Some(id) => ids.get(&Some(id)).copied(),
            None => labels.get(entry.label()).copied(),
        };
        let is_first = place.is_none_or(|place| seen.insert(place));
        let has_own_id = entry.id().is_none_or(|id| seen_ids.insert(id));
        if !is_first || !has_own_id || !seen_labels.insert(entry.label()) {
            let field = if has_own_id { "label" } else { "id" };
            let twice = FieldError::new(field, "each thing once in the file");
            return Err(twice.within(format_args!("{what}[{}]", entry.label())));
        }
        matched.push(place);
    }
    Ok(matched)
}

/// No label of the file is that of something else that stays.
pub(super) fn check_labels<E: Named, T: Named>(what: &str, entries: &[E], staying: &[&T]) -> Result<(), FieldError> {
    let taken: HashSet<_> = staying.iter().map(|thing| thing.label()).collect();
    match entries.iter().find(|entry| taken.contains(entry.label())) {
        None => Ok(()),
        Some(entry) => {
            let taken = FieldError::new("label", "one that nothing else has");
            Err(taken.within(format_args!("{what}[{}]", entry.label())))
        }
    }
}

/// Implements [`Named`] for entries of a file.
macro_rules! entry {
    ($($name:ident),*) => {$(
        impl Named for $name {
            fn id(&self) -> Option<&str> {
                self.id.as_deref()
            }
            fn label(&self) -> &str {
                &self.label
            }
        }
    )*};
}

/// Implements [`Named`] for what is there.
macro_rules! there {
    ($($name:ident),*) => {$(
        impl Named for $name {
            fn id(&self) -> Option<&str> {
                Some(self.id.as_str())
            }
            fn label(&self) -> &str {
                &self.label
            }
        }
    )*};
}

entry!(ResourceEntry, DeviceEntry, CommandEntry, SensorEntry);
there!(Resource, Command, Sensor);

impl Named for ControlDevice {
    fn id(&self) -> Option<&str> {
        Some(self.id.as_str())
    }

    fn label(&self) -> &str {
        &self.settings.label
    }
}
