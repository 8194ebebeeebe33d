//! What runs on a device: keeps a session with an RTIO hub, answers calls, serves observations, sends reports.
//!
//! ```no_run
//! use rtio_device_sdk::{ClientError, Device};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), ClientError> {
//!     let runner = Device::builder("cfa09baa-4913-4ad7-a936-3e26f9671b09")
//!         .secret("mb6bgso4EChvyzA05thF9+wH")
//!         .on_copost("/rainbow", |_request| async { Ok("world") })
//!         .connect("localhost:17017")?;
//!     runner.run().await
//! }
//! ```
//!
//! [`Runner::run`] connects, and connects again whenever the connection is lost. Each handler runs in a task of its own: a slow
//! one delays nobody, one that fails or panics answers with an internal error and harms nothing else. [`Device`], the handle,
//! sends reports with [`copost`](Device::copost) and ends the device with [`shutdown`](Device::shutdown).
//!
//! With the feature `tls`, `Tls` connects by TLS: [`connect_with`](Builder::connect_with) takes it, or any other [`Dial`].
//!
//! With the feature `realer`, `realer::Realer` is the control-device runtime: descriptor, desired states and feed data.
//!
//! The rules of the protocol are those of [`rtio_proto::session::DeviceSession`], the same crate that the hub is built on.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod backoff;
mod builder;
mod client;
mod connection;
mod dial;
mod error;
mod handlers;
mod link;
#[cfg(feature = "realer")]
pub mod realer;
mod reply;
mod sink;
mod tables;
#[cfg(feature = "tls")]
mod tls;

pub use builder::Builder;
pub use client::{Device, Runner};
pub use dial::{Dial, Tcp};
pub use error::{ClientError, HandlerError, SinkError};
pub use sink::ObservationSink;
#[cfg(feature = "tls")]
pub use tls::{BadPem, Tls, TlsBuilder, TlsError};

pub use rtio_proto::ping::PingInterval;
pub use rtio_proto::{Capacity, FrameCode, StatusCode, UriDigest};
