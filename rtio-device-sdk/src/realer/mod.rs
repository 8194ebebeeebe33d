//! The control-device runtime on a session: [`Realer`] reads the device's descriptor, acts on desired states and tells the hub what the
//! device observes, also what it observed while it was offline. (docs/realer.md)
//!
//! ```no_run
//! use rtio_device_sdk::realer::{Answer, Realer, RealerError};
//! use rtio_device_sdk::{ClientError, Device};
//!
//! async fn measure(realer: Realer) -> Result<(), RealerError> {
//!     let descriptor = realer.bootstrap().await?;
//!     if let Some(relay) = descriptor.command("relay", "6") {
//!         realer.on_desired(&relay.id, |wish| async move { Answer::applied(wish.value) });
//!     }
//!     if let Some(thermistor) = descriptor.sensor("thermistor", "5") {
//!         realer.reading(&thermistor.id, 21.5).await?;
//!     }
//!     Ok(())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), ClientError> {
//!     let realer = Realer::builder().keep_in("/var/lib/greenhouse").open().expect("the folder can be written");
//!     let device = Device::builder("cdv_01jv3k8q2m5n7p9r1s4t6v8w0x").secret("mb6bgso4EChvyzA05thF9+wH").realer(&realer);
//!     tokio::spawn(measure(realer));
//!     device.connect("localhost:17017")?.run().await
//! }
//! ```
//!
//! The hub pushes a desired state to the device as soon as it is set, and the handler's answer closes it: one round trip. After each
//! connection the device asks for those that are open, and tells again what it answered shortly before the last one was lost. A desired state that comes twice is acted on once and answered with the same
//! message id; one that a newer one has overtaken, or whose time is over, is not acted on and answered as stale.
//!
//! What a device tells waits in a queue until the hub has it, under a message id that stays the same however often it is sent, so that
//! the hub takes it once. The queue is bounded: when it is full, the oldest reading is forgotten, then the oldest local change of a
//! command, never an answer to a desired state. With [`keep_in`](RealerBuilder::keep_in) it survives the program's end.
//!
//! What to do is decided in pure files, [`memory`] and what it stands on; [`driver`] asks and waits.

mod error;
mod time;

mod desired;
mod item;

mod decisions;
mod queue;

mod memory;

mod descriptor;
mod outcome;
mod pace;
mod pages;

mod journal;

mod driver;
mod handle;
mod shared;
#[cfg(test)]
mod tests;

pub use descriptor::{Backoff, Command, Descriptor, Interval, Limits, Sensor};
pub use desired::{Answer, Desired};
pub use error::RealerError;
pub use handle::{Realer, RealerBuilder};
pub use time::{Clock, SystemClock};
