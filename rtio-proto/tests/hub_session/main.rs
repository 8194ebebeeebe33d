//! The hub's end of a session against docs/protocol.md, rule by rule. One module per section or subject; `fixture` is the
//! language they speak.

mod calls;
mod delivery;
mod fixture;
mod heartbeat;
mod notifications;
mod observations;
mod observer_ids;
mod protocol_errors;
mod random;
mod reports;
mod verify;

use rtio_proto::session::HubSession;

/// A hub has a million idle sessions, so each byte here is a megabyte there.
#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<HubSession<usize, usize>>() <= 272, "{}", size_of::<HubSession<usize, usize>>());
}
