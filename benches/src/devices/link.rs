//! Makes connections of devices: connect, verify, wait for the answer, many at once. The same clients for the hub and for
//! the bare server.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtio_proto::limits::{HEADER_BYTES, MAX_VERIFY_BODY_BYTES};
use rtio_proto::verify::{DeviceIdRef, Verify};
use rtio_proto::{Capacity, FrameCode, FrameKind, Header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;

use crate::error::RunError;
use crate::port::{Port, Stream};
use crate::request::device_id;
use crate::stall::join_unless_stalled;

/// Connects and verifies the devices with these indexes, [`CONCURRENCY`] at a time, each next one as soon as one is in.
pub(crate) async fn connect_all(hub: impl Into<Port>, indexes: Range<u64>) -> Result<Vec<Stream>, RunError> {
    let hub = hub.into();
    let next = Arc::new(AtomicU64::new(indexes.start));
    let tasks: JoinSet<_> =
        (0..CONCURRENCY).map(|_| connect_some(hub.clone(), Arc::clone(&next), indexes.end)).collect();
    let (results, stuck) = join_unless_stalled(tasks, &next).await;
    if stuck > 0 {
        return Err(RunError::ConnectionsHung { stuck });
    }
    let streams: Result<Vec<_>, _> = results.into_iter().collect();
    Ok(streams?.into_iter().flatten().collect())
}

async fn connect_some(hub: Port, next: Arc<AtomicU64>, end: u64) -> Result<Vec<Stream>, RunError> {
    let mut streams = Vec::new();
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= end {
            return Ok(streams);
        }
        let id = device_id(index);
        streams.push(connect(&hub, index, Identity { id: &id, secret: SECRET }).await?);
    }
}

/// Who a device says it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity<'a> {
    pub(super) id: &'a str,
    pub(super) secret: &'a [u8],
}

/// Connects and verifies one device; `index` says from which address.
pub(super) async fn connect(hub: &Port, index: u64, identity: Identity<'_>) -> Result<Stream, RunError> {
    let answer = verified(hub, index, identity).await.map_err(RunError::io(format!("connect device {index}")))?;
    let (stream, raw) = answer;
    match Header::decode(raw) {
        Ok(header) if header.kind == FrameKind::DeviceVerifyResp && header.code == FrameCode::Success => Ok(stream),
        Ok(_) | Err(_) => Err(RunError::NotVerified { index, answer: raw }),
    }
}

async fn verified(hub: &Port, index: u64, identity: Identity<'_>) -> io::Result<(Stream, [u8; HEADER_BYTES])> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(source_address(index))?;
    let mut stream = hub.secure(socket.connect(hub.address).await?).await?;
    let mut request = [0; HEADER_BYTES + MAX_VERIFY_BODY_BYTES];
    let length = write_verify(identity, &mut request);
    stream.write_all(&request[..length]).await?;
    stream.flush().await?;
    let mut answer = [0; HEADER_BYTES];
    stream.read_exact(&mut answer).await?;
    Ok((stream, answer))
}

fn write_verify(Identity { id, secret }: Identity<'_>, out: &mut [u8]) -> usize {
    let id = DeviceIdRef::parse(id.as_bytes()).expect("ids of the load are sound");
    let verify = Verify { capacity: Capacity::Bytes512, id, secret };
    verify.encode(VERIFY_MESSAGE_ID, out).expect("the buffer holds the longest there is")
}

/// Spread over many, because one has 28,000 ports towards one server, and closed connections keep theirs for a minute.
fn source_address(index: u64) -> SocketAddr {
    let low = u8::try_from(index % SOURCE_ADDRESSES).expect("less than 256 of them");
    SocketAddrV4::new(Ipv4Addr::new(127, 0, 1, 1 + low), 0).into()
}

/// Enough to keep two cores busy on both sides.
const CONCURRENCY: u64 = 64;

const SOURCE_ADDRESSES: u64 = 64;

/// As long as the shortest that published servers accept.
const SECRET: &[u8] = b"fleet-secret-of-24-bytes";

/// The first of the connection; the device's next is one more.
pub(super) const VERIFY_MESSAGE_ID: u16 = 1;
