//! The outside that the hub asks, behind the traits of `hub::ports`.
//!
//! Wired by `app`. Knows no edge.

mod accept_any;

pub use accept_any::AcceptAny;
