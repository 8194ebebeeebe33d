//! Operators look at the control-device runtime and change it: routes under `/v1/realer`. `rtio realer` comes by them, too: through the
//! port of a running hub, or by [`Local`] where none runs.

mod answer;
mod catalog;
mod commands;
mod control;
mod devices;
mod document;
mod history;
mod local;
mod page;
mod resources;
mod sensors;

use axum::Router;

pub use catalog::AppliedDocument;
pub use control::Control;
pub use local::Local;

pub(super) fn routes() -> Router<Option<Control>> {
    let things = Router::new().merge(devices::routes()).merge(commands::routes()).merge(sensors::routes());
    things.merge(resources::routes()).merge(history::routes()).merge(catalog::routes())
}
