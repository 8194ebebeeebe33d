//! Reads what devices and callers send as JSON: an item of feed data, a batch of them, a wish, a place in history. Pure. Whatever is sent, the answer is
//! the thing itself or a [`Refusal`](super::Refusal) that says all that is wrong with it.
//!
//! Choices where the contract leaves one: a member that is there twice is refused, because nobody can know which is meant; an optional
//! one that is `null` counts as absent; a body that is JSON but no object is as invalid as one that lacks everything.

mod batch;
mod credential;
mod fields;
mod item;
mod json;
mod place;
mod time;
mod wish;

#[cfg(test)]
mod tests;

pub(super) use batch::batch;
pub(super) use credential::credential_request;
pub(super) use item::{ReadItem, ReadPublish, item, published, report};
pub(super) use place::{nothing, place};
pub(super) use wish::{Expiry, wish};
