//! An answer that comes line by line, read to its end.

use std::io;

use tokio::io::AsyncReadExt;

use crate::http_answer::{ChunkedLines, Framing, Head, Unreadable};
use crate::port::Stream;

/// Reads an answer of status 200 and gives `each` its lines as they come.
///
/// # Errors
///
/// What the socket says; an end before the answer's; whatever is no such answer.
pub(crate) async fn read_lines(stream: &mut Stream, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(READ_BYTES);
    read_head(stream, &mut buffer).await?;
    let mut lines = ChunkedLines::default();
    loop {
        lines.feed(&buffer, &mut each).map_err(|Unreadable| unreadable(&buffer))?;
        if lines.has_ended() {
            return Ok(());
        }
        buffer.clear();
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Reads up to the body; what was read of it stays in `buffer`.
async fn read_head(stream: &mut Stream, buffer: &mut Vec<u8>) -> io::Result<()> {
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(head) = Head::decode(buffer).map_err(|Unreadable| unreadable(buffer))? else { continue };
        if (head.status, head.framing) != (200, Framing::Chunked) {
            return Err(unreadable(buffer));
        }
        buffer.drain(..head.length);
        return Ok(());
    }
}

fn unreadable(bytes: &[u8]) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unreadable answer {}", bytes.escape_ascii()))
}

/// Some hundred lines at once.
const READ_BYTES: usize = 8 * 1024;
