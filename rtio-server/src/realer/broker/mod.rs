//! The runtime for a device that holds a broker connection: who may connect, what becomes of what it publishes, which topics there are, and
//! what waits for one. The edge `mqtt` calls it; it knows no packets. (Contract §7.)

mod connect;
mod publish;
mod subscribe;

#[cfg(test)]
mod tests;

pub use connect::MqttGrant;
pub use publish::{Ack, AckOutcome, Published};
