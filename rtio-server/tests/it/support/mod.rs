//! A hub in this process with fake devices, callers and backends around it, all over real sockets on loopback.
//!
//! Nothing sleeps: a wait has a condition and a bound ([`wait`]), and time limits are tried on a clock that stands still until
//! a test moves it ([`clock`]). A bounded pause appears only where a test says that something does *not* happen.

pub(crate) mod backends;
pub(crate) mod caller;
pub(crate) mod clock;
pub(crate) mod configurer;
pub(crate) mod device;
pub(crate) mod events;
pub(crate) mod fleet;
pub(crate) mod h2;
pub(crate) mod h2_service;
pub(crate) mod hub;
pub(crate) mod mqtt;
pub(crate) mod peer;
pub(crate) mod realer;
pub(crate) mod receiver;
pub(crate) mod reply;
pub(crate) mod service;
pub(crate) mod tls;
pub(crate) mod tokens;
pub(crate) mod verifier;
pub(crate) mod wait;

pub(crate) use caller::Caller;
pub(crate) use clock::Clock;
pub(crate) use device::Device;
pub(crate) use hub::{TestHub, hub};
pub(crate) use peer::{Frame, Peer};
pub(crate) use reply::Reply;
pub(crate) use tls::Ca;
pub(crate) use tokens::Issuer;
pub(crate) use wait::{eventually, within};
