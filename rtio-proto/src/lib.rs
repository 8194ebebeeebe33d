//! The RTIO v0 device protocol as plain data: what the bytes mean, and what each end of a session does about them.
//!
//! ```text
//!  byte 0            1..2          3..4           5..
//! ┌────────┬─┬──────┬─────────────┬──────────────┬───────────────────────────┐
//! │ type 4 │v│code 3│ message id  │ body length  │ body                      │
//! └────────┴─┴──────┴─────────────┴──────────────┴───────────────────────────┘
//!                                                  │ in Send frames:
//!                                                  ▼
//!                                                 ┌────────┬────────┬─────────┐
//!                                                 │method 4│status 4│ …       │
//!                                                 └────────┴────────┴─────────┘
//! ```
//!
//! Two layers: frames ([`header`], [`decoder`], [`verify`], [`ping`]) and, inside the bodies of Send frames, a REST-like
//! exchange ([`rest`]). On top of both stand the two ends of one device link, [`session::HubSession`] and
//! [`session::DeviceSession`].
//!
//! What is absent on purpose: sockets, clocks, threads, locks, a runtime. Time comes in as [`time::Instant`]. Without the
//! `alloc` feature the crate keeps the device's half only, and that half never allocates.
//!
//! Section numbers such as “§2” in these docs are those of docs/protocol.md.
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]

#[cfg(feature = "alloc")]
extern crate alloc;

pub mod decoder;
pub mod error;
pub mod header;
pub mod limits;
pub mod ping;
pub mod rest;
pub mod session;
pub mod time;
pub mod verify;
mod wire_id;

pub use error::{DecodeError, EncodeError, ProtocolError};
pub use header::{FrameCode, FrameKind, Header, MessageId};
pub use rest::{ObserverId, StatusCode, UriDigest};
pub use verify::Capacity;
