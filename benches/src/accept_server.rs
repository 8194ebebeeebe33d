//! The baseline for connecting: accepts a device, reads its verification, answers success, and keeps the connection. What
//! any server on this runtime has to do at least.

use std::io;
use std::net::Ipv4Addr;

use rtio_proto::decoder::FrameDecoder;
use rtio_proto::limits::MAX_VERIFY_BODY_BYTES;
use rtio_proto::{FrameCode, FrameKind, Header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::error::RunError;

/// Serves until the tool that started it is gone.
pub(crate) async fn run() -> Result<(), RunError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(RunError::io("listen"))?;
    println!("devices {}", listener.local_addr().map_err(RunError::io("read the address"))?);
    tokio::select! {
        () = serve(listener) => {}
        () = parent_gone() => {}
    }
    Ok(())
}

/// Ends when the process that started this one closes the pipe to it.
pub(crate) async fn parent_gone() {
    // The end of input and an error mean the same.
    let _ = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink())).await;
}

/// Serves until dropped.
pub(crate) async fn serve(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            // Ends when the device leaves; it has no one to tell.
            let _ = serve_device(stream).await;
        });
    }
}

async fn serve_device(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let raw_message_id = read_verify(&stream).await?;
    let kind = FrameKind::DeviceVerifyResp;
    let response = Header { kind, code: FrameCode::Success, raw_message_id, body_bytes: 0 };
    stream.write_all(&response.encode()).await?;
    // Idle from here on: a byte in the task, and no buffer.
    stream.read(&mut [0]).await.map(|_| ())
}

async fn read_verify(stream: &TcpStream) -> io::Result<u16> {
    let mut decoder = FrameDecoder::<Vec<u8>>::new(MAX_VERIFY_BODY_BYTES);
    loop {
        stream.readable().await?;
        // On the stack and never across an await, so that the task stays small.
        let mut buffer = [0; MAX_VERIFY_BODY_BYTES];
        let read = match stream.try_read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let (_, frame) = decoder.decode(&buffer[..read]).map_err(io::Error::other)?;
        if let Some(frame) = frame {
            return Ok(frame.header.raw_message_id);
        }
    }
}
