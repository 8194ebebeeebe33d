//! The operator's services that answer what devices send (docs/backends.md §2).
//!
//! [`Target`] is where messages go and how many at once; [`HttpDeviceService`] posts what devices send to one URI there. Pure are
//! the two forms (`json`, `raw`), what an outcome means (`outcome`) and who has a place (`places`).

mod definition;
mod json;
mod metrics;
mod outcome;
mod places;
mod raw;
mod service;
mod target;

pub use definition::{Form, MAX_TIMEOUT, Repeat, ServiceDefinition};
pub use metrics::ServiceMetrics;
pub use service::HttpDeviceService;
pub use target::Target;
