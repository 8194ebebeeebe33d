//! The span of a session: device and peer in every line about it. Made when there is something to say and not kept, because a million
//! idle sessions would each hold one.

use std::net::SocketAddr;

use tracing::Span;

use crate::hub::DeviceId;

/// For lines at any level. `device` is `None` before the verification.
pub(super) fn of(peer: SocketAddr, device: Option<&DeviceId>) -> Span {
    tracing::error_span!("session", %peer, device = device.map(tracing::field::display))
}

/// For lines at `debug`: nothing is made where those are not written.
pub(super) fn at_debug(peer: SocketAddr, device: Option<&DeviceId>) -> Span {
    tracing::debug_span!("session", %peer, device = device.map(tracing::field::display))
}
