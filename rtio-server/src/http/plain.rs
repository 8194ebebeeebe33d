//! What a caller hears that speaks plain HTTP to a port that speaks HTTPS.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Answers whatever came with 400, and closes the connection.
///
/// # Cancel safety
///
/// Dropping the future closes the connection.
pub(super) async fn refuse(mut stream: TcpStream) {
    // Who does not wait for the answer misses nothing else.
    let _ = tokio::time::timeout(LINGER, say(&mut stream)).await;
}

async fn say(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(ANSWER.as_bytes()).await?;
    stream.shutdown().await?;
    // What is not read when the socket closes makes the system reset the connection, and the answer may be lost with that.
    let mut rest = Box::new([0; 1024]);
    let mut read = 0;
    while read < MAX_REST_BYTES {
        match stream.read(&mut rest[..]).await? {
            0 => break,
            more => read += more,
        }
    }
    Ok(())
}

const ANSWER: &str = "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 41\r\n\
                      connection: close\r\n\r\nthis port speaks HTTPS: begin with https:";

/// How long the caller may take to read the answer and close.
const LINGER: Duration = Duration::from_secs(2);

/// What is read of the request: a head and a body of the usual sizes.
const MAX_REST_BYTES: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_its_length() {
        let (_, body) = ANSWER.split_once("\r\n\r\n").unwrap();
        assert!(ANSWER.contains(&format!("content-length: {}\r\n", body.len())), "{}", body.len());
    }
}
