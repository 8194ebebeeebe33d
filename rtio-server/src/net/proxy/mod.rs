//! PROXY protocol, versions 1 and 2: the header in front of a connection that says whose it is
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>). What the bytes mean is pure; the reader is dull.
//!
//! Called by the gate, for peers that the operator trusts and for nobody else.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Whose header is believed. Such a peer must send one.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
}

impl TrustedProxies {
    /// Those within `networks`; none without any.
    pub const fn new(networks: Vec<IpNet>) -> Self {
        Self { networks }
    }

    /// Whether `peer` is one of them.
    pub fn contains(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.networks.iter().any(|network| network.contains(&peer))
    }
}

/// Why a trusted peer's connection has no header.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// It begins with something else.
    #[error("the connection of a trusted proxy does not begin with a PROXY header that can be understood")]
    Malformed,
    /// It says that it is longer than we read.
    #[error("a PROXY header of {len} bytes, more than {MAX_HEADER_BYTES}")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// It took too long.
    #[error("no whole PROXY header within {} s", PROXY_TIMEOUT.as_secs())]
    TimedOut,
    /// The connection broke.
    #[error("the connection broke before its PROXY header was whole")]
    Broken(#[source] io::Error),
}

/// Reads the header and not a byte more. `None`: it leaves the address of the socket in force (LOCAL, UNKNOWN).
///
/// # Errors
///
/// [`ProxyError`].
///
/// # Cancel safety
///
/// What was read is lost: the connection is of no use afterwards.
pub async fn read_header(stream: impl AsyncRead + Unpin) -> Result<Option<SocketAddr>, ProxyError> {
    match tokio::time::timeout(PROXY_TIMEOUT, read(stream)).await {
        Ok(result) => result,
        Err(_) => Err(ProxyError::TimedOut),
    }
}

async fn read(mut stream: impl AsyncRead + Unpin) -> Result<Option<SocketAddr>, ProxyError> {
    let mut header = Vec::new();
    loop {
        let missing = match judge(&header)? {
            Progress::Missing(count) => count,
            Progress::Whole(source) => return Ok(source),
        };
        let known = header.len();
        header.resize(known + missing, 0);
        stream.read_exact(&mut header[known..]).await.map_err(ProxyError::Broken)?;
    }
}

/// How far a header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// At least so many more bytes belong to it.
    Missing(usize),
    /// It is there, with the source that it names.
    Whole(Option<SocketAddr>),
}

/// What the first bytes of a connection are. Asks for no byte that is not the header's.
fn judge(bytes: &[u8]) -> Result<Progress, ProxyError> {
    if bytes.len() < SHORTEST_BYTES {
        return Ok(Progress::Missing(SHORTEST_BYTES - bytes.len()));
    }
    let missing = if bytes.starts_with(V2_SIGNATURE) {
        missing_of_v2(bytes)?
    } else if bytes.starts_with(b"PROXY ") {
        missing_of_v1(bytes)?
    } else {
        return Err(ProxyError::Malformed);
    };
    if missing > 0 { Ok(Progress::Missing(missing)) } else { source(bytes).map(Progress::Whole) }
}

fn missing_of_v2(bytes: &[u8]) -> Result<usize, ProxyError> {
    let &[.., high, low] = bytes.get(..V2_FIXED_BYTES).unwrap_or_default() else {
        return Ok(V2_FIXED_BYTES - bytes.len());
    };
    let len = V2_FIXED_BYTES + usize::from(u16::from_be_bytes([high, low]));
    if len > MAX_HEADER_BYTES { Err(ProxyError::TooLong { len }) } else { Ok(len - bytes.len()) }
}

/// A line of text ends where it ends: what is missing for certain is the rest of CR LF.
fn missing_of_v1(bytes: &[u8]) -> Result<usize, ProxyError> {
    let missing = match bytes {
        [.., b'\r', b'\n'] => 0,
        [.., b'\r'] => 1,
        _ => 2,
    };
    if bytes.len() + missing > V1_MAX_BYTES { Err(ProxyError::Malformed) } else { Ok(missing) }
}

/// Reads a whole header.
fn source(bytes: &[u8]) -> Result<Option<SocketAddr>, ProxyError> {
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(bytes, config) {
        Ok((header, len)) if len == bytes.len() => match header.proxied_address() {
            None => Ok(None),
            Some(address) if address.protocol == Protocol::Stream => Ok(Some(address.source)),
            Some(_) => Err(ProxyError::Malformed),
        },
        Ok(_) | Err(_) => Err(ProxyError::Malformed),
    }
}

/// What version 2 begins with (§2.2).
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\x00\r\nQUIT\n";

/// Signature, version and command, family and protocol, length (§2.2).
const V2_FIXED_BYTES: usize = 16;

/// The shortest header there is, `PROXY UNKNOWN` and CR LF.
const SHORTEST_BYTES: usize = 15;

/// The longest line of version 1 (§2.1).
const V1_MAX_BYTES: usize = 107;

/// Addresses take 232 bytes at most (§2.2); the rest is for what clouds and TLS add to it, names of certificates among them.
const MAX_HEADER_BYTES: usize = 2048;

/// A proxy sends its header with the first packet; what is longer than retransmissions take is no proxy.
const PROXY_TIMEOUT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
