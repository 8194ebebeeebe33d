//! The use-cases on a store in memory: documents as devices and callers see them. What the rules are is tested beside them; what SQL
//! makes of them, in tests/it.

mod feeding;
mod reading;
mod wishing;

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::fake_store::{FakeClock, FakeStore, greenhouse};
use super::{Realer, Refusal};
use crate::hub::DeviceId;

/// A runtime with one greenhouse, at 2026-05-12T08:30:00Z.
fn runtime() -> (Realer, Arc<FakeStore>, Arc<FakeClock>) {
    let (store, clock) = (FakeStore::of([greenhouse::rows()]), FakeClock::at(NOON_MS));
    (store.runtime(&clock), store, clock)
}

const NOON_MS: i64 = 1_778_574_600_000;

/// A device that is nowhere.
fn nobody() -> DeviceId {
    DeviceId::parse("cdv_zzzzzzzzzzzzzzzzzzzzzzzzzz").unwrap()
}

fn json(document: impl Serialize) -> Value {
    serde_json::to_value(document).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

/// The fields that are wrong, each with what is wrong.
fn details(refusal: Refusal) -> Vec<(String, &'static str)> {
    let Refusal::Invalid(details) = refusal else { panic!("{refusal:?}") };
    details.into_iter().map(|detail| (detail.field.into_owned(), detail.problem)).collect()
}
