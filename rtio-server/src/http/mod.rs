//! stub
use std::net::SocketAddr;
use std::time::Duration;
#[derive(Debug, Clone)]
pub struct Config {
    pub addr: SocketAddr,
    pub max_connections: usize,
    pub idle_timeout: Duration,
    pub header_timeout: Duration,
    pub max_wait: Duration,
    pub call_timeout: Duration,
    pub establish_timeout: Duration,
    pub cors_origin: String,
}
