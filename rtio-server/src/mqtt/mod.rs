//! The MQTT edge: one accepted stream becomes one client's session, and one task that owns its socket and its life.
//!
//! Called by `app` for each accepted connection. Who may connect, which topics there are and what becomes of a message says `realer`;
//! who is online says `hub`. The bytes are known by `codec/` alone.

#[allow(dead_code, reason = "the session that uses it is being built")]
mod codec;
#[allow(dead_code, reason = "the session that uses it is being built")]
mod packet;

use std::net::SocketAddr;

use crate::net::Liveness;

/// What an operator may change about MQTT.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where clients connect.
    pub addr: SocketAddr,
    /// Most connections; newcomers wait in the system's backlog.
    pub max_connections: usize,
    /// Most connections of one peer address; one more is closed at once.
    pub max_connections_per_peer: u32,
    /// Most connections that have not said who they are; one more is closed at once.
    pub max_unverified: usize,
    /// When a client that acknowledges nothing counts as gone.
    pub liveness: Liveness,
    /// Calls and observation requests of one device in flight.
    pub max_calls: u16,
    /// Observations of one device.
    pub max_observations: u16,
}
