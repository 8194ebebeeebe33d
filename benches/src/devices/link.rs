//! Makes connections of devices: connect, verify, wait for the answer, many at once. The same clients for the hub and for
//! the bare server.

use std::io;
use std::ops::Range;

use rtio_proto::limits::{HEADER_BYTES, MAX_VERIFY_BODY_BYTES};
use rtio_proto::verify::{DeviceIdRef, Verify};
use rtio_proto::{Capacity, FrameCode, FrameKind, Header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::at_once::for_each;
use crate::error::RunError;
use crate::port::{Port, Stream};
use crate::request::device_id;

/// Connects and verifies the devices with these indexes.
pub(crate) async fn connect_all(hub: impl Into<Port>, indexes: Range<u64>) -> Result<Vec<Stream>, RunError> {
    let hub = hub.into();
    let connect = move |index| {
        let hub = hub.clone();
        async move { connect(&hub, index, Identity { id: &device_id(index), secret: SECRET }).await }
    };
    for_each(indexes, connect).await
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
    let mut stream = hub.connect_device(index).await?;
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

/// As long as the shortest that published servers accept.
const SECRET: &[u8] = b"fleet-secret-of-24-bytes";

/// The first of the connection; the device's next is one more.
pub(super) const VERIFY_MESSAGE_ID: u16 = 1;
