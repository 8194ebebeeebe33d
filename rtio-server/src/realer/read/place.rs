//! Where a reader of history wants to begin, as callers send it. (docs/caller-http.md §8.)

use super::fields::Fields;
use super::json::Json;
use crate::realer::Refusal;

/// A place in history, and how much from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::realer) struct Place {
    /// Behind which record or change.
    pub(in crate::realer) after: Option<u64>,
    /// Most records.
    pub(in crate::realer) limit: Option<u64>,
}

/// Reads `{"after"?, "limit"?}`, or an empty body.
///
/// # Errors
///
/// [`Refusal::Malformed`], [`Refusal::Invalid`].
pub(in crate::realer) fn place(body: &[u8]) -> Result<Place, Refusal> {
    if body.is_empty() {
        return Ok(Place::default());
    }
    let mut fields = Fields::of(Json::parse(body)?)?;
    let place = Place { after: fields.whole("after"), limit: fields.whole("limit") };
    fields.finish_known()?;
    Ok(place)
}

/// Reads a body that asks for nothing: an object, or an empty body. What is in the object means nothing. (§1.3)
///
/// # Errors
///
/// [`Refusal::Malformed`], [`Refusal::Invalid`].
pub(in crate::realer) fn nothing(body: &[u8]) -> Result<(), Refusal> {
    if body.is_empty() { Ok(()) } else { Fields::of(Json::parse(body)?).map(drop) }
}
