//! How a device reaches its hub: the seam between the session's task and a transport. A new transport is a new [`Dial`].

use std::future::Future;
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::error::chain;

/// Makes connections to the hub.
pub trait Dial: Send + Sync + 'static {
    /// A connection: a stream of bytes in both directions.
    type Stream: AsyncRead + AsyncWrite + Send + 'static;

    /// Makes one connection. It is dropped when it takes longer than 10 s.
    ///
    /// # Errors
    ///
    /// It is tried again later, whatever the error is. Of kind [`InvalidData`](io::ErrorKind::InvalidData) it says that what
    /// answered is not the hub that was meant, which is logged as a warning; the rest is logged for debugging.
    fn dial(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Plain TCP.
#[derive(Debug, Clone)]
pub struct Tcp {
    address: String,
}

impl Tcp {
    /// To `HOST:PORT`. The name is looked up for each connection, so that a hub may move.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into() }
    }
}

impl Dial for Tcp {
    type Stream = TcpStream;

    async fn dial(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(&self.address).await?;
        // Frames are small and each waits for an answer: Nagle's algorithm would only add its delay.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Says why there is no connection, or none any more.
pub(crate) fn log_failure(error: &io::Error, what: &'static str) {
    let causes = chain(error);
    if error.kind() == io::ErrorKind::InvalidData {
        tracing::warn!(error = causes, "{what}");
    } else {
        tracing::debug!(error = causes, "{what}");
    }
}
