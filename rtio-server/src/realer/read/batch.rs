//! Many items at once. (Contract §6.3.)

use super::fields::Fields;
use super::item::{ReadItem, item_of};
use super::json::Json;
use crate::realer::Refusal;

/// Reads a batch of 1 to `max_items`: what is wrong with one of them is its own affair. Other members than `items` are ignored.
///
/// # Errors
///
/// [`Refusal::Malformed`], [`Refusal::Invalid`]: the whole is no batch.
pub(in crate::realer) fn batch(body: &[u8], max_items: usize) -> Result<Vec<ReadItem>, Refusal> {
    let mut fields = Fields::of(Json::parse(body)?)?;
    let items = fields.list("items");
    let items = fields.require("items", items).unwrap_or_default();
    fields.finish()?;
    match items.len() {
        0 => Err(Refusal::invalid("items", "empty")),
        many if many > max_items => Err(Refusal::invalid("items", "more than limits.max_batch_items")),
        _ => Ok(items.into_iter().map(of_batch).collect()),
    }
}

fn of_batch(json: Json) -> ReadItem {
    match Fields::of(json) {
        Ok(fields) => item_of(fields),
        Err(refusal) => ReadItem { message: None, item: Err(refusal) },
    }
}
