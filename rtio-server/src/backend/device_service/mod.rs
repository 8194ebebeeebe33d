//! The operator's services that answer what devices send (docs/backends.md §2).

mod definition;

pub use definition::{Form, MAX_TIMEOUT, Repeat, ServiceDefinition};
