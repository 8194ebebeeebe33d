//! Services that the hub itself is: it answers what devices send to URIs of its own (docs/protocol.md §6). Each is a file here and a
//! line in [`services`].
//!
//! Wired by `app`. Knows no edge and no backend.

mod time;
mod who_am_i;

use std::sync::Arc;

use crate::hub::ports::DeviceService;

/// The hub's own services by their URIs.
pub fn services() -> [(&'static str, Arc<dyn DeviceService>); 2] {
    [("/rtio/time", Arc::new(time::Time)), ("/rtio/whoami", Arc::new(who_am_i::WhoAmI))]
}
