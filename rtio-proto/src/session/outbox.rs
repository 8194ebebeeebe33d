//! What waits to be sent, as one run of bytes whose positions in the whole stream are known, so that a request that never
//! left can be told from one that did, and be taken back.

use alloc::vec::Vec;

use crate::error::EncodeError;
use crate::header::{FrameCode, FrameKind, header_of};
use crate::limits::HEADER_BYTES;

/// Bytes that are not handed to the transport yet.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    /// Position in the stream of `bytes[0]`: all before it was handed over.
    handed_over: u64,
}

/// Where a frame lies in the stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) len: usize,
}

impl Outbox {
    /// Appends a frame.
    pub(super) fn push(
        &mut self,
        kind: FrameKind,
        code: FrameCode,
        raw_message_id: u16,
        body: &[&[u8]],
    ) -> Result<Span, EncodeError> {
        let header = header_of(kind, code, raw_message_id, body)?;
        let start = self.handed_over + self.bytes.len() as u64;
        self.bytes.reserve(HEADER_BYTES + usize::from(header.body_bytes));
        self.bytes.extend_from_slice(&header.encode());
        for part in body {
            self.bytes.extend_from_slice(part);
        }
        Ok(Span { start, len: HEADER_BYTES + usize::from(header.body_bytes) })
    }

    /// Hands everything over to the transport.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        if self.bytes.is_empty() {
            return None;
        }
        self.handed_over += self.bytes.len() as u64;
        Some(core::mem::take(&mut self.bytes))
    }

    /// Takes back the end of what was handed over, because the transport has no room for it.
    pub(super) fn put_back(&mut self, mut unsent: Vec<u8>) {
        self.handed_over -= unsent.len() as u64;
        unsent.append(&mut self.bytes);
        self.bytes = unsent;
    }

    /// Whether no byte of the frame at `span` was handed over.
    pub(super) fn holds(&self, span: Span) -> bool {
        span.start >= self.handed_over
    }

    /// Removes a frame that this outbox [`holds`](Self::holds). Later frames move forward by its length; says whether there
    /// are any.
    pub(super) fn withdraw(&mut self, span: Span) -> bool {
        let start = usize::try_from(span.start - self.handed_over).expect("within the queued bytes");
        self.bytes.drain(start..start + span.len);
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
        start < self.bytes.len()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}
