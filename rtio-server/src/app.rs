//! stub
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::config::Config;
use crate::shutdown::Shutdown;

#[derive(Debug)]
pub struct App {
    devices: TcpListener,
    callers: TcpListener,
}

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("cannot bind {addr} (--{flag})")]
    Bind { flag: &'static str, addr: SocketAddr, source: io::Error },
}

impl App {
    #[allow(clippy::missing_errors_doc, reason = "stub")]
    pub async fn build(config: &Config) -> Result<Self, BuildError> {
        Ok(Self {
            devices: bind("device-addr", config.device.addr).await?,
            callers: bind("http-addr", config.http.addr).await?,
        })
    }

    pub fn device_addr(&self) -> SocketAddr {
        self.devices.local_addr().expect("bound")
    }

    pub fn http_addr(&self) -> SocketAddr {
        self.callers.local_addr().expect("bound")
    }

    pub async fn run(self, shutdown: Shutdown) {
        shutdown.triggered().await;
    }
}

async fn bind(flag: &'static str, addr: SocketAddr) -> Result<TcpListener, BuildError> {
    TcpListener::bind(addr).await.map_err(|source| BuildError::Bind { flag, addr, source })
}
