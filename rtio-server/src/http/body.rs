//! Bodies: reading a caller's within limits of size and time, and what our answers are made of.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::observe::ObservationBody;

/// Body of an answer.
#[derive(Debug)]
pub(super) enum ReplyBody {
    /// All of it.
    Whole(Bytes),
    /// Lines as an observation gives them.
    Observation(Box<ObservationBody>),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Observation(observation) => observation.poll_lines(cx).map(|lines| lines.map(|l| Ok(Frame::data(l)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Observation(_) => SizeHint::default(),
        }
    }
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BodyError {
    #[error("the body has more than {max} bytes")]
    TooLong { max: usize },
    #[error("the body did not arrive within {} s", limit.as_secs_f64())]
    TooSlow { limit: Duration },
    #[error("the body broke off")]
    Broken,
}

/// Reads a body of at most `max` bytes within `limit`. Stops at the first byte too many.
///
/// # Errors
///
/// [`BodyError`].
///
/// # Cancel safety
///
/// What was read is lost with the request.
pub(super) async fn read(body: Incoming, max: usize, limit: Duration) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > max as u64 {
        return Err(BodyError::TooLong { max });
    }
    match tokio::time::timeout(limit, collect(body, max)).await {
        Ok(body) => body,
        Err(_) => Err(BodyError::TooSlow { limit }),
    }
}

/// Nearly always the body comes in one piece, which is passed on as it is.
async fn collect(mut body: Incoming, max: usize) -> Result<Bytes, BodyError> {
    let mut whole = Bytes::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        if whole.len() + piece.len() > max {
            return Err(BodyError::TooLong { max });
        }
        whole = if whole.is_empty() { piece } else { joined(whole, &piece) };
    }
    Ok(whole)
}

fn joined(front: Bytes, back: &[u8]) -> Bytes {
    let mut joined = BytesMut::from(front);
    joined.extend_from_slice(back);
    joined.freeze()
}
