//! Lines of an answer that goes on: an observation's, a group call's.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// Lines of a body that has no end yet.
#[derive(Debug)]
pub(super) struct Lines {
    body: Incoming,
    /// What came after the last whole line; at most `MAX_LINE_BYTES` and one chunk.
    unread: BytesMut,
}

impl Lines {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, unread: BytesMut::new() }
    }

    /// The next line that is not empty; `None` at the end of the body. An unfinished last line counts as none.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Box<dyn std::error::Error + Send + Sync>> {
        loop {
            match self.take_line() {
                Some(line) if line.trim_ascii().is_empty() => continue,
                Some(line) => return Ok(Some(line)),
                None => {}
            }
            if self.unread.len() > MAX_LINE_BYTES {
                return Err(format!("a line is longer than {MAX_LINE_BYTES} bytes").into());
            }
            match self.body.frame().await.transpose()? {
                Some(frame) => self.unread.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new())),
                None => return Ok(None),
            }
        }
    }

    fn take_line(&mut self) -> Option<Bytes> {
        let end = self.unread.iter().position(|&byte| byte == b'\n')?;
        Some(self.unread.split_to(end + 1).freeze().slice(..end))
    }
}

/// Far above the longest line: how a control device with all sources and resources stands, in base64.
pub(super) const MAX_LINE_BYTES: usize = 8 * 1024 * 1024;
