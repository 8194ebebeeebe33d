//! From flags to the callers' side.

use super::raw::RawConfig;
use super::{callers, listen_addr};
use crate::http::Config;
use crate::net::Liveness;

pub(super) fn config(raw: &RawConfig) -> Config {
    Config {
        addr: listen_addr(raw, raw.listen.http_addr, HTTP_PORT),
        max_connections: raw.caps.max_http_connections,
        max_connections_per_peer: raw.caps.max_http_connections_per_peer,
        max_h2_streams: raw.caps.max_http2_streams,
        max_header_bytes: raw.caps.max_http_header_bytes,
        max_headers: raw.caps.max_http_headers,
        liveness: Liveness::new(raw.times.peer_lost_after),
        max_payload: raw.caps.max_payload.into(),
        idle_timeout: raw.times.http_idle_timeout,
        header_timeout: raw.times.http_header_timeout,
        body_timeout: raw.times.http_body_timeout,
        max_wait: raw.times.max_wait,
        call_timeout: raw.times.call_timeout,
        establish_timeout: raw.times.observe_timeout,
        cors_origin: raw.listen.cors_origin.clone(),
        limits: callers::limits(&raw.callers),
        keys: callers::keys(&raw.callers),
        max_group_calls: raw.caps.max_group_calls,
    }
}

/// Where callers connect unless the operator says otherwise: the port of existing RTIO callers.
const HTTP_PORT: u16 = 17917;
