//! Between the session's frames and the socket's bytes: nothing, or TLS. Pure: bytes in, bytes out, no socket and no clock. It
//! lies beside the session under the same lock, so that records leave in the order in which frames were taken.

use std::io::{BufRead, Write};

use rustls::ServerConnection;

/// How frames become bytes of the socket, and bytes frames.
#[derive(Debug)]
pub(super) enum Transport {
    /// They are the same.
    Plain,
    /// Records of TLS after the handshake. Boxed: plain sessions shall not pay for it.
    Tls(Box<Tls>),
}

/// One TLS connection after its handshake.
#[derive(Debug)]
pub(super) struct Tls {
    connection: ServerConnection,
    /// Bytes of records that the socket had no room for. At most what one [`Transport::seal`] made.
    unsent: Vec<u8>,
    /// We have said goodbye: no frame may follow.
    is_closing: bool,
}

/// What goes to the socket next.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) bytes: Vec<u8>,
    /// The end of the frames, which has to wait for its turn.
    pub(super) left: Vec<u8>,
}

/// What the other end means to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Stays,
    /// It will send nothing more, and said so.
    Leaves,
}

impl Transport {
    pub(super) fn tls(mut connection: ServerConnection) -> Self {
        connection.set_buffer_limit(Some(TLS_BUFFER_BYTES));
        Self::Tls(Box::new(Tls { connection, unsent: Vec::new(), is_closing: false }))
    }

    /// Makes bytes of the frames, or of their beginning. Under TLS something may go out although there is no frame.
    pub(super) fn seal(&mut self, frames: Vec<u8>) -> Outgoing {
        match self {
            Self::Plain => Outgoing { bytes: frames, left: Vec::new() },
            Self::Tls(tls) => tls.seal(frames),
        }
    }

    /// Takes the end of what [`seal`](Self::seal) gave, because the socket has no room for it. Frames come back, since they can
    /// go out later, or not at all; records stay, since their order is fixed once they are made.
    pub(super) fn keep_unsent(&mut self, unsent: Vec<u8>) -> Option<Vec<u8>> {
        match self {
            Self::Plain => Some(unsent),
            Self::Tls(tls) => {
                tls.unsent = unsent;
                None
            }
        }
    }

    /// Gives `feed` the frames' bytes in `bytes`, piece by piece.
    ///
    /// # Errors
    ///
    /// The peer broke TLS; what it is told about that comes out of the next [`seal`](Self::seal).
    pub(super) fn open(&mut self, bytes: &[u8], mut feed: impl FnMut(&[u8])) -> Result<Peer, rustls::Error> {
        match self {
            Self::Plain => {
                feed(bytes);
                Ok(Peer::Stays)
            }
            Self::Tls(tls) => tls.open(bytes, feed),
        }
    }

    /// From now on no frame goes out, and TLS says goodbye.
    pub(super) fn close(&mut self) {
        if let Self::Tls(tls) = self {
            tls.is_closing = true;
            tls.connection.send_close_notify();
        }
    }
}

impl Tls {
    fn seal(&mut self, mut frames: Vec<u8>) -> Outgoing {
        if !self.unsent.is_empty() {
            return Outgoing { bytes: std::mem::take(&mut self.unsent), left: frames };
        }
        if self.is_closing {
            frames.clear();
        }
        let mut left = frames.split_off(frames.len().min(SEAL_BYTES));
        // Writing to memory does not fail; it takes less than all at its limit, which is above what is given here.
        let taken = self.connection.writer().write(&frames).unwrap_or(0);
        if taken < frames.len() {
            left.splice(..0, frames.drain(taken..));
        }
        Outgoing { bytes: self.records(frames.len()), left }
    }

    /// The records that wait in rustls, which are little more than `plain_bytes` long.
    fn records(&mut self, plain_bytes: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.connection.wants_write() {
            bytes.reserve(plain_bytes + RECORD_OVERHEAD_BYTES);
        }
        while self.connection.wants_write() && self.connection.write_tls(&mut bytes).is_ok_and(|written| written > 0) {}
        bytes
    }

    fn open(&mut self, mut bytes: &[u8], mut feed: impl FnMut(&[u8])) -> Result<Peer, rustls::Error> {
        loop {
            let state = self.connection.process_new_packets();
            // Also what came before a record that is broken.
            self.feed_all(&mut feed);
            if state?.peer_has_closed() {
                return Ok(Peer::Leaves);
            }
            if bytes.is_empty() {
                return Ok(Peer::Stays);
            }
            // Reading from memory fails only while plaintext waits, and all of it was taken.
            self.connection.read_tls(&mut bytes).map_err(|error| rustls::Error::General(error.to_string()))?;
        }
    }

    fn feed_all(&mut self, feed: &mut impl FnMut(&[u8])) {
        let mut reader = self.connection.reader();
        // What is not there is an error, too.
        while let Ok(plain @ [_, ..]) = reader.fill_buf() {
            feed(plain);
            let taken = plain.len();
            reader.consume(taken);
        }
    }
}

/// Most bytes of frames that become records at once: one full record. What is encrypted cannot be taken back, so it counts as
/// sent; more of it than the socket takes at once would make `Delivery` coarser and hold memory twice.
const SEAL_BYTES: usize = 16 * 1024;

/// What TLS adds to a record of either version, at most: header, nonce or type, tag (RFC 8446 §5.2, RFC 5288 §3). It saves
/// growing the buffer and binds nobody.
const RECORD_OVERHEAD_BYTES: usize = 5 + 8 + 16;

/// Most bytes of records that may wait inside rustls: what is made at once, and room for its own messages.
const TLS_BUFFER_BYTES: usize = 2 * SEAL_BYTES;

#[cfg(test)]
mod tests;
