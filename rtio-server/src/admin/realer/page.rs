//! Lists in pages.

use serde::Deserialize;

use super::answer::Answer;
use crate::realer::fields::FieldError;

/// Which page, of things that have `After` as their name.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page<After> {
    /// The first thing after this one.
    #[serde(default = "Option::default")]
    pub(super) after: Option<After>,
    /// Things on the page, at most.
    limit: Option<usize>,
}

impl<After> Page<After> {
    /// How many things there may be on it.
    pub(super) fn max(&self) -> Answer<usize> {
        let max = self.limit.unwrap_or(DEFAULT_PAGE);
        let refused = || FieldError::new("limit", format_args!("a whole number from 1 to {MAX_PAGE}"));
        if (1..=MAX_PAGE).contains(&max) { Ok(max) } else { Err(refused().into()) }
    }
}

/// What to give as `after` for the page that follows this one, if it is full.
pub(super) fn next<T, After>(page: &[T], max: usize, name: impl FnOnce(&T) -> After) -> Option<After> {
    page.last().filter(|_| page.len() == max).map(name)
}

/// What fits a screen or two.
const DEFAULT_PAGE: usize = 100;

/// A page is read between two others' turns.
const MAX_PAGE: usize = 1000;
