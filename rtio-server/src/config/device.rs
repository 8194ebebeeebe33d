//! From flags to the devices' side.

use rtio_proto::session::SessionLimits;

use super::listen_addr;
use super::raw::RawConfig;
use crate::device::Config;
use crate::net::Liveness;

pub(super) fn config(raw: &RawConfig) -> Config {
    Config {
        addr: listen_addr(raw, raw.listen.device_addr, DEVICE_PORT),
        max_connections: raw.caps.max_device_connections,
        max_connections_per_peer: raw.caps.max_device_connections_per_peer,
        max_unverified: raw.caps.max_unverified_connections,
        liveness: Liveness::new(raw.times.peer_lost_after),
        session: SessionLimits {
            max_calls: raw.caps.max_calls_per_device,
            max_payload_bytes: raw.caps.max_payload,
            max_observations: raw.caps.max_observations_per_device,
            ..SessionLimits::default()
        },
    }
}

/// Where devices connect unless the operator says otherwise: the port of existing RTIO devices.
const DEVICE_PORT: u16 = 17017;
