//! Server-sent events as they come out of a stream (pure). What the hub does not send, such as data of several lines, is not known here.

use std::mem;

/// One event with data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) event: String,
    pub(super) data: String,
}

/// Bytes of a stream, on their way to become messages.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// What came after the last whole line; at most [`MAX_LINE_BYTES`] and one piece.
    unread: Vec<u8>,
    /// Of `unread`: lines up to here were read.
    read: usize,
    begun: Message,
    /// The last id that came. It counts from the end of its event on: one that broke off was not seen.
    id: Option<String>,
    last_id: Option<String>,
}

/// What comes is no stream of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line of the stream is longer than {MAX_LINE_BYTES} bytes")]
pub(super) struct LineTooLong;

impl Messages {
    /// Takes what came.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.unread.drain(..mem::take(&mut self.read));
        self.unread.extend_from_slice(bytes);
    }

    /// The next message; `None`: more must come first.
    ///
    /// # Errors
    ///
    /// [`LineTooLong`].
    pub(super) fn next(&mut self) -> Result<Option<Message>, LineTooLong> {
        while let Some(line) = self.line()? {
            if let Some(message) = self.take(&line) {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// The place to go on from.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// Reads a line; an empty one ends a message.
    fn take(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            self.last_id.clone_from(&self.id);
            return Some(mem::take(&mut self.begun)).filter(|message| !message.data.is_empty());
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.begun.event),
            "data" => value.clone_into(&mut self.begun.data),
            // A comment, the time to wait, or what a later hub may say.
            _ => {}
        }
        None
    }

    fn line(&mut self) -> Result<Option<String>, LineTooLong> {
        let rest = &self.unread[self.read..];
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return if rest.len() > MAX_LINE_BYTES { Err(LineTooLong) } else { Ok(None) };
        };
        let line = String::from_utf8_lossy(&rest[..end]).trim_end_matches('\r').to_owned();
        self.read += end + 1;
        Ok(Some(line))
    }
}

/// Far above the longest event, some 400 bytes.
const MAX_LINE_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = "retry: 2000\n: hello\nid: 6\n\nid: 7\nevent: online\ndata: {\"a\":1}\n\n: keep-alive\r\nid: 9\r\n\r\n\
                          event: reset\ndata:x\n\nid: 10\nevent: half";

    fn message(event: &str, data: &str) -> Message {
        Message { event: event.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn pieces_of_any_size_make_the_same_messages() {
        for size in [1, 2, 3, 7, 1000] {
            let (mut messages, mut got) = (Messages::default(), Vec::new());
            for piece in STREAM.as_bytes().chunks(size) {
                messages.feed(piece);
                got.extend(std::iter::from_fn(|| messages.next().unwrap()));
            }
            assert_eq!(got, [message("online", "{\"a\":1}"), message("reset", "x")], "{size}");
            assert_eq!(messages.last_id(), Some("9"), "an id counts without data, too, but not without an end");
        }
    }

    #[test]
    fn a_line_without_end_is_given_up() {
        let mut messages = Messages::default();
        messages.feed(&[b'x'; MAX_LINE_BYTES]);
        assert_eq!(messages.next(), Ok(None));
        messages.feed(b"x");
        assert_eq!(messages.next(), Err(LineTooLong));
    }
}
