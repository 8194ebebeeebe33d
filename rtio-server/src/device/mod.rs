//! stub
use rtio_proto::session::SessionLimits;
use std::net::SocketAddr;
#[derive(Debug, Clone)]
pub struct Config {
    pub addr: SocketAddr,
    pub max_connections: usize,
    pub max_unverified: usize,
    pub session: SessionLimits,
}
