//! What became of every call and notification of a run. All but `sent` must stay zero.

use std::fmt;

use crate::error::RunError;

/// Counts of one run, or of all runs together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) sent: u64,
    /// Answered with a failure, after more than 15 s, or not at all.
    pub(crate) lost: u64,
    /// Answered with what belongs to another request, or out of order.
    pub(crate) crossed: u64,
    /// Given to a device more often than they were sent, or answered more than once.
    pub(crate) duplicated: u64,
    /// What the first failure looked like.
    pub(crate) example: Option<String>,
}

impl Tally {
    pub(crate) fn lose(&mut self, example: impl FnOnce() -> String) {
        self.lost += 1;
        self.example.get_or_insert_with(example);
    }

    pub(crate) fn cross(&mut self, example: impl FnOnce() -> String) {
        self.crossed += 1;
        self.example.get_or_insert_with(example);
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.crossed += other.crossed;
        self.duplicated += other.duplicated;
        self.example = self.example.take().or(other.example);
    }

    /// Fails unless every request had exactly one answer, its own.
    pub(crate) fn into_result(self) -> Result<(), RunError> {
        if self.is_clean() { Ok(()) } else { Err(RunError::Wrong(self)) }
    }

    pub(crate) fn is_clean(&self) -> bool {
        (self.lost, self.crossed, self.duplicated) == (0, 0, 0)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, lost, crossed, duplicated, example } = self;
        write!(f, "{sent} sent, {lost} lost, {crossed} crossed, {duplicated} duplicated")?;
        match example {
            Some(example) => write!(f, "; the first: {example}"),
            None => Ok(()),
        }
    }
}
